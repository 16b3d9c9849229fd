"""How far a source is in a sequence, by the rules of the matcher for one source and one sequence.

The child that reads the configuration imports it at every start, so it imports nothing heavy.

Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def advance(order: Sequence[Hashable], stages: frozenset[int], port: Hashable) -> frozenset[int]:
    """The stages of a source's attempts after a packet to a step's port; the last one: the door opens."""
    done = order.index(port) + 1
    after = {
        stage + 1 if order[stage] == port else stage
        for stage in stages
        if order[stage] == port or stage >= done
    }
    return frozenset(after | ({1} if done == 1 and len(order) not in after else set()))
