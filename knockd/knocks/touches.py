"""Whom a watch ignores, as values: what is remembered of a touch of guard ports, and until when it holds.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection

from knockd.knocks.changes import StepsAt
from knockd.knocks.port_table import PortRole

Stages = tuple[tuple[int, float], ...]
"""(stage, start) of attempts, the foremost first."""

Touch = tuple[float, tuple[int, ...], Stages, float]
"""When a source last touched a guard, which ones it has, the attempts that they ended, since when it does."""

UNTOLD = 0
"""Stands for guards that another matcher has seen touched, or that are too many: that is not undone."""

MOST_TOLD = 8
"""Touched guards that are remembered of a source."""

STILL = 10
"""Who touches a guard within so many ignore times of the last one has never ceased to."""

MOST_OF_KEY = 16
"""As many where sequences are made of keys: a source may have knocked all steps of another one."""


def touch_first(before: Touch | None, port: int, ended: Stages, role: PortRole, now: float) -> Touch:
    """A source that is not ignored touched a guard; ``before`` is when it was."""
    since = before[3] if before is not None and now < before[0] + STILL * role.ignore_time else now
    return now, (port,), ended, since


def touch_again(touch: Touch, port: int, now: float, most: int = MOST_TOLD) -> Touch:
    """An ignored source touched a guard, perhaps another one; what it ended before is still ended by both."""
    _, ports, ended, since = touch
    if port not in ports and ports[-1] != UNTOLD:
        ports = (*ports, port if len(ports) < most else UNTOLD)
    return now, ports, ended, since


def without_ports(touch: Touch, ports: Collection[int]) -> Touch | None:
    """The touch when some ports are no guards any more; None when it has been of no other."""
    last, before, ended, since = touch
    left = tuple(port for port in before if port not in ports)
    return (last, left, ended, since) if left else None


def are_of_one(ports: Collection[int], steps_at: StepsAt) -> bool:
    """Whether all touched ports are steps of one sequence; no ports that are not known are."""
    return any(steps.issuperset(ports) for steps in steps_at.get(next(iter(ports)), ()))


def find_reason(role: PortRole, touch: Touch | None, cooled: float | None) -> tuple[float, bool] | None:
    """Until when an ignored source that begins a knock is ignored, and whether that is for an opening.

    ``cooled`` is the end of its cooldown. None when nothing is to be said: another matcher knew the reason,
    or the packet may be a retransmission of the one that opened, as the first step is the last one, too.
    """
    guarded = 0.0 if touch is None else touch[0] + role.ignore_time
    if role.cooldown and cooled is not None and cooled >= guarded:
        return None if role.last == 1 or role.last - 1 in role.advances else (cooled, True)
    return None if touch is None or touch[1][0] == UNTOLD else (guarded, False)
