"""Openings to commands: what is run with what, what the log hears, and the one timer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from knockd.engine.commands import MAX_COMMAND
from knockd.engine.leases import RETRIES
from knockd.keeper.doorkeeper import LOOK, STOP_DEADLINE
from knockd_conf.model import Door
from tests.support.hall import DOOR, PLAIN, Hall, configuration, knock, said


@pytest.fixture
def hall() -> Hall:
    """Nobody has knocked."""
    return Hall()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


def test_start_command(hall: Hall) -> None:
    """The start command has the opening's values, the door's places and the door's deadline."""
    hall.open(knock())
    (command,) = hall.hands.commands
    assert (
        command.group,
        command.places,
        command.line,
        command.words,
        command.deadline,
        command.urgent,
        command.environment["KNOCKD_IP"],
    ) == (("ssh", 0), 3, "open 192.0.2.1", ["open", "192.0.2.1"], 7.0, False, "192.0.2.1")


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
    hall.end()
    assert (said(log), {entry["ip"] for entry in log}, {entry["door"] for entry in log}) == (
        ["command open 192.0.2.1", "command-timeout", "command close 192.0.2.1; sync"],
        {"192.0.2.1"},
        {"ssh"},
    )


def test_log_of_a_failure(hall: Hall, log: list[Any]) -> None:
    """A command that fails is told with what it said and its status."""
    hall.open(knock(PLAIN))
    hall.end(2, "open: no such table", "bye")
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
        hall.open(knock())
    hall.end(143, late=True)
    line = hall.hands.lines[-1]
    assert said(log)[-2:] == [f"command-late {line} {seconds}", "command-failed 143"]


def test_timer(hall: Hall) -> None:
    """There is one timer, for the soonest deadline, and none when nothing is pending."""
    waiting = [hall.loop.waiting]
    hall.open(knock())
    waiting.append(hall.loop.waiting)
    hall.end()
    waiting.append(hall.loop.waiting)
    hall.now += 4
    hall.open(knock(source="192.0.2.2"))
    hall.end()
    waiting.append(hall.loop.waiting)
    assert waiting == [[], [], [10.0], [6.0]]


def test_sleep_of_the_machine(hall: Hall) -> None:
    """A door whose time ran out while the machine slept is closed at the next look, not a sleep later."""
    hall.open(knock(replace(DOOR, cmd_timeout=3600.0)))
    hall.end()
    assert hall.loop.waiting == [LOOK]
    hall.now += 8 * 3600.0  # of which the loop's clock has counted a minute
    hall.loop.fire()
    assert hall.hands.lines == ["open 192.0.2.1", "close 192.0.2.1; sync"]


def test_no_timer_without_leases(hall: Hall) -> None:
    """A door without stop command and a lease that is over leave no timer."""
    hall.open(knock(PLAIN))
    hall.end()
    hall.opened()
    hall.wait()
    hall.end()
    assert hall.loop.waiting == []


def test_deadline_that_has_passed(hall: Hall) -> None:
    """A deadline in the past is due at once."""
    hall.open(knock(replace(DOOR, cmd_timeout=0.0)))
    hall.end()
    assert hall.loop.waiting == [0.0]


def test_stop_that_fails_for_good(hall: Hall, log: list[Any]) -> None:
    """A stop command that never works is told as an error, once, with the number of tries."""
    hall.opened()
    for _ in range(len(RETRIES) + 1):
        hall.wait()
        hall.end(1)
    assert ([line for line in said(log) if line.startswith("stop-failed")], hall.loop.waiting) == (
        ["stop-failed close 192.0.2.1; sync 6"],
        [],
    )


def test_too_many_leases(log: list[Any]) -> None:
    """An opening beyond Max_Leases is refused and told; with a new limit there is room."""
    hall = Hall(max_leases=1)
    hall.open(knock())
    hall.open(knock(source="192.0.2.2"))
    hall.keeper.adopt(configuration(max_leases=2))
    hall.open(knock(source="192.0.2.2"))
    assert said(log) == ["command open 192.0.2.1", "refused 1 leases are open", "command open 192.0.2.2"]


def long_door(**commands: str) -> Door:
    """A door with a command that grows beyond the limit when it is expanded."""
    return replace(DOOR, **commands)  # type: ignore[arg-type]


def test_longest_command(hall: Hall) -> None:
    """A command of exactly 4,096 bytes after expansion is run."""
    hall.open(knock(long_door(start_command="%IP%".ljust(MAX_COMMAND - 5, "x"))))
    assert len(hall.hands.lines[0]) == MAX_COMMAND


def test_command_too_long(hall: Hall, log: list[Any]) -> None:
    """A command that grows beyond 4,096 bytes is not run, and that is told."""
    command = "%IP%".ljust(MAX_COMMAND - 4, "x")
    hall.open(knock(long_door(start_command=command)))
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
    hall.open(knock(long_door(start_command="\u00fc" * (MAX_COMMAND // 2 + 1))))
    assert hall.hands.lines == []


def test_stop_too_long(hall: Hall, log: list[Any]) -> None:
    """A stop command that cannot be run is tried again like one that fails, and told as an error at last."""
    hall.open(knock(long_door(stop_command="%IP%".ljust(MAX_COMMAND, "x"))))
    hall.end()
    for _ in range(len(RETRIES) + 1):
        hall.wait()
    assert said(log)[-1].startswith("stop-failed")


def test_too_many_wait(hall: Hall, log: list[Any]) -> None:
    """An opening whose command cannot even wait is refused and told."""
    hall.hands.full = True
    hall.open(knock(PLAIN))
    assert said(log) == ["refused too many commands of this door wait"]


@pytest.mark.parametrize("reason", ["full", "too long"])
def test_start_that_was_not_run(hall: Hall, log: list[Any], reason: str) -> None:
    """A door whose start command was not run is not open: nothing is to be stopped, a new knock may try."""
    at = long_door(start_command="%IP%".ljust(MAX_COMMAND, "x")) if reason == "too long" else DOOR
    hall.hands.full = reason == "full"
    hall.open(knock(at))
    hall.open(knock(at))
    assert (hall.hands.lines, hall.loop.waiting, len(log)) == ([], [], 2)


def test_renewal(hall: Hall, log: list[Any]) -> None:
    """A repeated knock stops and starts, and does not say that time was over."""
    hall.opened()
    hall.open(knock())
    hall.end()
    assert said(log) == [
        "command open 192.0.2.1",
        "command close 192.0.2.1; sync",
        "command open 192.0.2.1",
    ]
