"""Doors that close when they are idle: what the manager has looked for, and what it writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from knockd_conf.services import parse_services
from tests.support.doubles.lease_manager import DOOR, PlayedManager, configuration, knock, said

IDLE = replace(DOOR, close_when_idle=30.0, service=parse_services("22/tcp"))
LINES = ["open 192.0.2.1", "close 192.0.2.1; sync"]


@pytest.fixture
def played() -> PlayedManager:
    """Somebody has opened a door that closes when it is idle."""
    made = PlayedManager()
    made.open(knock(IDLE))
    made.end()
    return made


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


def fire_next(played: PlayedManager) -> None:
    """The time of the next timer comes; the loop does not turn."""
    seconds = min(played.loop.waiting)
    played.now += seconds
    timer = next(one for one in played.loop.timers if one.seconds == seconds and not one.cancelled)
    timer.cancel()
    timer.callback()


def test_held_open(played: PlayedManager, log: list[Any]) -> None:
    """While somebody is connected the door stays open, and nothing is written for it."""
    played.looks.connected.add("192.0.2.1")
    written = len(played.journal.commits)
    for _ in range(20):
        fire_next(played)
        played.loop.turn()
    assert played.now > 1_100.0
    assert LINES[:1] == played.runner.lines
    assert written == len(played.journal.commits)
    assert ["held-open 30.0"] == said(log)


def test_closed(played: PlayedManager, log: list[Any]) -> None:
    """When nobody has been connected the stop command runs, and the log says why."""
    played.looks.connected.add("192.0.2.1")
    played.fire(0.0)
    played.looks.connected.clear()
    while played.runner.lines != LINES:
        fire_next(played)
        played.loop.turn()
    assert 1_040.0 == played.now
    assert ["held-open 30.0", "left 30.0", "command-timeout"] == said(log)[:3]


def test_obstacle(log: list[Any]) -> None:
    """What is in the way is said at the start and at a reload, where a door needs it."""
    played = PlayedManager()
    played.looks.obstacle = "no conntrack"
    played.manager.recover()
    assert 0 == played.looks.checks
    played.manager.adopt(replace(configuration(), doors=(IDLE,)))
    assert ["conntrack-problem no conntrack"] == said(log)


def test_the_end(played: PlayedManager) -> None:
    """At the end no look is under way, and no timer is left."""
    played.looks.steps = 9
    fire_next(played)
    assert 1 == played.looks.under_way
    ended: list[int] = []
    played.manager.close(20.0, ended.append)
    played.end()
    assert [0] == ended
    assert 0 == played.looks.under_way
    assert [] == played.loop.waiting
