"""Quick knocks: how a source is heard though it is ignored for guards that others may have touched for it.

Anybody can send packets in another's name, and whoever does so for long would have him ignored for ever.
So after a first Seq_Timeout of it an ignored source opens by a knock that is quick: before it there was no
guard for ``TIMES`` as long as it took, and ``PAUSE`` at least. A scan that has touched a guard hardly ever
does that: in random order of 3 steps and 24 guards once in 309,582 times, less than from another address.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from knockd.knocks.port_table import PortRole
from knockd.knocks.touches import Stages, Touch

TIMES = 20
"""A quick knock has this many times its length before it without a guard."""

PAUSE = 0.1
"""Seconds without a guard before a quick knock at least: arrivals are not told apart by microseconds."""


def is_heard(role: PortRole, touch: Touch, now: float) -> bool:
    """Whether a quick knock of an ignored source may open: it has been ignored for Seq_Timeout already."""
    return role.quick and now >= touch[3] + role.timeout


def may_begin(touch: Touch, now: float) -> bool:
    """Whether the first step comes long enough after a guard."""
    return now - touch[0] >= PAUSE


def find_quick(attempts: Iterable[tuple[int, float]], role: PortRole, touch: Touch, now: float) -> Stages:
    """Those attempts that are still quick: a guard touched since their start has ended them, too."""
    return tuple(
        (stage, start)
        for stage, start in attempts
        if start - touch[0] >= max(PAUSE, TIMES * (now - start)) and now <= start + role.timeout
    )


def begin_quickly(attempts: Stages | None, now: float) -> Stages:
    """The attempts with one at stage 1 that begins now."""
    return (*((stage, start) for stage, start in attempts or () if stage > 1), (1, now))
