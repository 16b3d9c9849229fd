"""Commands of doors: what is run with what, what the log hears, and what is not run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from knockd.leases.commands import MAX_COMMAND
from knockd.leases.door_commands import STOP_DEADLINE
from knockd.leases.journal_file import Found
from knockd.leases.table import RETRIES
from knockd_conf.command_facts import find_facts
from knockd_conf.model import CommandOutput, Door
from tests.support.doubles.lease_manager import DOOR, PLAIN, PlayedManager, knock, said
from tests.support.samples.journals import record


@pytest.fixture
def played() -> PlayedManager:
    """Nobody has knocked."""
    return PlayedManager()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


def test_start_command(played: PlayedManager) -> None:
    """The start command has the opening's values, the door's slots and the door's deadline."""
    played.open(knock())
    (command,) = played.runner.commands
    assert command.door == ("ssh", 0)
    assert command.slots == 3
    assert command.line == "open 192.0.2.1"
    assert command.words == ["open", "192.0.2.1"]
    assert command.deadline == 7.0
    assert not command.urgent
    assert command.environment()["KNOCKD_IP"] == "192.0.2.1"


def test_stop_command(played: PlayedManager) -> None:
    """The stop command is urgent and has a deadline of its own; what needs a shell has no words."""
    played.opened()
    played.wait()
    command = played.runner.commands[-1]
    assert command.line == "close 192.0.2.1; sync"
    assert command.words is None
    assert command.deadline == STOP_DEADLINE
    assert command.urgent


def test_output(played: PlayedManager) -> None:
    """Commands write where their door says, else where [options] says, from the next reload on too."""
    quiet = replace(DOOR, name="quiet", command_output=CommandOutput.NONE)
    options = replace(played.config.options, command_output=CommandOutput.INHERIT)
    played.open(knock())
    played.manager.adopt(replace(played.config, options=options))
    played.open(knock(source="192.0.2.2"))
    played.open(knock(quiet))
    assert [command.output.value for command in played.runner.commands] == ["log", "inherit", "none"]


def test_log_of_a_visit(played: PlayedManager, log: list[Any]) -> None:
    """An opening and its end are logged as 0.8 logs them."""
    played.opened()
    played.wait()
    played.end()
    assert said(log) == ["command open 192.0.2.1", "command-timeout", "command close 192.0.2.1; sync"]
    assert {entry["ip"] for entry in log} == {"192.0.2.1"}
    assert {entry["door"] for entry in log} == {"ssh"}


@pytest.mark.parametrize("at", [DOOR, PLAIN], ids=["lease", "no lease"])
def test_log_of_a_failed_start(played: PlayedManager, log: list[Any], at: Door) -> None:
    """A start command that fails is logged with its output and its status, then that nothing is open."""
    played.open(knock(at))
    played.end(2, "open: no such table", "bye")
    assert said(log)[1:] == [
        "command-output open: no such table",
        "command-output bye",
        "command-failed 2",
        "refused its start command failed",
    ]
    assert played.manager.counts == (0, 0)


@pytest.mark.parametrize("at", [DOOR, PLAIN], ids=["lease", "no lease"])
@pytest.mark.parametrize(
    ("status", "late"),
    [(1, False), (126, False), (127, False), (137, False), (143, True), (0, True)],
    ids=["status", "not run", "not found", "killed", "late", "late, but content"],
)
def test_no_opening(played: PlayedManager, log: list[Any], at: Door, status: int, late: bool) -> None:
    """However a start command fails, one event says of whom and why nothing is open, and none is counted."""
    played.open(knock(at))
    played.end(status, late=late)
    who = {"event": "refused", "ip": "192.0.2.1", "door": at.name, "log_level": "warning"}
    assert [{**who, "reason": "its start command failed"}] == [e for e in log if e["event"] == "refused"]
    assert (0, 0) == played.manager.counts


def test_which_command(played: PlayedManager, log: list[Any]) -> None:
    """Each line about a command says whether it is the start or the stop command."""
    played.open(knock())
    played.end(1, "no such table", late=True)
    played.wait()
    played.end(1, "no such table", late=True)
    each = ["command", "command-output", "command-late", "command-failed"]
    told = [(entry["event"], entry["verb"]) for entry in log if "verb" in entry]
    assert [(event, verb) for verb in ("start", "stop") for event in each] == told


def test_log_of_a_failed_stop(played: PlayedManager, log: list[Any]) -> None:
    """A stop command that fails is no opening that was refused."""
    played.opened()
    played.wait()
    played.end(1)
    assert said(log)[-1] == "command-failed 1"


