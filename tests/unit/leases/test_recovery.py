"""What earlier runs left becomes events: what was found, and the ends of survivors."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

from knockd.leases.journal import Record, State
from knockd.leases.journal_file import Found
from knockd.leases.recovery import GRACE, Recovery
from knockd.leases.survivors import Survivors
from knockd.leases.values import Ended, Event, Recovered, Verb
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.samples.journals import record


class FakeSurvivors:
    """Processes that end when the test says so."""

    def __init__(self, running: dict[str, tuple[int, Verb]]) -> None:
        self.running = running
        self.asked: list[str] = []
        self.waiting: dict[int, Callable[[], None]] = {}
        self.killed: list[int] = []

    def find(self, ids: Collection[str]) -> dict[str, tuple[int, Verb]]:
        """Those of these leases."""
        self.asked += ids
        return {one: self.running[one] for one in ids if one in self.running}

    def wait_for(self, _lease: str, pid: int, ended: Callable[[], None]) -> None:
        """Notes who waits."""
        self.waiting[pid] = ended

    def kill(self, pid: int) -> None:
        """Notes who is killed."""
        self.killed.append(pid)


class Scene:
    """A recovery whose events and log lines are kept; all leases but ``known`` are new."""

    def __init__(self, running: dict[str, tuple[int, Verb]] | None = None, known: str = "") -> None:
        self.loop = ManualLoop()
        self.survivors = FakeSurvivors(running or {})
        self.events: list[Event] = []
        self.log: list[dict[str, Any]] = []
        self.recovery = Recovery(
            self.loop.loop,
            lambda event, **fields: self.log.append({"event": event, **fields}),
            is_new=lambda one: one.id != known,
            handle=self.events.append,
            survivors=cast(Survivors, self.survivors),
        )

    def find(self, *records: Record, same_boot: bool = True) -> None:
        """A journal with these leases is found."""
        self.recovery.take_over(Found(records, same_boot))


def test_nothing_runs() -> None:
    """Without survivors what was found is one event, and nothing is waited for."""
    scene = Scene()
    scene.find(record(1), record(2))
    assert scene.events == [Recovered((record(1), record(2)), True, {})]
    assert scene.survivors.asked == ["a1b2.1", "a1b2.2"]
    assert scene.loop.waiting == []


def test_a_start_command_still_runs() -> None:
    """A start command whose end was not noted is waited for; nobody knows whether it worked."""
    scene = Scene({"a1b2.1": (77, "start")})
    one = record(state=State.STARTING)
    scene.find(one)
    assert scene.events == [Recovered((one,), True, {"a1b2.1": "start"})]
    scene.survivors.waiting[77]()
    assert scene.events[1:] == [Ended("a1b2.1", "start", worked=None)]


def test_without_a_deadline_it_may_run_for_ever() -> None:
    """A Command_Deadline of 0 is none."""
    scene = Scene({"a1b2.1": (77, "start")})
    scene.find(record(state=State.STARTING, command_deadline=0.0))
    assert scene.loop.waiting == []


def test_a_start_command_is_late() -> None:
    """A start command past its Command_Deadline is killed and logged; its end is still waited for."""
    scene = Scene({"a1b2.1": (77, "start")})
    scene.find(record(state=State.STARTING, command_deadline=7.0))
    assert scene.loop.waiting == [7.0]
    scene.loop.fire()
    assert scene.survivors.killed == [77]
    assert scene.log == [
        {
            "event": "command-late",
            "ip": "192.0.2.1",
            "door": "ssh",
            "verb": "start",
            "seconds": 7.0,
            "command": "start command of the last run",
        },
        {
            "event": "refused",
            "ip": "192.0.2.1",
            "door": "ssh",
            "reason": "its start command failed",
        },
    ]
    assert scene.events[1:] == []


def test_a_late_start_command_has_failed() -> None:
    """What it has done by halves is undone later, but the door is not counted as open."""
    scene = Scene({"a1b2.1": (77, "start")})
    scene.find(record(state=State.STARTING, command_deadline=7.0))
    scene.loop.fire()
    scene.survivors.waiting[77]()
    assert scene.events[1:] == [Ended("a1b2.1", "start", worked=False)]


def test_a_stop_command_has_little_time() -> None:
    """A stop command of the earlier run gets two seconds, and none when it has ended."""
    scene = Scene({"a1b2.1": (77, "stop")})
    scene.find(record())
    assert scene.loop.waiting == [GRACE]
    scene.survivors.waiting[77]()
    assert scene.loop.waiting == []
    assert scene.events[1:] == [Ended("a1b2.1", "stop", worked=None)]


def test_what_a_start_command_has_left() -> None:
    """A daemon that outlives its start command, whose end was noted, is not waited for."""
    scene = Scene({"a1b2.1": (77, "start")})
    scene.find(record(state=State.OPEN))
    assert scene.events == [Recovered((record(state=State.OPEN),), True, {})]
    assert scene.survivors.waiting == {}


def test_another_boot() -> None:
    """Of another boot nothing can still run, and nothing is looked for."""
    scene = Scene({"a1b2.1": (77, "start")})
    scene.find(record(state=State.STARTING), same_boot=False)
    assert scene.events == [Recovered((record(state=State.STARTING),), False, {})]
    assert scene.survivors.asked == []


def test_what_is_known_is_not_looked_for() -> None:
    """A lease that is in the table already is waited for by nobody."""
    scene = Scene({"a1b2.1": (77, "stop")}, known="a1b2.1")
    scene.find(record())
    assert scene.survivors.asked == []
    assert scene.survivors.waiting == {}
