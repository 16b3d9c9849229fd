"""The checker of a fleet: replays what the commands of all gateways noted, and says what is wrong with it.

``Start_Command`` and ``Stop_Command`` of each gateway are programs of ``lease_checker.note_script``: a line
for each run, with the time since boot. The test knows when each gateway was down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from knockd_conf.classes import NamedTuple
from tests.support.lab.waiting import PATIENCE

SLACK: Final = 5.0
"""Seconds that a command may come late, on a busy machine with two cores."""


class Run(NamedTuple):
    """A command that ran at a gateway, ``at`` seconds since boot."""

    gateway: str
    verb: str
    door: str
    address: str
    at: float


class Down(NamedTuple):
    """A gateway was not there, in seconds since boot."""

    gateway: str
    since: float
    until: float


def read_runs(ledgers: Mapping[str, Path]) -> list[Run]:
    """What ran at each gateway, by its name, in the order of time."""
    found = []
    for gateway, path in ledgers.items():
        for line in path.read_text().splitlines() if path.exists() else ():
            at, verb, door, address, *_ = line.split()
            found.append(Run(gateway, verb, door, address, float(at)))
    return sorted(found, key=lambda run: run.at)


def find_problems(
    runs: Sequence[Run], downs: Iterable[Down], seconds: float, openings: Iterable[tuple[str, str]]
) -> list[str]:
    """Openings that lasted too long, stops without a start, knocks that opened twice.

    ``seconds``: how long the doors stay open, counted from the first start anywhere. ``openings``: door and
    address of each knock that was logged as an opening of its gateway's own, at whichever gateway.
    """
    problems = [f"{one} opened {count} times" for one, count in Counter(openings).items() if count > 1]
    begun: dict[tuple[str, str], float] = {}
    open_: dict[tuple[str, str, str], float] = {}
    gone = list(downs)
    for run in runs:
        place = run.gateway, run.door, run.address
        if run.verb == "start":
            first = begun.setdefault(place[1:], run.at)
            if run.at > first + seconds + SLACK * PATIENCE:
                problems.append(f"{place} opened {run.at - first:.1f} s after its knock")
            open_.setdefault(place, first)
            continue
        first = open_.pop(place, run.at)
        due = first + seconds
        late = max([due, *(down.until for down in gone if down.gateway == run.gateway and down.since < due)])
        if run.at > late + SLACK * PATIENCE:
            problems.append(f"{place} closed {run.at - due:.1f} s too late")
    return [*problems, *(f"{place} is open" for place in open_)]
