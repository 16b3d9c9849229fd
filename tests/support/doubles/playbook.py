"""A playbook for the table of leases: events with ``>>``, the commands expected of each with ``<<``.

    assert (
        play()
        >> knock()
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
        >> Wait(10)
        << "stop close, time over"
    )

An event with nothing behind it asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from knockd.leases.table import Leases
from knockd.leases.values import (
    Command,
    Ended,
    Event,
    Forget,
    Granted,
    Knock,
    Knocked,
    Log,
    Note,
    NotStarted,
    Refuse,
    Start,
    Stop,
    Tick,
    Verb,
)
from knockd_conf.model import Door
from tests.support.doubles.conversation import Conversation
from tests.support.doubles.played import door

DOOR = door("1 2", start_command="open", stop_command="close", cmd_timeout=10.0)
UNENDED = "refuse: its start command has not ended yet"
"""What becomes of a knock at a door that is being opened."""


@dataclass(frozen=True)
class Wait:
    """So many seconds pass, then a ``Tick`` comes."""

    seconds: float


@dataclass(frozen=True)
class End:
    """The command that was run last ends."""

    verb: Verb
    worked: bool | None = True


class NotRun:
    """The start command that was asked for last is not run."""


STARTED, STOPPED, NOT_RUN = End("start"), End("stop"), NotRun()
START_FAILED, STOP_FAILED = End("start", worked=False), End("stop", worked=False)


def knock(at: Door = DOOR, source: str = "192.0.2.1", version: int = 4) -> Knocked:
    """A complete knock."""
    return Knocked(Knock(door=at, source=source, version=version, destination="10.0.0.1", interface="eth0"))


def words(command: Command) -> str:
    """A command in words."""
    match command:
        case Note(record):
            return f"note {record.state.value}"
        case Forget():
            return "forget"
        case Start():
            return f"start {command.command}"
        case Stop():
            return f"stop {command.command}" + ", time over" * command.expired
        case Granted():
            return "granted"
        case Refuse(_, reason):
            return f"refuse: {reason}"
        case Log(event, _):
            return f"log {event}"


class Playbook(Conversation):
    """Leases with a clock.

    ``last`` is the lease of the last command that was run, ``asked`` all that the last event has asked for.
    """

    def __init__(self, leases: Leases, now: float, last: str) -> None:
        super().__init__(leases.handle, now)
        self.leases = leases
        self.last = last
        self.asked: list[Command] = []

    def answer(self, event: Any) -> list[str]:
        """The commands in words."""
        self.asked = self.leases.handle(self._event(event), self.now)
        for command in self.asked:
            if isinstance(command, Start | Stop) and command.lease is not None:
                self.last = command.lease
        return [words(command) for command in self.asked]

    def pass_time(self, seconds: float) -> Self:
        """Lets time pass without a ``Tick``."""
        self.now += seconds
        return self

    def _event(self, event: Event | Wait | End | NotRun) -> Event:
        match event:
            case Wait(seconds):
                self.now += seconds
                return Tick()
            case End(verb, worked):
                return Ended(self.last, verb, worked)
            case NotRun():
                return NotStarted(self.last)
            case _:
                return event


def play(leases: Leases | None = None, *, now: float = 1_000.0, last: str = "run.1") -> Playbook:
    """A playbook that begins at ``now``."""
    return Playbook(Leases() if leases is None else leases, now, last)


def opened(at: Door = DOOR) -> Playbook:
    """A door that is OPEN for ten seconds from now."""
    return play() >> knock(at) << "note starting" << "start open" >> STARTED << "note open"


def stopping() -> Playbook:
    """A door whose stop command runs since its time was over."""
    return opened() >> Wait(10) << "stop close, time over"


def without_stop(at: Door = DOOR) -> Door:
    """The door without its stop command."""
    return replace(at, stop_command=None)
