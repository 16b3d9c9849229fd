"""What is remembered of touches, and what can be said of an ignored source."""

from __future__ import annotations

import pytest

from knockd.knocks.port_table import PortRole, port_roles
from knockd.knocks.touches import (
    MOST_TOLD,
    UNTOLD,
    Touch,
    find_reason,
    touch_again,
    touch_first,
    without_ports,
)
from knockd.knocks.watch import watches_of
from tests.support.doubles.played import door

ENDED = ((2, 90.0), (1, 95.0))
TOUCH: Touch = (100.0, (7, 8), ENDED, 60.0)


def first_step(sequence: str) -> PortRole:
    """The role of the first step of a door with a guard time of 10 and a cooldown of 30 seconds."""
    (watch,) = watches_of([door(sequence, seq_timeout=10.0, seq_cooldown=30.0)])
    return port_roles(watch, b"\0\0", 0.0)[int(watch.steps[0].protocol) << 16 | watch.steps[0].port]


@pytest.mark.parametrize(("now", "since"), [(199.0, 60.0), (200.0, 200.0)])
def test_first_touch(now: float, since: float) -> None:
    """One within ten ignore times of the last goes on with what was before; its attempts are those of now."""
    role = first_step("1 2")
    assert touch_first(TOUCH, 9, (), role, now) == (now, (9,), (), since)
    assert touch_first(None, 9, ENDED, role, now) == (now, (9,), ENDED, now)


@pytest.mark.parametrize(("port", "ports"), [(7, (7, 8)), (9, (7, 8, 9))])
def test_another_touch(port: int, ports: tuple[int, ...]) -> None:
    """It starts the time anew; each guard is noted once, and what the first one ended stays."""
    assert touch_again(TOUCH, port, 104.0) == (104.0, ports, ENDED, 60.0)


def test_too_many_guards() -> None:
    """Of more than MOST_TOLD guards only that there were more is remembered."""
    touch: Touch = (100.0, (1,), (), 100.0)
    for port in range(2, MOST_TOLD + 5):
        touch = touch_again(touch, port, 100.0)
    assert touch[1] == (*range(1, MOST_TOLD + 1), UNTOLD)


@pytest.mark.parametrize(
    ("ports", "left"),
    [({9}, TOUCH), ({7}, (100.0, (8,), ENDED, 60.0)), ({7, 8}, None)],
    ids=["none", "one", "all"],
)
def test_guards_that_are_none_any_more(ports: set[int], left: Touch | None) -> None:
    """A touch is left without them; one of no other guard is none."""
    assert without_ports(TOUCH, ports) == left


@pytest.mark.parametrize(
    ("touch", "cooled", "expected"),
    [
        (TOUCH, None, (110.0, False)),
        (None, 130.0, (130.0, True)),
        (TOUCH, 130.0, (130.0, True)),
        (TOUCH, 105.0, (110.0, False)),
        ((100.0, (UNTOLD,), (), 100.0), None, None),
    ],
    ids=["guard", "opening", "opening is longer", "guard is longer", "unknown"],
)
def test_reason(touch: Touch | None, cooled: float | None, expected: tuple[float, bool] | None) -> None:
    """The reason that holds for longest is said, and none that is not known."""
    assert find_reason(first_step("1 2"), touch, cooled) == expected


@pytest.mark.parametrize("sequence", ["1", "1 2 1"])
def test_first_step_that_is_the_last_one(sequence: str) -> None:
    """After an opening nothing is said of it, after a guard it is."""
    assert find_reason(first_step(sequence), None, 130.0) is None
    assert find_reason(first_step(sequence), TOUCH, None) == (110.0, False)
