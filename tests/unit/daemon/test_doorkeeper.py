"""Openings to commands: what is run with what, what the log hears, and the one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.edge.runner import Command, Ended, Runner
from knockd.engine.commands import MAX_COMMAND
from knockd.engine.leases import RETRIES, Knock
from knockd.keeper.doorkeeper import STOP_DEADLINE, Doorkeeper
from knockd.keeper.reporter import Reporter
from knockd_conf.model import Door
from tests.support.played import door
from tests.support.still_loop import StillLoop

DOOR = door(
    "1 2",
    name="ssh",
    start_command="open %IP%",
    stop_command="close %IP%; sync",
    cmd_timeout=10.0,
    command_deadline=7.0,
    max_commands=3,
)
PLAIN = replace(DOOR, stop_command=None)


def knock(at: Door = DOOR, source: str = "192.0.2.1") -> Knock:
    """An opening."""
    return Knock(door=at, source=source, version=4, destination="10.0.0.1", interface="eth0")


class Hands:
    """A runner that starts nothing: the test says how commands end."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.running: list[Callable[[Ended], None]] = []
        self.full = False

    def run(self, command: Command, on_start: Callable[[], None], on_end: Callable[[Ended], None]) -> bool:
        """Takes a command."""
        if self.full:
            return False
        self.commands.append(command)
        on_start()
        self.running.append(on_end)
        return True

    def end(self, status: int = 0, *output: str, late: bool = False) -> None:
        """The command that has run longest ends."""
        self.running.pop(0)(Ended(status, output, late))

    @property
    def lines(self) -> list[str]:
        """The command lines so far."""
        return [command.line for command in self.commands]


class Hall:
    """A doorkeeper on a loop on which time stands still."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, max_leases: int = 8) -> None:
        self.loop = StillLoop()
        self.now = 1_000.0
        self.hands = Hands()
        reporter = Reporter(structlog.get_logger())
        self.keeper = Doorkeeper(loop or self.loop.loop, reporter, max_leases, lambda: self.now)
        self.keeper.runner = cast(Runner, self.hands)

    def wait(self) -> None:
        """Time passes until the timer runs."""
        (seconds,) = self.loop.waiting
        self.now += seconds
        self.loop.fire()

    def opened(self) -> None:
        """Somebody knocks and the start command ends well."""
        self.keeper.open(knock())
        self.hands.end()


@pytest.fixture
def hall() -> Hall:
    """Nobody has knocked."""
    return Hall()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


def said(log: list[Any]) -> list[str]:
    """The names of the events, each with the field that matters here."""
    fields = ("command", "status", "line", "reason", "tries", "seconds")
    return [" ".join([e["event"], *(f"{e[f]}" for f in fields if f in e)]) for e in log]


def test_start_command(hall: Hall) -> None:
    """The start command has the opening's values, the door's places and the door's deadline."""
    hall.keeper.open(knock())
    (command,) = hall.hands.commands
    assert (
        command.group,
        command.places,
        command.line,
        command.words,
        command.deadline,
        command.urgent,
        command.environment["KNOCKD_IP"],
    ) == (DOOR, 3, "open 192.0.2.1", ["open", "192.0.2.1"], 7.0, False, "192.0.2.1")


def test_stop_command(hall: Hall) -> None:
    """The stop command is urgent and has a deadline of its own; what needs a shell has no words."""
    hall.opened()
    hall.wait()
    command = hall.hands.commands[-1]
    assert (command.line, command.words, command.deadline, command.urgent) == (
        "close 192.0.2.1; sync",
        None,
        STOP_DEADLINE,
        True,
    )


def test_log_of_a_visit(hall: Hall, log: list[Any]) -> None:
    """An opening and its end are told as 0.8 tells them."""
    hall.opened()
    hall.wait()
    hall.hands.end()
    assert (said(log), {entry["ip"] for entry in log}, {entry["door"] for entry in log}) == (
        ["command open 192.0.2.1", "command-timeout", "command close 192.0.2.1; sync"],
        {"192.0.2.1"},
        {"ssh"},
    )


