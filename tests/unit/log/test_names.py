"""Names of addresses: asked for in a process of their own, which may take its time."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from knockd.log import names as lookup
from knockd.log.names import BURST, MAX_LOOKUPS, MAX_NAMES, REMEMBER, REMEMBER_SILENCE, Names
from knockd.process.fork import fork_child
from knockd.process.loop import Loop
from tests.support.doubles.driven_loop import DrivenLoop

ALICE, BOB = "192.0.2.1", "2001:db8::2"
PATIENCE = 60
"""Seconds that a look-up of a test may take at most: on a busy machine a fork takes long."""


class Asked:
    """Look-ups on a loop of their own; ``answers`` has what came, in order."""

    def __init__(self) -> None:
        self.loop = DrivenLoop()
        self.pids: list[int] = []
        self.names = Names(self.loop, self._fork)
        self.answers: list[tuple[str, str]] = []

    def _fork(self, main: Callable[[], int], keep: Any) -> int:
        self.pids.append(fork_child(main, keep))
        return self.pids[-1]

    def ask(self, address: str) -> None:
        """Asks for a name."""
        self.names.look_up(address, lambda name: self.answers.append((address, name)))

    def wait(self, count: int) -> list[tuple[str, str]]:
        """The answers, as soon as there are ``count``."""
        self.loop.until(lambda: len(self.answers) >= count, PATIENCE)
        return self.answers

    def gone(self) -> None:
        """Waits until no process of a look-up is left."""
        self.loop.until(lambda: not any(Path("/proc", str(pid)).exists() for pid in self.pids), PATIENCE)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Look-ups that have not begun; none ends by itself before it has answered."""
    monkeypatch.setattr(lookup, "TIMEOUT", PATIENCE)
    monkeypatch.setattr(lookup, "LIFETIME", PATIENCE)
    made = Asked()
    yield made
    made.gone()
    made.loop.close()


class _Still:
    """A loop on which time stands still, until a test sets ``now``; its timers go by the real one."""

    def __init__(self, loop: Loop, now: float) -> None:
        self._loop = loop
        self.now = now

    def time(self) -> float:
        """The one time there is."""
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


def answers(monkeypatch: pytest.MonkeyPatch, look_up: Callable[[str], str]) -> None:
    """Lets the system's resolver answer with what ``look_up`` returns or raises."""
    monkeypatch.setattr(socket, "gethostbyaddr", lambda address: (look_up(address), [], [address]))


def nobody(_address: str) -> str:
    """The resolver's answer when there is no name."""
    raise socket.herror(1, "Unknown host")


def never(_address: str) -> str:
    """A resolver that does not answer."""
    signal.pause()
    return ""


