"""What a view does to what is remembered: attempts end, guards never were, touches are forgiven.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from knockd.knocks.changes import Change, StepsAt, Tag
from knockd.knocks.memory import Memory
from knockd.knocks.touches import are_of_one, without_ports


def apply_change(
    change: Change,
    memory: Memory,
    timeouts: Mapping[Tag, float],
    ignore_times: Mapping[Tag, float],
    now: float,
) -> None:
    """Changes what is remembered as other watches ask for it.

    ``timeouts`` and ``ignore_times`` are in seconds, of the watches that there are now.
    """
    memory.end_attempts(change.ended)
    memory.forget_ignored(change.gone)
    if change.unguarded:
        _undo(change.unguarded, memory, timeouts, ignore_times, now)
    if change.rotated:
        _forgive(change.rotated, memory)
    for key, (touched, ports, attempts, since) in list(memory.ignored.items()) if change.ended else ():
        if attempts and key[-2:] in change.ended:  # they were at another sequence: none comes back
            memory.ignored.pop(key)
            memory.ignored.put(key, (touched, ports, (), since))


def _undo(
    unguarded: Mapping[Tag, frozenset[int]],
    memory: Memory,
    timeouts: Mapping[Tag, float],
    ignore_times: Mapping[Tag, float],
    now: float,
) -> None:
    """Some ports are no guards any more: what they alone have caused is as if it had not been."""
    for key, touch in list(memory.ignored.items()):
        left = without_ports(touch, unguarded.get(key[-2:], ()))
        if left == touch:
            continue
        memory.ignored.pop(key)
        if left is not None:
            memory.ignored.put(key, left)
            continue
        memory.told.pop(key)
        limit, (touched, _, attempts, _) = timeouts[key[-2:]], touch
        if now < touched + ignore_times[key[-2:]]:  # meanwhile it has begun no other attempt
            alive = tuple(one for one in attempts if one[1] + limit >= now)
            if ahead := tuple(one for one in alive if one[0] > 1):
                memory.advanced.put(key, ahead)
            for stage, start in alive:
                memory.expect_expiry(start + limit)
                if stage == 1:
                    memory.first.put(key, start)


def _forgive(rotated: Mapping[Tag, StepsAt], memory: Memory) -> None:
    """Who touched steps of one other sequence alone has knocked it, and may knock the next one."""
    for key, (_, ports, *_) in list(memory.ignored.items()):
        if (steps_at := rotated.get(key[-2:])) and are_of_one(ports, steps_at):
            memory.ignored.pop(key)
            memory.told.pop(key)
