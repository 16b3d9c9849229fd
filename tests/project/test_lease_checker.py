"""The checker of leases finds every fault that is planted, and none in what a kill explains."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.oracles.lease_checker import Command, Life, note_script, open_doors, read_commands, replay

KEY = ("door", "10.7.0.2")
ONE = Counter({KEY: 1})


def ran(*commands: tuple[str, float]) -> list[Command]:
    """Commands of one door with Cmd_Timeout = 1, each with its time."""
    return [Command(verb, KEY, 1.0, at) for verb, at in commands]


def life(
    started: float,
    ended: float | None = None,
    *,
    opened: int = 0,
    recovered: int = 0,
    stopped: int = 0,
    **more: object,
) -> Life:
    """A life that serves half a second after its start; by default one that ended was killed."""
    made = Life(started, started + 0.5, ended, killed=ended is not None)
    made.opened[KEY], made.recovered[KEY], made.stopped[KEY] = opened, recovered, stopped
    for name, value in more.items():
        setattr(made, name, value)
    return made


GOOD = {
    "one opening": (ran(("start", 10), ("stop", 11)), [life(0, opened=1)]),
    "closed at its deadline though killed in between": (
        ran(("start", 10), ("stop", 11)),
        [life(0, 10.2, opened=1), life(10.2, recovered=1)],
    ),
    "closed as soon as the daemon is back": (
        ran(("start", 10), ("stop", 21)),
        [life(0, 10.2, opened=1), life(20, recovered=1)],
    ),
    "killed twice, closed by the third": (
        ran(("start", 10), ("stop", 11.5)),
        [life(0, 10.2, opened=1), life(10.2, 10.4, recovered=1, ready=None), life(10.4, recovered=1)],
    ),
    "killed between stop and record": (
        ran(("start", 10), ("stop", 11), ("stop", 11.6)),
        [life(0, 11.1, opened=1), life(11.1, recovered=1)],
    ),
    "killed between stop and record, and the stop is noted late": (
        ran(("start", 10), ("stop", 11.4), ("stop", 11.9)),
        [life(0, 11.1, opened=1, stopped=1), life(11.1, recovered=1, stopped=1)],
    ),
    "killed between record and start": (
        ran(("stop", 10.6)),
        [life(0, 10.0, opened=1), life(10.0, recovered=1)],
    ),
    "killed before record and start": (ran(), [life(0, 10.0, opened=1), life(10.0)]),
    "the killed life's start is noted late": (
        ran(("start", 10.1), ("stop", 11.2)),
        [life(0, 10.0, opened=1), life(10.05, recovered=1)],
    ),
    "closed early because of TERM": (
        ran(("start", 10), ("stop", 10.3)),
        [life(0, 10.4, opened=1, terminated=10.2, killed=False)],
    ),
    "closed early by hand": (
        ran(("start", 10), ("stop", 10.3)),
        [life(0, opened=1, closed=ONE)],
    ),
    "closed by hand and killed before that was noted": (
        ran(("start", 10), ("stop", 10.3), ("stop", 11.0)),
        [life(0, 10.35, opened=1, closed=ONE), life(10.4, recovered=1)],
    ),
    "renewed by another knock": (
        ran(("start", 10), ("stop", 10.5), ("start", 10.6), ("stop", 11.6)),
        [life(0, opened=2)],
    ),
    "killed while it was renewed": (
        ran(("start", 10), ("stop", 10.5), ("stop", 11.2)),
        [life(0, 10.6, opened=2), life(10.6, recovered=1)],
    ),
    "handed over": (
        ran(("start", 10), ("stop", 11)),
        [life(0, 10.4, opened=1, killed=False, handed=True), life(10.4, recovered=1)],
    ),
}

PLANTED = {
    "left open": (ran(("start", 10)), [life(0, opened=1)], "left open since 10.00"),
    "closed too late": (
        ran(("start", 10), ("stop", 13)),
        [life(0, opened=1)],
        "open from 10.00 to 13.00, 2.00 s too long",
    ),
    "closed too late after a restart": (
        ran(("start", 10), ("stop", 23)),
        [life(0, 10.2, opened=1), life(20, recovered=1)],
        "open from 10.00 to 23.00, 2.50 s too long",
    ),
    "closed too early": (
        ran(("start", 10), ("stop", 10.5)),
        [life(0, opened=1)],
        "closed 0.50 s early at 10.50",
    ),
    "left open by a clean end": (
        ran(("start", 10), ("stop", 21)),
        [life(0, 10.4, opened=1, terminated=10.2, killed=False), life(20)],
        "open from 10.00 to 21.00, 10.60 s too long",
    ),
    "stopped twice": (
        ran(("start", 10), ("stop", 11), ("stop", 11.2)),
        [life(0, opened=1)],
        "stop at 11.20 of what is not open, and no recovery in the log",
    ),
    "stopped twice without saying so": (
        ran(("start", 10), ("stop", 11), ("stop", 11.6)),
        [life(0, 11.1, opened=1), life(11.1)],
        "stop at 11.60 of what is not open, and no recovery in the log",
    ),
    "stopped again though there was time to record it": (
        ran(("start", 10), ("stop", 11), ("stop", 20.6)),
        [life(0, 20, opened=1), life(20, recovered=1)],
        "stop at 20.60 of what is not open, and no kill explains it",
    ),
    "stopped twice by the one that recovered it": (
        ran(("start", 10), ("stop", 11), ("stop", 11.1)),
        [life(0, 10.2, opened=1), life(10.2, recovered=1, stopped=2)],
        "stop at 11.10 of what is not open, and no kill explains it",
    ),
    "stopped without a knock": (
        ran(("stop", 10.6)),
        [life(0, 10.0), life(10.0, recovered=1)],
        "stop at 10.60 of what is not open, and no kill explains it",
    ),
    "started by a recovery": (
        ran(("start", 10), ("stop", 11), ("start", 12), ("stop", 13)),
        [life(0, 11.5, opened=1), life(11.5)],
        "start 2 at 12.00 after 1 knocks",
    ),
    "started twice": (
        ran(("start", 10), ("start", 10.5), ("stop", 11)),
        [life(0, opened=2)],
        "started at 10.50, still open since 10.00",
    ),
    "recovered and forgotten": (
        ran(),
        [life(0, 10.0, opened=1), life(10.0, recovered=1)],
        "recovered at 10.00 and not stopped",
    ),
    "closed by hand once, and early twice": (
        ran(("start", 10), ("stop", 10.3), ("start", 12), ("stop", 12.3)),
        [life(0, opened=2, closed=ONE)],
        "closed 0.70 s early at 12.30",
    ),
    "recovered and forgotten until the next knock": (
        ran(("start", 12), ("stop", 13)),
        [life(0, 10.0, opened=1), life(10.0, opened=1, recovered=1)],
        "recovered at 10.00 and not stopped",
    ),
    "recovered after a clean end": (
        ran(("start", 10), ("stop", 11), ("stop", 20.5)),
        [life(0, 12, opened=1, killed=False), life(20, recovered=1)],
        "recovered at 20.00 after a clean end",
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_nothing_is_wrong_with_what_a_kill_explains(case: str) -> None:
    """Each of these histories keeps the promise of leases."""
    commands, lives = GOOD[case]
    assert replay(commands, lives) == []


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_fault_is_found(case: str) -> None:
    """Each of these histories breaks the promise in one place, which is named."""
    commands, lives, expected = PLANTED[case]
    assert f"door for 10.7.0.2: {expected}" in replay(commands, lives)


def test_doors_and_sources_are_judged_apart() -> None:
    """A stop of one source does not close the door of another."""
    other = ("door", "fd00:7::2")
    commands = [Command("start", KEY, 1.0, 10.0), Command("stop", other, 1.0, 11.0)]
    found = replay(commands, [Life(0.0, 0.5, opened=ONE)])
    assert [line.split(":")[0] for line in found] == ["door for 10.7.0.2", "door for fd00"]
    assert open_doors(commands) == {KEY}


def test_a_life_reads_its_log() -> None:
    """Openings and recoveries count, with and without a looked-up name; other lines do not."""
    seen = Life(0.0)
    seen.read(
        [
            "10.7.0.2: door: Stage 3",
            "10.7.0.2: door: opening by hand (uid 0, process 7)",
            "10.7.0.2: door: closing by hand (uid 0, process 7)",
            "10.7.0.2 (client.example): door: OPEN SESAME",
            "10.7.0.2: door: recovered an open door of the last run, closing in 1 seconds",
            "10.7.0.2: door: recovered a door that could not be closed, trying again",
            "door: running command: /tmp/note start door 10.7.0.2 1",
            "door: running command: /tmp/note stop door 10.7.0.2 1",
        ]
    )
    expected = (Counter({KEY: 2}), Counter({KEY: 2}), Counter({KEY: 1}))
    assert (seen.opened, seen.recovered, seen.stopped) == expected
    assert seen.closed == ONE


def test_commands_are_read_back_as_they_were_noted(tmp_path: Path) -> None:
    """The script that a door runs writes what the checker reads; no file yet: nothing has run."""
    ledger = tmp_path / "ledger"
    assert read_commands(ledger) == []
    script = note_script(tmp_path / "note", ledger).split(" ")[0]
    for verb in ("start", "stop"):
        subprocess.run([script, verb, *KEY, "1"], check=True)
    commands = read_commands(ledger)
    assert [(c.verb, c.key, c.timeout) for c in commands] == [("start", KEY, 1.0), ("stop", KEY, 1.0)]
    assert 0 < commands[0].at <= commands[1].at
