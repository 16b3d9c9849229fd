"""Openings that are granted say so once, before their first command; those that are refused never do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.leases.values import Knock
from knockd_conf.model import Door, Reknock
from tests.support.doubles.lease_manager import DOOR, PLAIN, PlayedManager, knock, said

CLOSER = replace(DOOR, start_command=None)
EXPIRED = replace(DOOR, expires="2000-01-01")


def open_all(played: PlayedManager, *knocks: Knock) -> None:
    """These knocks are heard in one turn of the loop; each that is granted is a line."""
    logger = structlog.get_logger()
    for one in knocks:
        played.manager.open(one, granted=partial(logger.info, "granted"))
    played.loop.turn()


def lines(played: PlayedManager, *knocks: Knock) -> list[str]:
    """What the log says of knocks."""
    with capture_logs() as log:
        open_all(played, *knocks)
    return [line.partition(" ")[0] for line in said(log)]


@pytest.mark.parametrize("at", [DOOR, PLAIN], ids=["noted", "not noted"])
def test_granted(at: Door) -> None:
    """It is said before the start command, as knockd 0.8 says it."""
    assert lines(PlayedManager(), knock(at)) == ["granted", "command"]


def test_without_a_start_command() -> None:
    """A door that is only closed has been opened all the same."""
    assert lines(PlayedManager(), knock(CLOSER)) == ["granted"]


def test_order_of_two_doors() -> None:
    """They are granted in the order of the knocks, whichever of them waits for the journal."""
    with capture_logs() as log:
        open_all(PlayedManager(), knock(DOOR), knock(PLAIN, "192.0.2.2"))
    assert [entry["event"] for entry in log] == ["granted", "granted", "command", "command"]


def test_waits_for_a_slot() -> None:
    """It is said when the start command is to run in its turn; only the end of the daemon undoes it."""
    played = PlayedManager()
    played.runner.busy = True
    assert lines(played, knock(PLAIN)) == ["granted"]


def refused(case: str) -> tuple[PlayedManager, Knock]:
    """A knock that is refused, and the manager that does it."""
    at: Door = {"expired": EXPIRED, "crowd, not noted": PLAIN}.get(case, DOOR)
    options: dict[str, dict[str, Any]] = {"leases": {"max_leases": 0}, "required": {"state_required": True}}
    played = PlayedManager(**options.get(case, {}))
    if case == "required":
        played.journal.reason = "No space left on device"
    if case.startswith("crowd"):
        played.runner.full = True
    if case == "starting":
        played.open(knock())
    return played, knock(at)


@pytest.mark.parametrize(
    "case", ["expired", "leases", "required", "crowd", "crowd, not noted", "starting", "ending"]
)
def test_refused(case: str) -> None:
    """Bars, limits, a journal that is required, and a start that has not ended: none is an opening."""
    played, one = refused(case)
    if case == "ending":
        played.manager.close(1.0, lambda _: None)
    assert lines(played, one) == ["refused"]
    assert lines(played, one) == ["refused"]


def test_renewal() -> None:
    """Of a door that is open it is said at once, before it is closed to be opened anew, and once."""
    played = PlayedManager()
    played.opened()
    assert lines(played, knock()) == ["granted", "command"]
    with capture_logs() as log:
        played.end()
    assert [entry["event"] for entry in log] == ["command"]


def test_extension() -> None:
    """So it is of one that only gets more time."""
    played = PlayedManager()
    at = replace(DOOR, reknock=Reknock.EXTEND)
    played.open(knock(at))
    played.end()
    assert lines(played, knock(at)) == ["granted"]


def test_required_and_noted() -> None:
    """With State_Required it is said when it is noted."""
    played = PlayedManager(state_required=True)
    seen: list[Any] = []
    played.manager.open(knock(), granted=lambda: seen.append(len(played.journal.commits)))
    before = len(played.journal.commits)
    assert seen == []
    played.loop.turn()
    assert seen == [before + 1]
