"""Which packets of a batch are remembered together, and which are judged by themselves."""

from __future__ import annotations

from collections.abc import KeysView, Sequence

import pytest

from knockd.knocks.batch import Batch, Group, Head
from knockd.knocks.bulk import MOST_SINGLES, Bulk, split
from knockd.knocks.port_table import PortRole, port_roles
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP
from tests.support.doubles.played import OURS, SYN, steps

TAG, OTHER_TAG = b"\0\0", b"\0\1"
ROLES = port_roles(Watch(0, steps("1 2 3"), guards=steps("7")), TAG, 0.0)
OTHER = port_roles(Watch(1, steps("4")), OTHER_TAG, 0.0)
ARRIVALS = [float(place) for place in range(100)]


def sources(*numbers: int) -> list[bytes]:
    """Addresses."""
    return [bytes([10, 0, 0, number]) for number in numbers]


def group(port: int, numbers: Sequence[int], places: Sequence[int]) -> Group:
    """Packets to a port from some sources."""
    return Group((OURS, TCP, port, SYN), sources(*numbers), places)


def roles_of(head: Head) -> list[PortRole]:
    """The roles of a packet; port 3 has two."""
    port = head[1] << 16 | head[2]
    return [roles[port] for roles in (ROLES, OTHER, ROLES if head[2] == 3 else {}) if port in roles]


def parted(*groups: Group, known: frozenset[bytes] = frozenset()) -> tuple[list[Bulk], list[int]]:
    """What is remembered together, and the places of what is judged by itself."""

    def there(keys: KeysView[bytes]) -> set[bytes]:
        return set(keys & known)

    bulks, singles = split(Batch(100, groups), ARRIVALS, roles_of, there)
    return bulks, sorted(singles)


@pytest.mark.parametrize("port", [1, 7], ids=["first step", "guard"])
def test_strangers(port: int) -> None:
    """Strangers that begin an attempt or touch a guard are remembered with the time of their packet."""
    ((bulk,), alone) = parted(group(port, [1, 2], [5, 9]))
    one, two = sources(1, 2)
    assert bulk.entries == {one + TAG: 5.0, two + TAG: 9.0}
    assert alone == []


@pytest.mark.parametrize("port", [2, 99], ids=["later step", "no port of a watch"])
def test_what_means_nothing(port: int) -> None:
    """A later step from a stranger, or any packet to another port, is neither remembered nor judged."""
    assert parted(group(port, [1, 2], [5, 9])) == ([], [])


@pytest.mark.parametrize("port", [3, 4], ids=["two roles", "opens at once"])
def test_what_is_judged_by_itself(port: int) -> None:
    """A packet with two roles, or one that opens by itself, is judged."""
    assert parted(group(port, [1, 2], [5, 9])) == ([], [5, 9])


@pytest.mark.parametrize("port", [1, 2, 7])
def test_known_sources(port: int) -> None:
    """A source that the watch knows is judged by itself, the others are not."""
    one, two = sources(1, 2)
    bulks, alone = parted(group(port, [1, 2], [5, 9]), known=frozenset({one + TAG}))
    assert [bulk.entries for bulk in bulks] == ([] if port == 2 else [{two + TAG: 9.0}])
    assert alone == [5]


def test_known_to_another_watch() -> None:
    """What another watch knows of a source does not matter."""
    one = sources(1)[0]
    assert parted(group(1, [1], [5]), known=frozenset({one + OTHER_TAG}))[1] == []


@pytest.mark.parametrize("second", [1, 2, 7])
def test_a_source_that_comes_twice(second: int) -> None:
    """All packets of such a source are judged by themselves, in the same group or in two."""
    bulks, alone = parted(group(1, [1, 2, 3], [5, 9, 10]), group(second, [1], [20]))
    assert [key[:-2] for bulk in bulks for key in bulk.entries] == sources(2, 3)
    assert alone == [5, 20]
    bulks, alone = parted(group(second, [1, 2, 1], [5, 9, 10]))
    assert alone == [5, 10]


def test_many_singles() -> None:
    """Where too many packets are judged by themselves all are."""
    many = 100 // MOST_SINGLES + 1
    first, opening = group(1, range(100, 110), range(50, 60)), group(4, range(many), range(many))
    assert parted(first, opening) == ([], [*range(many), *range(50, 60)])
    bulks, alone = parted(first, group(4, range(many - 1), range(many - 1)))
    assert len(bulks) == 1
    assert alone == [*range(many - 1)]


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(0, 100, [5, 9]), (5, 9, [5]), (6, 10, [9]), (6, 9, []), (5, 10, [5, 9])]
)
def test_a_stretch(start: int, end: int, expected: list[int]) -> None:
    """Places and entries of a stretch are those from its start to before its end."""
    ((bulk,), _) = parted(group(1, [1, 2], [5, 9]))
    assert list(bulk.places(start, end)) == expected
    assert list(bulk.between(start, end).values()) == [float(place) for place in expected]
