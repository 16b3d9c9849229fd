"""What tools know of keys: asked of a child, and what cannot be had is said once."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path

import pytest

from knockd.replay import keys as module
from knockd.replay.keys import Keys, find_watches_now
from knockd.sequences.key_teller import KeyTeller, Told
from knockd_conf.model import Config, Options
from knockd_conf.rotating import rule_of
from knockd_conf.timed import derive_ports
from tests.support.doubles.played import door
from tests.support.doubles.replays import base_of

KEY = bytes(range(32))
NOW = 1_793_646_785.5


def configured(folder: Path) -> Config:
    """A plain door, one with a key, and one whose key file is missing."""
    path = folder / "home.key"
    path.write_text(f"ann {b64encode(KEY).decode()}\n")
    path.chmod(0o600)
    doors = door("1 2"), door("", "home", sequence_key=str(path)), door("", "no\x1b", sequence_key="/none")
    return Config("/etc/knockd.conf", Options(), doors, "host", ("/etc/knockd.conf",))


def test_asked_again(tmp_path: Path) -> None:
    """Sequences are told for every time, and what is missing is said once."""
    said: list[str] = []
    with Keys(configured(tmp_path), said.append) as keys:
        found = [[(one.door, one.now) for one in keys.ask(NOW + seconds)] for seconds in (0, 3_000)]
    assert found == [[(1, int(NOW // 30))], [(1, int(NOW // 30) + 100)]]
    assert said == [r"door no\x1b is left out: /none: No such file or directory"]


def test_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a child doors with keys are left out, and that is said."""

    def refuse(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module, "fork_child", refuse)
    said: list[str] = []
    with Keys(configured(tmp_path), said.append) as keys:
        assert keys.ask(NOW) == ()
    assert said == ["doors with a Sequence_Key are left out: Resource temporarily unavailable"]


def test_child_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the child has ended these doors are left out from then on."""

    class Ended(KeyTeller):
        def ask(self, now: float) -> Told:
            raise OSError(32, f"gone at {now}")

    monkeypatch.setattr(module, "KeyTeller", Ended)
    said: list[str] = []
    with Keys(configured(tmp_path), said.append) as keys:
        assert [keys.ask(NOW), keys.ask(NOW)] == [(), ()]
    assert said == [f"doors with a Sequence_Key are left out: gone at {NOW}"]


def test_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watches of now open by the sequences of the time of day."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    config = configured(tmp_path)
    made = find_watches_now(config, base_of(*config.doors), lambda _: None)
    current = made.find_current(1)
    assert current is not None
    expected = derive_ports(KEY, "home", int(NOW // 30), rule_of(config.doors[1])).steps
    assert [step.port for step in current.steps] == [port.port for port in expected]
    assert made.newest == round(NOW * 1e6)
