"""The line that ``systemctl status`` shows."""

from __future__ import annotations

import pytest

from knockd.keeper.status_line import status_line
from knockd.leases.journal import State
from knockd.leases.values import Lease
from knockd_conf.errors import Problem
from tests.support.samples.snapshots import NOW, WEB, lease


@pytest.mark.parametrize(
    ("doors", "interfaces", "waiting", "deaf", "open_now", "failed", "line"),
    [
        (1, ["eth0"], [], [], 0, 0, "1 door on eth0; 0 open"),
        (2, ["eth0", "ppp0"], [], [], 3, 0, "2 doors on eth0, ppp0; 3 open"),
        (2, ["eth0"], ["ppp0"], [], 3, 1, "2 doors on eth0; waiting for ppp0; 3 open; 1 could not be closed"),
        (2, [], ["ppp0"], [], 0, 0, "2 doors; waiting for ppp0; 0 open"),
        (2, [], [], [], 0, 0, "2 doors; not listening; 0 open"),
        (1, ["eth1"], [], ["eth1 has no address"], 0, 0, "1 door on eth1; eth1 has no address; 0 open"),
        (1, ["v\udcff"], [], [], 0, 0, "1 door on v\\xff; 0 open"),
    ],
)
def test_status_line(
    doors: int,
    interfaces: list[str],
    waiting: list[str],
    deaf: list[str],
    open_now: int,
    failed: int,
    line: str,
) -> None:
    """The line says what is there, what is not, and what is open."""
    assert status_line(doors, interfaces, waiting, deaf, open_now, failed).text == line


def test_status_of_disabled_doors() -> None:
    """Doors without a sequence are counted."""
    assert status_line(3, ["eth0"], [], [], 0, 0, disabled=1).text == "3 doors (1 disabled) on eth0; 0 open"


@pytest.mark.parametrize(
    ("problem", "where"),
    [
        (Problem("/etc/knockd.conf", 7, "Sequence", "expected ports, got 'x'"), "knockd.conf:7"),
        (Problem("/etc/knockd.conf", None, None, "could not be read"), "knockd.conf"),
    ],
)
def test_bad_file(problem: Problem, where: str) -> None:
    """A file that is not in effect is named first, with the line."""
    line = status_line(1, ["eth0"], [], [], 0, 0, refused=[problem, problem]).text
    assert line == f"config bad ({where}), the old one is kept; 1 door on eth0; 0 open"


def who(*leases: Lease, opened: int | None = None) -> str:
    """Who is in, as the line has it."""
    line = status_line(1, ["eth0"], [], [], opened or len(leases), 0, leases=leases, now=NOW).text
    return line.split("open; ")[1]


def test_who_is_in() -> None:
    """The first three are named, the others counted."""
    sources = [lease(n, source=f"203.0.113.{n}") for n in range(1, 4)]
    assert who(sources[0]) == "ssh: 203.0.113.1, 7 s left"
    named = "ssh: 203.0.113.1, 7 s left, ssh: 203.0.113.2, 7 s left, ssh: 203.0.113.3, 7 s left"
    assert who(*sources) == named
    assert who(*sources, lease(4, WEB), opened=9) == f"{named} and 6 more"


@pytest.mark.parametrize(
    ("state", "word"),
    [(State.STARTING, "opening"), (State.STOPPING, "closing"), (State.FAILED, "not closed")],
)
def test_states(state: State, word: str) -> None:
    """Who is not simply in has no time."""
    assert who(lease(state=state)) == f"ssh: 203.0.113.7, {word}"


def test_unopened() -> None:
    """Whose start command has failed is not in."""
    line = status_line(1, ["eth0"], [], [], 0, 0, leases=[lease(unopened=True)], now=NOW)
    assert line.text == "1 door on eth0; 0 open"
    assert line.good_for is None


@pytest.mark.parametrize(("seconds", "good_for"), [(7.0, 1.0), (10.0, 1.0), (3_600.0, 360.0)])
def test_good_for(seconds: float, good_for: float) -> None:
    """A line is good for a tenth of the seconds that it shows: the less are left the more they matter."""
    leases = [lease(1, deadline=NOW + seconds), lease(2, deadline=NOW + 9_000.0)]
    line = status_line(1, ["eth0"], [], [], 2, 0, leases=leases, now=NOW)
    assert line.good_for == good_for


def test_good_for_ever() -> None:
    """Where nobody has a time nothing grows old: an idle daemon does not wake."""
    assert status_line(1, ["eth0"], [], [], 0, 0).good_for is None
    assert status_line(1, ["eth0"], [], [], 1, 1, leases=[lease(state=State.FAILED)]).good_for is None
