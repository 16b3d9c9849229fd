"""Openings to commands: what is run with what, what the log hears, and the one timer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from knockd.leases.manager import LOOK
from knockd.leases.table import RETRIES
from tests.support.doubles.lease_manager import DOOR, PLAIN, PlayedManager, configuration, knock, said


@pytest.fixture
def played() -> PlayedManager:
    """Nobody has knocked."""
    return PlayedManager()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


def test_timer(played: PlayedManager) -> None:
    """There is one timer, for the soonest deadline, and none when nothing is pending."""
    waiting = [played.loop.waiting]
    played.open(knock())
    waiting.append(played.loop.waiting)
    played.end()
    waiting.append(played.loop.waiting)
    played.now += 4
    played.open(knock(source="192.0.2.2"))
    played.end()
    waiting.append(played.loop.waiting)
    assert waiting == [[], [], [10.0], [6.0]]


def test_sleep_of_the_machine(played: PlayedManager) -> None:
    """A door whose time ran out while the machine slept is closed at the next look, not a sleep later."""
    played.open(knock(replace(DOOR, cmd_timeout=3600.0)))
    played.end()
    assert played.loop.waiting == [LOOK]
    played.now += 8 * 3600.0  # of which the loop's clock has counted a minute
    played.loop.fire()
    assert played.runner.lines == ["open 192.0.2.1", "close 192.0.2.1; sync"]


def test_no_timer_without_leases(played: PlayedManager) -> None:
    """A door without stop command and a lease that is over leave no timer."""
    played.open(knock(PLAIN))
    played.end()
    played.opened()
    played.wait()
    played.end()
    assert played.loop.waiting == []


def test_deadline_that_has_passed(played: PlayedManager) -> None:
    """A deadline in the past is due at once."""
    played.open(knock(replace(DOOR, cmd_timeout=0.0)))
    played.end()
    assert played.loop.waiting == [0.0]


def test_stop_that_fails_for_good(played: PlayedManager, log: list[Any]) -> None:
    """A stop command that never works is logged as an error, once, with the number of tries."""
    played.opened()
    for _ in range(len(RETRIES) + 1):
        played.wait()
        played.end(1)
    assert [line for line in said(log) if line.startswith("stop-failed")] == [
        "stop-failed close 192.0.2.1; sync 6"
    ]
    assert played.loop.waiting == []


def test_too_many_leases(log: list[Any]) -> None:
    """An opening beyond Max_Leases is refused and logged; with a new limit there is room."""
    played = PlayedManager(max_leases=1)
    played.open(knock())
    played.open(knock(source="192.0.2.2"))
    played.manager.adopt(configuration(max_leases=2))
    played.open(knock(source="192.0.2.2"))
    assert said(log) == ["command open 192.0.2.1", "refused 1 leases are open", "command open 192.0.2.2"]


def test_renewal(played: PlayedManager, log: list[Any]) -> None:
    """A repeated knock stops and starts, and does not say that time was over."""
    played.opened()
    played.open(knock())
    played.end()
    assert said(log) == [
        "command open 192.0.2.1",
        "command close 192.0.2.1; sync",
        "command open 192.0.2.1",
    ]