@pytest.mark.parametrize(("stop", "seconds"), [(False, "7.0"), (True, "60.0")])
def test_log_of_a_late_command(played: PlayedManager, log: list[Any], stop: bool, seconds: str) -> None:
    """A command that was killed is logged with its deadline."""
    if stop:
        played.opened()
        played.wait()
    else:
        played.open(knock())
    played.end(143, late=True)
    line = played.runner.lines[-1]
    told = [f"command-late {line} {seconds}", "command-failed 143"]
    assert said(log)[-2 - (not stop) :][:2] == told


def took_over(played: PlayedManager, stop_command: str) -> None:
    """An earlier run has left a door open whose time is over and that this command closes."""
    one = record(door="ssh", stop=stop_command, deadline=900.0)
    played.journal.found.append(Found((one,), same_boot=True))
    played.manager.recover()
    played.loop.fire()


def test_longest_command(played: PlayedManager) -> None:
    """A command of exactly 4,096 bytes after expansion is run."""
    played.open(knock(replace(DOOR, start_command="%IP%".ljust(MAX_COMMAND - 5, "x"))))
    assert len(played.runner.lines[0]) == MAX_COMMAND


@pytest.mark.parametrize("verb", ["start", "stop"])
@pytest.mark.parametrize("knocks", [1, 2])
def test_command_too_long(played: PlayedManager, log: list[Any], verb: str, knocks: int) -> None:
    """Where one of the two commands would be longer than 4,096 bytes nothing is run, noted or waited for."""
    long = "%IP%".ljust(MAX_COMMAND - 4, "x")
    at = replace(DOOR, start_command=long) if verb == "start" else replace(DOOR, stop_command=long)
    for _ in range(knocks):
        played.open(knock(at))
    assert (played.runner.lines, played.journal.commits, played.loop.waiting) == ([], [], [])
    reason = f"its {verb} command would have 4097 bytes for this knocker, 4096 at most can be run"
    assert said(log) == [f"refused {reason}: shorten it, or let it call a script"] * knocks


def test_command_too_long_for_some(played: PlayedManager) -> None:
    """Who has a short address gets in where a longer one would not."""
    at = replace(DOOR, stop_command="%IP%".ljust(MAX_COMMAND - 5, "x"))
    played.open(knock(at, source="192.0.2.10"), knock(at, source="192.0.2.1"))
    assert played.runner.lines == ["open 192.0.2.1"]


def test_bytes_not_letters(played: PlayedManager) -> None:
    """The limit is in bytes: letters of two bytes count twice."""
    played.open(knock(replace(DOOR, start_command="\u00fc" * (MAX_COMMAND // 2 + 1))))
    assert played.runner.lines == []


def test_stop_command_of_an_earlier_run_that_is_too_long(played: PlayedManager, log: list[Any]) -> None:
    """It is not run but tried again like one that fails; in the end that is an error."""
    command = "%IP%".ljust(MAX_COMMAND - 4, "x")
    took_over(played, command)
    told = {"ip": "192.0.2.1", "door": "ssh", "verb": "stop", "bytes": MAX_COMMAND + 1, "most": MAX_COMMAND}
    assert {"event": "command-too-long", "log_level": "error", "command": command, **told} in log
    for _ in RETRIES:
        played.wait()
    assert played.runner.lines == []
    assert said(log)[-1].startswith("stop-failed")


def test_too_many_wait(played: PlayedManager, log: list[Any]) -> None:
    """An opening whose command cannot even wait is refused and logged."""
    played.runner.full = True
    played.open(knock(PLAIN))
    assert said(log) == ["refused too many commands of this door wait"]


def test_start_that_was_not_run(played: PlayedManager, log: list[Any]) -> None:
    """A door whose start command was not run is not open: nothing is to be stopped, a new knock may try."""
    played.runner.full = True
    played.open(knock())
    played.open(knock())
    assert played.runner.lines == []
    assert played.loop.waiting == []
    assert len(log) == 2


def test_programs_are_looked_for_where_commands_find_them(
    played: PlayedManager, log: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The PATH is the one that commands have; what could not be closed is not opened."""
    at = replace(DOOR, start_command="true", stop_command="shut")
    at = replace(at, facts=find_facts(at))
    monkeypatch.setenv("PATH", str(tmp_path))
    played.open(knock(at))
    reason = "its stop command needs shut, which is missing or cannot be executed"
    assert (said(log), played.runner.lines) == ([f"refused {reason}"], [])
    (tmp_path / "shut").write_text("#!/bin/sh\n")
    (tmp_path / "shut").chmod(0o755)
    played.open(knock(at))
    assert played.runner.lines == ["true"]
