"""What a view changes: which watch goes on under which tag, and what ends, comes back or is forgiven by it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import chain

from knockd.knocks.watch import Watch
from knockd_conf.classes import NamedTuple

Tag = bytes
"""Two bytes that stand for a watch: behind a source they make the key of an attempt."""

StepsAt = Mapping[int, tuple[frozenset[int], ...]]
"""A port, as ``protocol << 16 | port``, to the steps of every sequence that it belongs to."""


class Change(NamedTuple):
    """Tags of watches whose attempts end, and of those that are gone: nobody is ignored there any more.

    ``unguarded``: ports, as ``protocol << 16 | port``, that are no guards any more of a watch that stays.
    ``rotated``: watches that stay while others of their door come and go, with the sequences of the door.
    """

    ended: frozenset[Tag]
    gone: frozenset[Tag]
    unguarded: Mapping[Tag, frozenset[int]]
    rotated: Mapping[Tag, StepsAt]


def find_changes(before: Mapping[Tag, Watch], after: Mapping[Tag, Watch]) -> Change:
    """What becomes of what is remembered, when the watches are others."""
    kept = {tag for tag, watch in after.items() if tag in before and _goes_on(before[tag], watch)}
    rotated = _find_rotated(before, after)
    unguarded = {tag: _lost(before[tag], after[tag]) for tag in kept - rotated.keys()}
    return Change(
        frozenset(before.keys() - kept),
        frozenset(before.keys() - after.keys()),
        {tag: ports for tag, ports in unguarded.items() if ports},
        rotated,
    )


def _goes_on(before: Watch, after: Watch) -> bool:
    """Whether attempts at a watch go on: one that opens no more may be told so, never the other way round."""
    return before.attempts_at == after.attempts_at or (not after.opens and before.sequence == after.sequence)


def _find_rotated(before: Mapping[Tag, Watch], after: Mapping[Tag, Watch]) -> dict[Tag, StepsAt]:
    """The watches that stay of doors with several, where these are others now."""
    old, new = _by_door(before), _by_door(after)
    several = {door for door, watches in new.items() if len(watches) > 1}
    several |= {
        watch.door for tag, watch in after.items() if tag in before and len(old[before[tag].door]) > 1
    }
    found: dict[Tag, StepsAt] = {}
    known: dict[tuple[int, int], StepsAt] = {}
    for tag, watch in after.items() if several else ():
        if watch.door not in several or tag not in before:
            continue
        doors = before[tag].door, watch.door
        if doors not in known:
            pair = old[doors[0]], new[doors[1]]
            same = {one.attempts_at for one in pair[0]} == {one.attempts_at for one in pair[1]}
            known[doors] = {} if same else _steps_at(chain(*pair))
        if known[doors]:
            found[tag] = known[doors]
    return found


def _by_door(watches: Mapping[Tag, Watch]) -> dict[int, list[Watch]]:
    found: dict[int, list[Watch]] = {}
    for watch in watches.values():
        found.setdefault(watch.door, []).append(watch)
    return found


def _steps_at(watches: Iterable[Watch]) -> StepsAt:
    found: dict[int, tuple[frozenset[int], ...]] = {}
    for steps in {frozenset(step.protocol << 16 | step.port for step in watch.steps) for watch in watches}:
        for port in steps:
            found[port] = (*found.get(port, ()), steps)
    return found


def _lost(before: Watch, after: Watch) -> frozenset[int]:
    """The guards that a watch had and has not."""
    if before.guards == after.guards:
        return frozenset()
    return frozenset(guard.protocol << 16 | guard.port for guard in {*before.guards} - {*after.guards})


_SAME: tuple[Callable[[Watch], Hashable], ...] = (
    lambda watch: (watch.door, watch.attempts_at),
    lambda watch: watch.attempts_at,
    lambda watch: watch.sequence,
    lambda watch: None if watch.key else watch.door,
)
"""What two watches share of which one takes the other's tag, the strongest reason first; None: nothing.

The next sequence of a key is another one: who is ignored at one that is gone is not ignored there.
"""


def assign_tags(before: Mapping[Tag, Watch], wanted: list[Watch]) -> list[Tag]:
    """A tag for every watch that is wanted."""
    left = dict(before)
    found: dict[int, Tag] = {}
    for same in _SAME:
        there: dict[Hashable, list[Tag]] = {}
        for tag, watch in left.items():
            there.setdefault(same(watch), []).append(tag)
        there.pop(None, None)
        for place, watch in enumerate(wanted):
            if place not in found and (tags := there.get(same(watch))):
                found[place] = tags.pop(0)
                del left[found[place]]
        if not left or len(found) == len(wanted):
            break
    unused = _unused(before)
    return [found.get(place) or next(unused) for place in range(len(wanted))]


def _unused(used: Mapping[Tag, Watch]) -> Iterator[Tag]:
    tags = (number.to_bytes(2, "big") for number in range(1 << 16))
    return (tag for tag in tags if tag not in used)
