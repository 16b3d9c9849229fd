"""What tools know of signed knocks: asked of a child, and what cannot be had is said once."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.replay import signed_means as module
from knockd.replay.signed_means import SignedMeans
from knockd.signed.secret_teller import SecretTeller
from knockd_conf.model import Config, Options
from knockd_conf.signed_packet import MinuteKeys, derive_host, derive_minute
from tests.support.doubles.played import door
from tests.support.doubles.signed_replays import SSH
from tests.support.samples.signed_vectors import KEYS

SECRET = bytes(range(32))
MINUTE = 29_934_720


def configured(folder: Path, *lines: str, secret: str = b64encode(SECRET).decode()) -> Config:
    """A plain door and one of signed knocks, whose files are in a folder."""
    paths = folder / "secret", folder / "keys"
    for path, text in zip(paths, (secret, "\n".join(lines)), strict=True):
        path.touch(0o600)
        path.write_text(f"{text}\n")
    signed = replace(SSH, authorized_keys=str(paths[1]))
    options = Options(knock_secret=str(paths[0]))
    return Config("/etc/knockd.conf", options, (door("1 2"), signed), "host", ("/etc/knockd.conf",))


def test_means(tmp_path: Path) -> None:
    """The child tells identity and keys once, and keys of minutes and the minute of a tag at any time."""
    said: list[str] = []
    with SignedMeans(configured(tmp_path, KEYS["alice"].line), said.append) as made:
        assert made.means is not None
        assert made.means.answer.secret.host == derive_host(SECRET)
        assert [key.comment for key in made.means.answer.files[0].keys] == ["alice@laptop"]
        assert made.means.told.derive(range(MINUTE, MINUTE + 1)) == {MINUTE: derive_minute(SECRET, MINUTE)}
        tag = MinuteKeys(MINUTE, derive_minute(SECRET, MINUTE)).tag
        assert made.means.told.find_minute(tag, MINUTE + 99) == MINUTE
        assert not made.means.is_past(replace(SSH, expires="2099-01-01"), 1.7e9)
        assert made.means.is_past(replace(SSH, expires="2020-01-01"), 1.7e9)
    assert said == []


def test_lines_that_are_no_keys(tmp_path: Path) -> None:
    """What is wrong with a line is said, and the other keys count."""
    said: list[str] = []
    config = configured(tmp_path, "x", KEYS["alice"].line)
    with SignedMeans(config, said.append) as made:
        assert made.means is not None
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path}/keys: line 1: expected ")


def test_without_signed_doors(tmp_path: Path) -> None:
    """Nothing is started for doors without signed knocks."""
    config = configured(tmp_path)
    with SignedMeans(replace(config, doors=config.doors[:1]), pytest.fail) as made:
        assert made.means is None
        assert (made.derive(range(3)), made.find_minute(bytes(4), 7)) == ({}, None)


def test_secret_that_cannot_be_used(tmp_path: Path) -> None:
    """It is named, with what is wrong with it, and no packet can be judged."""
    said: list[str] = []
    config = configured(tmp_path, KEYS["alice"].line, secret="x")
    with SignedMeans(config, said.append) as made:
        assert made.means is None
    assert len(said) == 1
    assert said[0].startswith(f"signed knocks are left out: {tmp_path}/secret: line 1: expected ")


def test_no_pynacl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyNaCl no packet can be judged, and what is missing is said."""
    monkeypatch.setattr(module, "explain_missing", lambda: "expected PyNaCl, got none")
    said: list[str] = []
    with SignedMeans(configured(tmp_path, KEYS["alice"].line), said.append) as made:
        assert made.means is None
    assert said == ["signed knocks are left out: expected PyNaCl, got none"]


def test_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a child signed knocks are left out, and that is said."""

    def refuse(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module, "fork_child", refuse)
    said: list[str] = []
    with SignedMeans(configured(tmp_path, KEYS["alice"].line), said.append) as made:
        assert made.means is None
    assert said == ["signed knocks are left out: Resource temporarily unavailable"]


def test_child_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the child has ended no further minute is known, and that is said once."""

    class Ended(SecretTeller):
        def derive(self, minutes: range) -> dict[int, bytes]:
            raise OSError(32, f"gone at {minutes.start}")

        def find_minute(self, tag: bytes, near: int) -> int | None:
            raise OSError(32, f"gone at {tag!r} {near}")

    monkeypatch.setattr(module, "SecretTeller", Ended)
    for asks in (lambda made: made.derive(range(7, 9)), lambda made: made.find_minute(b"tag", 7)):
        said: list[str] = []
        with SignedMeans(configured(tmp_path, KEYS["alice"].line), said.append) as made:
            assert not asks(made)  # type: ignore[no-untyped-call]
            assert (made.derive(range(3)), made.find_minute(bytes(4), 7)) == ({}, None)
        assert len(said) == 1
        assert said[0].startswith("signed knocks are left out: gone at ")
