"""A timeline of block characters, with its axis of time.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.review.clock import Clock
from knockd.review.summary import Timeline

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:-=+*#@"


def draw_bars(counts: Sequence[int], width: int, levels: str = BLOCKS) -> tuple[str, int]:
    """Counts in at most ``width`` characters, and the largest sum that one of them stands for.

    What is not zero is never shown as nothing.
    """
    joined = max(1, -(-len(counts) // max(1, width)))
    sums = [sum(counts[at : at + joined]) for at in range(0, len(counts), joined)]
    most = max(sums, default=0)
    top = len(levels) - 1
    each = max(1, width // max(1, len(sums)))
    return "".join(levels[-(-count * top // most) if most else 0] * each for count in sums), most


def draw_timeline(line: Timeline, columns: int, clock: Clock, levels: str = BLOCKS) -> list[str]:
    """Rows of openings, failed knocks of owners and scans that are not all zero, and the axis below."""
    rows = [("openings", line.openings), ("failed", line.attempts), ("scans", line.scans)]
    shown = [(name, counts) for name, counts in rows if any(counts)]
    if not shown:
        return []
    label = max(len(name) for name, _ in shown) + 1
    most = max(len(f" {max(counts) * len(counts)}") for _, counts in shown)  # room for the largest sum
    width = max(8, columns - label - most)
    drawn, bars = [], ""
    for name, counts in shown:
        bars, top = draw_bars(counts, width, levels)
        drawn.append(f"{name:{label}}{bars} {top}")
    return [*drawn, " " * label + draw_axis(line, len(bars), clock)]


def draw_axis(line: Timeline, width: int, clock: Clock) -> str:
    """The times at the two ends and, with room, in the middle of ``width`` characters."""
    parts = len(line.openings)
    joined = max(1, -(-parts // max(1, width)))
    span = -(-parts // joined) * joined * line.width
    stamps = [clock.show_short(line.start + span * share, line.width < 86_400) for share in (0, 0.5, 1)]
    first, middle, last = stamps
    if width < len(first) + len(last) + 2:
        return first
    axis = first + " " * (width - len(first) - len(last)) + last
    at = (width - len(middle)) // 2
    if at > len(first) + 1 and at + len(middle) + 1 < width - len(last):
        axis = axis[:at] + middle + axis[at + len(middle) :]
    return axis