def test_log_of_a_failure(hall: Hall, log: list[Any]) -> None:
    """A command that fails is told with what it said and its status."""
    hall.keeper.open(knock(PLAIN))
    hall.hands.end(2, "open: no such table", "bye")
    assert said(log)[1:] == [
        "command-output open: no such table",
        "command-output bye",
        "command-failed 2",
    ]


@pytest.mark.parametrize(("stop", "seconds"), [(False, "7.0"), (True, "60.0")])
def test_log_of_a_late_command(hall: Hall, log: list[Any], stop: bool, seconds: str) -> None:
    """A command that was killed is told with its deadline."""
    if stop:
        hall.opened()
        hall.wait()
    else:
        hall.keeper.open(knock())
    hall.hands.end(143, late=True)
    line = hall.hands.lines[-1]
    assert said(log)[-2:] == [f"command-late {line} {seconds}", "command-failed 143"]


def test_timer(hall: Hall) -> None:
    """There is one timer, for the soonest deadline, and none when nothing is pending."""
    waiting = [hall.loop.waiting]
    hall.keeper.open(knock())
    waiting.append(hall.loop.waiting)
    hall.hands.end()
    waiting.append(hall.loop.waiting)
    hall.now += 4
    hall.keeper.open(knock(source="192.0.2.2"))
    hall.hands.end()
    waiting.append(hall.loop.waiting)
    assert waiting == [[], [], [10.0], [6.0]]


def test_no_timer_without_leases(hall: Hall) -> None:
    """A door without stop command and a lease that is over leave no timer."""
    hall.keeper.open(knock(PLAIN))
    hall.hands.end()
    hall.opened()
    hall.wait()
    hall.hands.end()
    assert hall.loop.waiting == []


def test_deadline_that_has_passed(hall: Hall) -> None:
    """A deadline in the past is due at once."""
    hall.keeper.open(knock(replace(DOOR, cmd_timeout=0.0)))
    hall.hands.end()
    assert hall.loop.waiting == [0.0]


def test_stop_that_fails_for_good(hall: Hall, log: list[Any]) -> None:
    """A stop command that never works is told as an error, once, with the number of tries."""
    hall.opened()
    for _ in range(len(RETRIES) + 1):
        hall.wait()
        hall.hands.end(1)
    assert ([line for line in said(log) if line.startswith("stop-failed")], hall.loop.waiting) == (
        ["stop-failed close 192.0.2.1; sync 6"],
        [],
    )


def test_too_many_leases(log: list[Any]) -> None:
    """An opening beyond Max_Leases is refused and told; with a new limit there is room."""
    hall = Hall(max_leases=1)
    hall.keeper.open(knock())
    hall.keeper.open(knock(source="192.0.2.2"))
    hall.keeper.limit(2)
    hall.keeper.open(knock(source="192.0.2.2"))
    assert said(log) == ["command open 192.0.2.1", "refused 1 leases are open", "command open 192.0.2.2"]


def long_door(**commands: str) -> Door:
    """A door with a command that grows beyond the limit when it is expanded."""
    return replace(DOOR, **commands)  # type: ignore[arg-type]


def test_longest_command(hall: Hall) -> None:
    """A command of exactly 4,096 bytes after expansion is run."""
    hall.keeper.open(knock(long_door(start_command="%IP%".ljust(MAX_COMMAND - 5, "x"))))
    assert len(hall.hands.lines[0]) == MAX_COMMAND


def test_command_too_long(hall: Hall, log: list[Any]) -> None:
    """A command that grows beyond 4,096 bytes is not run, and that is told."""
    command = "%IP%".ljust(MAX_COMMAND - 4, "x")
    hall.keeper.open(knock(long_door(start_command=command)))
    assert (hall.hands.lines, log) == (
        [],
        [
            {
                "event": "command-too-long",
                "log_level": "error",
                "ip": "192.0.2.1",
                "door": "ssh",
                "bytes": MAX_COMMAND + 1,
                "most": MAX_COMMAND,
                "command": command,
            }
        ],
    )


