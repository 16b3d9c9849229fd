"""The tags of now, asked of a child that alone reads the secret."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd.process.fork import fork_child
from knockd.signed import live_tags, signed_child
from knockd.signed.live_tags import ask_live_minutes, find_signed_now, seconds_left
from knockd_conf.model import Config, Door, Options
from knockd_conf.signed_packet import MinuteKeys, derive_minute
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import door
from tests.support.doubles.signed import signed_door

SECRET = bytes(range(32))
NOW = 1_764_500_000.5
MINUTE = 29_408_333
POLICY = TrustPolicy.current()
LIVE = tuple(
    SignedMinute(at, b"", MinuteKeys(at, derive_minute(SECRET, at)).tag)
    for at in range(MINUTE - 1, MINUTE + 2)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a knock secret."""
    made = tmp_path / "knock_secret"
    made.touch(0o600)
    made.write_text(f"# of this host\n{b64encode(SECRET).decode()}\n")
    return made


def test_live_minutes(path: Path) -> None:
    """Three minutes are live, with the tags of the specification and no key."""
    assert ask_live_minutes(fork_child, str(path), POLICY, NOW) == LIVE


def test_child_is_gone(path: Path) -> None:
    """The child has ended and is collected when the answer is there."""
    children: list[int] = []

    def fork(main: Callable[[], int], keep: Iterable[int]) -> int:
        children.append(fork_child(main, keep))
        return children[-1]

    ask_live_minutes(fork, str(path), POLICY, NOW)
    with pytest.raises(ChildProcessError):
        os.waitpid(children[0], os.WNOHANG)


@pytest.mark.parametrize(
    ("now", "minute"),
    [(MINUTE * 60.0, MINUTE), (MINUTE * 60 - 0.001, MINUTE - 1), (MINUTE * 60 + 59.999, MINUTE)],
)
def test_edges_of_a_minute(path: Path, now: float, minute: int) -> None:
    """A minute begins with its first second."""
    found = ask_live_minutes(fork_child, str(path), POLICY, now)
    assert [minute - 1, minute, minute + 1] == [one.minute for one in found]


def test_seconds_left() -> None:
    """Knocks of a minute count until the one behind it is over."""
    assert [60.0, 120.0, 180.0] == [seconds_left(at, 600.0) for at in (9, 10, 11)]


def make_missing(path: Path) -> None:
    """No file."""
    path.unlink()


def make_readable(path: Path) -> None:
    """A file that others can read."""
    path.chmod(0o644)


def make_bad(path: Path) -> None:
    """A file that holds something else."""
    path.write_text("hunter2\n")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (make_missing, "No such file or directory"),
        (make_readable, "others"),
        (make_bad, "base64"),
    ],
)
def test_secret_that_cannot_be_had(path: Path, spoil: Callable[[Path], None], expected: str) -> None:
    """The reason comes back, and never what is in the file."""
    spoil(path)
    with pytest.raises(OSError, match=expected) as caught:
        ask_live_minutes(fork_child, str(path), POLICY, NOW)
    assert "hunter2" not in str(caught.value)


def test_no_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ends without an answer is an error."""
    monkeypatch.setattr(signed_child, "write_answer", lambda _: b"")
    with pytest.raises(OSError, match="no answer"):
        ask_live_minutes(fork_child, str(path), POLICY, NOW)


def test_nothing_is_read_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the child reads the file."""
    read: list[str] = []

    def note(name: str, _policy: TrustPolicy) -> bytes:
        read.append(name)
        return SECRET

    monkeypatch.setattr(signed_child, "read_knock_secret", note)
    assert ask_live_minutes(fork_child, str(path), POLICY, NOW) == LIVE
    assert [] == read


def config(path: Path | str | None, *doors: Door) -> Config:
    """A configuration with this secret."""
    options = Options(knock_secret=None if path is None else str(path))
    return Config("/etc/knockd.conf", options, doors, "host", ("/etc/knockd.conf",))


def test_watch_of_now(path: Path) -> None:
    """The ports of all doors, with the live minutes."""
    said: list[str] = []
    found = find_signed_now(config(path, signed_door(), door("1 2", "other")), NOW, said.append)
    assert SignedWatch((SignedPort(47_811),), LIVE) == found
    assert [] == said


def test_left_out() -> None:
    """Without the secret no minute is live, and that is said with the reason."""
    said: list[str] = []
    found = find_signed_now(config("/no\x1bne", signed_door()), NOW, said.append)
    assert SignedWatch((SignedPort(47_811),), ()) == found
    assert [r"signed knocks are left out: /no\x1bne: No such file or directory"] == said


def test_no_child(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no child can be started the reason is said."""

    def refuse(_main: Callable[[], int], _keep: Iterable[int]) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(live_tags, "fork_child", refuse)
    said: list[str] = []
    assert () == find_signed_now(config(path, signed_door()), NOW, said.append).minutes
    assert [f"signed knocks are left out: {path}: Resource temporarily unavailable"] == said


@pytest.mark.parametrize("doors", [(), (door("1 2"),), (signed_door(signed_port=0),)])
def test_no_signed_door(path: Path, doors: tuple[Door, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without such a door nothing is read."""
    monkeypatch.setattr(live_tags, "ask_live_minutes", None)
    said: list[str] = []
    assert SignedWatch((), ()) == find_signed_now(config(path, *doors), NOW, said.append)
    assert [] == said
