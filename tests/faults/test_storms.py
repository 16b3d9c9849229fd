"""Command storms: a one-port door is hit 10,000 times. Bounds hold, and other doors open as ever."""

from __future__ import annotations

import re
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import BOTH_READERS, Pair, Start
from tests.support.daemons.daemon import LISTENING
from tests.support.daemons.doors import CLIENT, config, door
from tests.support.daemons.storm import (
    KNOCKS,
    STORM,
    Storm,
    Wait,
    many_sources,
    packet_process,
    resident,
    running_at_once,
)
from tests.support.lab.processes import children, descriptors, only_child, status
from tests.support.lab.waiting import wait_until

CPU, WORDS = 0.5, 200
"""What comes between the last packet of a real knock and its command: seconds of processor time, and what
commands of the storm do, two words each. No wall clock: the machine may be busy."""

ONE = [CLIENT[4]] * STORM


@pytest.fixture
def storm(pair: Pair, tmp_path: Path) -> Storm:
    """Nobody knocks yet."""
    return Storm(pair, tmp_path)


def assert_soon(waits: list[Wait]) -> None:
    """Owners got in before much else was done."""
    assert max(wait.cpu for wait in waits) < CPU
    assert max(wait.words for wait in waits) < WORDS


def is_gone(pid: int) -> bool:
    """Whether a process has ended, collected or not."""
    try:
        return status(pid)["State"][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.alone
def test_one_lease_for_one_knocker(storm: Storm, start: Start) -> None:
    """However often a door is knocked at, a source has one lease: one start, and one stop."""
    daemon = start(storm.pair.server, config(storm.stormy(reknock="extend", cmd_timeout=2), storm.owners()))
    waits = storm.rage(daemon, ONE)
    wait_until(lambda: "stop-end" in storm.words(), 20, "the door closes")
    assert ["start", "start-end", "stop", "stop-end"] == storm.words()
    assert_soon(waits)
    assert daemon.stop() == 0


@pytest.mark.alone
def test_renewals_never_overlap(storm: Storm, start: Start) -> None:
    """A storm that renews a lease again and again runs its commands one after the other."""
    daemon = start(storm.pair.server, config(storm.stormy(cmd_timeout=60), storm.owners()))
    waits = storm.rage(daemon, ONE)
    words = storm.calm()
    assert {0, 1} == set(running_at_once(words))
    assert words.count("start") == words.count("stop") + 1
    assert_soon(waits)


@pytest.mark.alone
def test_max_commands(storm: Storm, start: Start) -> None:
    """A door without leases runs Max_Commands at once and no more, lets 1,024 wait and refuses the others."""
    text = config(storm.stormy(stop=False, seconds=0.01, max_commands=3), storm.owners())
    daemon = start(storm.pair.server, text)
    waits = storm.rage(daemon, many_sources())
    words = storm.calm()
    assert max(running_at_once(words)) == 3
    assert daemon.count("storm: not opened: too many commands of this door wait") > 0
    assert_soon(waits)


@pytest.mark.alone
def test_seq_cooldown(storm: Storm, start: Start) -> None:
    """With Seq_Cooldown 10,000 knocks of one source are one opening, one command and one line of each."""
    daemon = start(storm.pair.server, config(storm.stormy(stop=False, seq_cooldown=60), storm.owners()))
    waits = storm.rage(daemon, ONE)
    assert ["start", "start-end"] == storm.calm()
    assert daemon.count("storm: OPEN SESAME") == 1
    assert_soon(waits)


@pytest.mark.alone
@BOTH_READERS
def test_spoofed_flood(storm: Storm, start: Start) -> None:
    """10,000 sources at a door with leases: Max_Leases holds, the log stays short, all processes live."""
    text = config(
        storm.stormy(cmd_timeout=600, max_commands=4),
        storm.owners(stop_command="true", cmd_timeout=600, reknock="repeat"),
        max_leases=64,
    )
    daemon = start(storm.pair.server, text)
    packets = packet_process(daemon)
    before = resident(daemon.pid), resident(packets)
    waits = storm.rage(daemon, many_sources())
    words = storm.calm()
    grown = resident(daemon.pid) - before[0], resident(packets) - before[1]
    lines = daemon.log_lines()
    assert words.count("start") <= 64
    assert max(running_at_once(words)) <= 4
    assert_soon(waits)
    assert [] == [line for line in lines if "packet process" in line]
    assert packets == packet_process(daemon)
    assert 0 < sum("storm: not opened: " in line for line in lines) <= 100 + 20 * 60
    assert max(grown) < 8 * 1024


@pytest.mark.alone
def test_flood_of_openings(storm: Storm, start: Start) -> None:
    """A flood that opens a door with one step fills no log: all is counted, the owner's lines are there."""
    text = config(storm.stormy(stop=False, max_commands=64), storm.owners())
    began = time.monotonic()
    daemon = start(storm.pair.server, text)
    storm.rage(daemon, many_sources())
    ran = storm.calm().count("start")
    daemon.stop()
    seconds = time.monotonic() - began
    lines = daemon.log_lines()
    about = [line for line in lines if re.search(r"storm: (Stage|OPEN|running|command)", line)]
    held = sum(int(found[1]) for line in lines if (found := re.match(r"storm: (\d+) lines", line)))
    unopened = sum(int(found[1]) for line in lines if (found := re.match(r"(\d+) lines", line)))
    refused = sum("storm: not opened" in line for line in lines)
    limit = 100 + 20 * seconds
    assert len(about) <= limit
    assert refused <= limit
    assert len(lines) <= 2 * limit + 3 * (seconds + 1) + 4 * KNOCKS + 2  # numbers held back, owner's, its own
    assert 3 * ran <= len(about) + held <= 2 * STORM + ran
    assert (
        STORM <= ran + refused + unopened <= STORM + KNOCKS
    )  # a first stage of the owner's may be held back
    assert KNOCKS == sum("owner: OPEN SESAME" in line for line in lines)
    assert KNOCKS == sum("owner: running command" in line for line in lines)


@pytest.mark.long
def test_nothing_is_left(storm: Storm, start: Start) -> None:
    """After a burst of 2,000 commands there is no zombie and no descriptor more than before."""
    text = config(storm.stormy(stop=False, max_commands=256), storm.owners())
    daemon = start(storm.pair.server, text)
    before = descriptors(daemon.pid), [only_child(daemon.pid)]

    def ended(commands: int) -> bool:
        return storm.words().count("start-end") == commands

    for commands in (1_000, 2_000):
        storm.rage(daemon, many_sources()[:1_000], [CLIENT[4]])
        wait_until(partial(ended, commands), 60, "all commands end")
        storm.opened.unlink()  # the next time is judged by itself
    wait_until(lambda: children(daemon.pid) == before[1], 10, "all commands are collected")
    assert before[0] == descriptors(daemon.pid)


SLOW = """
import os, sys, time

def slow(real):
    return lambda descriptor: (time.sleep(0.1), real(descriptor))[1]

os.fsync, os.fdatasync = slow(os.fsync), slow(os.fdatasync)
from knockd.cli import main
sys.exit(main())
"""


@pytest.mark.alone
def test_slow_disk(storm: Storm, start: Start) -> None:
    """When each sync takes a tenth of a second openings share them: all owners get in, and it ends."""
    text = config(
        storm.stormy(cmd_timeout=600),
        storm.owners(stop_command="true", cmd_timeout=600, reknock="repeat"),
    )
    state = ("--state-dir", str(storm.directory / "state"))
    daemon = start(storm.pair.server, text, *state, program=(sys.executable, "-c", SLOW))
    assert len(storm.rage(daemon, many_sources())) == KNOCKS
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("number", "did", "left"),
    [
        (signal.SIGTERM, ["start", "start-end", "stop", "stop-end"], 0),
        (signal.SIGUSR1, ["start", "start-end"], 1),
    ],
)
def test_what_waits_for_a_place_at_the_end(
    storm: Storm, start: Start, number: signal.Signals, did: list[str], left: int
) -> None:
    """Starts behind Max_Commands open nothing while the daemon ends, and are nobody's lease afterwards."""
    text = config(storm.stormy(cmd_timeout=600, max_commands=1, seconds=1), storm.owners())
    daemon = start(storm.pair.server, text, directory=storm.directory)
    storm.rage(daemon, many_sources()[:5], [CLIENT[4]])
    daemon.wait_for("storm: OPEN SESAME", times=5)
    daemon.signal(number)
    assert daemon.process.wait(10) == 0
    assert (storm.words(), daemon.count("storm: not opened: shutting down")) == (did, 4)
    again = start(storm.pair.server, text, directory=storm.directory, ready=None)
    again.wait_for(LISTENING, times=2)
    assert again.count("storm: recovered") == left


@pytest.mark.alone
def test_command_deadline(storm: Storm, start: Start) -> None:
    """A command past its deadline is killed with its children, those too that ignore TERM and outlive it."""
    pids = storm.directory / "pids"
    stubborn = f"sh -c 'trap \"\" TERM; echo $$ >> {pids}; while :; do sleep 60; done'"
    storms = door(
        "storm",
        "4000",
        start_command=f"{stubborn} & {stubborn} & sleep 60",
        command_deadline=1,
        max_commands=2,
    )
    daemon = start(storm.pair.server, config(storms, storm.owners()))
    waits = storm.rage(daemon, many_sources()[:100], [CLIENT[4]])
    lines = daemon.wait_for("command killed after 1 seconds", times=2, timeout=20)
    assert_soon(waits)
    assert sum("storm: running command" in line for line in lines) <= 4
    first = [int(pid) for pid in pids.read_text().split()[:4]]
    wait_until(lambda: all(map(is_gone, first)), 20, "all of the first two are gone")
