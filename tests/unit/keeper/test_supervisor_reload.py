"""A reload as the packet process sees it: a view where doors alone have changed, else another process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from knockd.keeper import live_doors
from knockd.knocks.events import Stage
from knockd.process.verbs import Opening
from tests.support.doubles.linked_workers import PONG, LinkedWorkers, captured
from tests.support.doubles.played import ALICE, OURS, door, steps

UP = ["starting eth0", "up", "alive"]
AGAIN = ["listening eth0", "up", "alive"]
OPENING = Opening(0, ALICE, OURS, 2, 0, 1_790_000_000_000_000)


@pytest.fixture
def up() -> Iterator[LinkedWorkers]:
    """The first packet process captures; what was said until then is forgotten."""
    with captured() as made:
        yield made


def test_other_doors(up: LinkedWorkers) -> None:
    """A configuration with other doors alone is a view for the packet process that captures."""
    up.adopt(door("1 2", name="first"), door("3 4", name="second"))
    (view,) = up.views(0)
    assert view.addresses == {}
    assert view.watches is not None
    assert [(watch.door, watch.steps) for watch in view.watches] == [(1, steps("1 2")), (2, steps("3 4"))]
    assert up.said == []
    up.say(0, PONG)
    assert up.said == AGAIN
    assert len(up.started) == 1


def test_said_just_before_a_reload(up: LinkedWorkers) -> None:
    """A packet process that does not know the new doors yet speaks of the old ones, by their numbers."""
    up.adopt(door("1 2", name="first"), door("1 2"))
    up.say(0, OPENING)
    assert up.said == ["stage", "open", "open 192.0.2.1"]
    assert [watch.door for view in up.views(0) for watch in view.watches or ()] == [1, 0]


def test_other_doors_than_there_are(up: LinkedWorkers) -> None:
    """A number that no door has had is malformed, after a reload too."""
    up.adopt(door("1 2", name="first"))
    up.say(0, PONG, Stage(1, ALICE, 1), Stage(2, ALICE, 1))
    assert up.said[len(UP) :] == [
        "stage",
        "worker-malformed door 2",
        "worker-lost malformed message 0.5",
        "up",
    ]


@pytest.mark.parametrize("options", [{"latency": 9}, {"buffer": 64}, {"max_attempts": 9}, {"user": "bob"}])
def test_other_captures(up: LinkedWorkers, options: dict[str, Any]) -> None:
    """Whatever a packet process keeps for life calls for another one when it changes."""
    up.adopt(**options)
    assert len(up.started) == 2
    assert up.views(0) == []


def test_other_interfaces(up: LinkedWorkers) -> None:
    """So do other interfaces."""
    up.adopt(interface=("eth0", "eth1"))
    assert len(up.started) == 2


def test_doors_beyond_every_number(up: LinkedWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the numbers are used up another packet process begins anew with them."""
    monkeypatch.setattr(live_doors, "MOST_DOORS", 2)
    up.adopt(door("1 2", name="first"))
    up.say(0, PONG)
    up.adopt(door("1 2", name="second"))
    assert len(up.started) == 2
    assert [watch.door for watch in up.started[1]["view"].watches] == [0]


def test_a_view_of_doors_too_long_for_the_link(up: LinkedWorkers) -> None:
    """When the doors do not fit into a message another packet process is forked with them."""
    up.links[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    up.adopt(*(door("1 2 3 4", name=f"door{n}") for n in range(300)))
    up.take_over(1)
    assert len(up.started[1]["view"].watches) == 300
    assert up.running() == [1]
    assert up.said == AGAIN


def test_commands_that_a_fork_would_inherit(up: LinkedWorkers) -> None:
    """Those of the new doors, and those of the packet process that still counts."""
    up.adopt(door("1 2", name="first", start_command="old"))
    up.say(0, PONG)
    up.adopt(door("1 2", name="first", start_command="new"), latency=9)
    assert up.started[1]["commands"] == ("new", "old")