def test_name(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name comes, and is known from then on."""
    answers(monkeypatch, lambda address: f"host-of-{address.replace(':', '-')}.example")
    asked.ask(ALICE)
    asked.ask(BOB)
    names = {ALICE: "host-of-192.0.2.1.example", BOB: "host-of-2001-db8--2.example"}
    assert (dict(asked.wait(2)), asked.names.known_name(ALICE)) == (names, names[ALICE])


def test_unknown_yet(asked: Asked) -> None:
    """What was never asked for is not known."""
    assert asked.names.known_name(ALICE) is None


def test_no_name(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a name is answered with an empty one, and that is known too."""
    answers(monkeypatch, nobody)
    asked.ask(ALICE)
    assert (asked.wait(1), asked.names.known_name(ALICE)) == ([(ALICE, "")], "")


@pytest.mark.parametrize(
    "failure", [OSError("no"), UnicodeError("label too long")], ids=["system", "encoding"]
)
def test_failing_resolver(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, failure: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the resolver raises, there is no name."""

    def fail(_address: str) -> str:
        raise failure

    answers(monkeypatch, fail)
    asked.ask(ALICE)
    found = asked.wait(1)
    assert (found, capfd.readouterr().err) == ([(ALICE, "")], "")


def test_slow_resolver(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time the address is answered without a name, and the process is ended."""
    monkeypatch.setattr(lookup, "TIMEOUT", 0.05)
    answers(monkeypatch, never)
    asked.ask(ALICE)
    found = asked.wait(1)
    asked.gone()
    with pytest.raises(ProcessLookupError):
        os.kill(asked.pids[0], 0)
    assert found == [(ALICE, "")]


def test_silence_is_not_remembered_for_long(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that nobody could tell about is asked for again later; one without a name much later."""
    answers(monkeypatch, lambda address: never(address) if address == ALICE else nobody(address))
    still = _Still(asked.loop, 1_000.0)
    monkeypatch.setattr(asked.names, "_loop", still)
    asked.ask(BOB)
    asked.wait(1)
    monkeypatch.setattr(lookup, "TIMEOUT", 0.05)
    asked.ask(ALICE)
    asked.wait(2)
    known = []
    for seconds in (REMEMBER_SILENCE - 1, REMEMBER_SILENCE, REMEMBER - 1, REMEMBER):
        still.now = 1_000.0 + seconds
        known.append((asked.names.known_name(ALICE), asked.names.known_name(BOB)))
    assert known == [("", ""), (None, ""), (None, ""), (None, None)]


def test_flood_of_sources(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast answers come, so many look-ups begin in a burst, and a few a second after it."""
    answers(monkeypatch, lambda _: "x.example")
    now = asked.loop.time()
    monkeypatch.setattr(asked.names, "_loop", _Still(asked.loop, now))
    begun = 0
    while begun < 10 * BURST and not asked.names.is_full():
        asked.ask(f"10.0.0.{begun}")
        begun += 1
        asked.wait(begun)
        asked.gone()
    assert begun == BURST


def test_process_that_cannot_end(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that the kernel does not let go (a dead file server) is counted, and nothing waits for it."""
    monkeypatch.setattr(lookup, "TIMEOUT", 0.05)
    monkeypatch.setattr(os, "kill", lambda *_: None)
    answers(monkeypatch, never)
    for number in range(MAX_LOOKUPS):
        asked.ask(f"192.0.2.{number}")
    asked.wait(MAX_LOOKUPS)
    full = asked.names.is_full()
    monkeypatch.undo()
    for pid in asked.pids:
        os.kill(pid, signal.SIGKILL)
    asked.gone()
    assert (full, asked.names.is_full()) == (True, False)


def test_asked_twice(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look-up answers everybody who asked for its address."""
    answers(monkeypatch, lambda _: "alice.example")
    asked.ask(ALICE)
    asked.ask(ALICE)
    assert (asked.wait(2), len(asked.pids)) == ([(ALICE, "alice.example")] * 2, 1)


def test_full(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many look-ups run at once and no more; afterwards there is room again."""
    answers(monkeypatch, lambda _: "x.example")
    room = []
    for number in range(MAX_LOOKUPS):
        room.append(asked.names.is_full())
        asked.ask(f"192.0.2.{number}")
    full = asked.names.is_full()
    asked.wait(MAX_LOOKUPS)
    assert (room, full, asked.names.is_full()) == ([False] * MAX_LOOKUPS, True, False)


def test_names_are_bounded(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many names the latest are remembered."""
    monkeypatch.setattr(lookup, "MAX_NAMES", 2)
    answers(monkeypatch, lambda _: "x.example")
    for number in range(4):
        asked.ask(f"192.0.2.{number}")
        asked.wait(number + 1)
    known = [asked.names.known_name(f"192.0.2.{number}") for number in range(4)]
    assert (known, MAX_NAMES) == ([None, None, "x.example", "x.example"], 256)


@pytest.mark.parametrize(
    "name",
    ["a b", "a): ssh: OPEN SESAME (b", "a\nb", "a\x1bb", "\u00fc.example", "x" * 300],
    ids=["space", "forged", "line", "escape", "letter", "long"],
)
def test_foreign_names(asked: Asked, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A name that no host can have (RFC 1123: letters, digits, hyphens, dots) is no name."""
    answers(monkeypatch, lambda _: name)
    asked.ask(ALICE)
    assert asked.wait(1) == [(ALICE, "")]


def test_nothing_is_left_behind(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ups leave no process and no descriptor."""
    answers(monkeypatch, lambda _: "x.example")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        asked.ask(f"192.0.2.{number}")
    asked.wait(5)
    asked.gone()
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_process_to_be_had(monkeypatch: pytest.MonkeyPatch, asked: Asked) -> None:
    """When no process can be started there is no name, at once, and nothing waits for ever."""

    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fork", refuse)
        asked.ask(ALICE)
    found = asked.wait(1)
    assert (found, asked.names.is_full(), len(os.listdir("/proc/self/fd"))) == ([(ALICE, "")], False, before)


def test_process_that_we_may_not_kill(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CAP_KILL a process of another user ends by itself; its address is answered in time."""

    def forbid(pid: int, number: int) -> None:
        raise PermissionError(1, f"Operation not permitted: {pid}, {number}")

    monkeypatch.setattr(os, "kill", forbid)
    answers(monkeypatch, lambda address: never(address) if address == ALICE else "bob.example")
    asked.ask(BOB)
    asked.wait(1)
    monkeypatch.setattr(lookup, "TIMEOUT", 0.05)
    monkeypatch.setattr(lookup, "LIFETIME", 1)
    asked.ask(ALICE)
    assert {ALICE: "", BOB: "bob.example"} == dict(asked.wait(2))
    asked.gone()


def test_descriptor_that_is_not_watched(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel watches no more descriptors the answer is that there is no name, after the time."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lookup, "TIMEOUT", 0.05)
    monkeypatch.setattr(asked.loop, "add_reader", refuse)
    answers(monkeypatch, lambda _: "x.example")
    asked.ask(ALICE)
    assert [(ALICE, "")] == asked.wait(1)