def test_bytes_not_letters(hall: Hall) -> None:
    """The limit is in bytes: letters of two bytes count twice."""
    hall.keeper.open(knock(long_door(start_command="\u00fc" * (MAX_COMMAND // 2 + 1))))
    assert hall.hands.lines == []


def test_stop_too_long(hall: Hall, log: list[Any]) -> None:
    """A stop command that cannot be run is tried again like one that fails, and told as an error at last."""
    hall.keeper.open(knock(long_door(stop_command="%IP%".ljust(MAX_COMMAND, "x"))))
    hall.hands.end()
    for _ in range(len(RETRIES) + 1):
        hall.wait()
    assert said(log)[-1].startswith("stop-failed")


def test_too_many_wait(hall: Hall, log: list[Any]) -> None:
    """An opening whose command cannot even wait is refused and told."""
    hall.hands.full = True
    hall.keeper.open(knock(PLAIN))
    assert said(log) == ["refused too many commands of this door wait"]


@pytest.mark.parametrize("reason", ["full", "too long"])
def test_start_that_was_not_run(hall: Hall, log: list[Any], reason: str) -> None:
    """A door whose start command was not run is not open: nothing is to be stopped, a new knock may try."""
    at = long_door(start_command="%IP%".ljust(MAX_COMMAND, "x")) if reason == "too long" else DOOR
    hall.hands.full = reason == "full"
    hall.keeper.open(knock(at))
    hall.keeper.open(knock(at))
    assert (hall.hands.lines, hall.loop.waiting, len(log)) == ([], [], 2)


def test_renewal(hall: Hall, log: list[Any]) -> None:
    """A repeated knock stops and starts, and does not say that time was over."""
    hall.opened()
    hall.keeper.open(knock())
    hall.hands.end()
    assert said(log) == [
        "command open 192.0.2.1",
        "command close 192.0.2.1; sync",
        "command open 192.0.2.1",
    ]


class Ending:
    """A doorkeeper on a real loop that is asked to close."""

    def __init__(self) -> None:
        self.left = -1

    def run(
        self, before: Callable[[Hall], None], during: Callable[[Hall], None], patience: float = 20.0
    ) -> Hall:
        """Closes after ``before``; ``during`` happens while it waits."""

        async def close() -> Hall:
            loop = asyncio.get_running_loop()
            hall = Hall(loop)
            before(hall)
            loop.call_soon(during, hall)
            self.left = await hall.keeper.close(patience)
            return hall

        return asyncio.run(close())


def _nothing(_hall: Hall) -> None:
    return


def test_close() -> None:
    """At the end every lease is stopped, and closing ends with the last stop command."""
    ending = Ending()
    hall = ending.run(Hall.opened, lambda hall: hall.hands.end())
    assert (ending.left, hall.hands.lines) == (0, ["open 192.0.2.1", "close 192.0.2.1; sync"])


def test_close_without_leases() -> None:
    """Without leases closing does not wait, even for a command that runs."""
    ending = Ending()
    ending.run(lambda hall: hall.keeper.open(knock(PLAIN)), _nothing)
    assert ending.left == 0


def test_close_while_starting() -> None:
    """A start command that runs is left to end; then the stop command runs, without talk of a timeout."""
    ending = Ending()

    def end(hall: Hall) -> None:
        hall.hands.end()
        asyncio.get_running_loop().call_later(0, lambda: asyncio.get_running_loop().call_soon(hall.hands.end))

    with capture_logs() as log:
        hall = ending.run(lambda hall: hall.keeper.open(knock()), end)
    assert (ending.left, hall.hands.lines, said(cast(list[Any], log))) == (
        0,
        ["open 192.0.2.1", "close 192.0.2.1; sync"],
        ["command open 192.0.2.1", "command close 192.0.2.1; sync"],
    )


def test_impatience() -> None:
    """A stop command that does not end in time is counted, not waited for."""
    ending = Ending()
    ending.run(Hall.opened, _nothing, patience=0.01)
    assert ending.left == 1


def test_knock_while_closing() -> None:
    """A knock while the daemon ends is refused and told."""
    with capture_logs() as log:
        Ending().run(_nothing, lambda hall: hall.keeper.open(knock()))
        Ending().run(Hall.opened, lambda hall: hall.keeper.open(knock()), patience=0.01)
    assert said(cast(list[Any], log))[-1] == "refused shutting down"
