"""The plot of the flood as SVG: openings and processor time against the rate, for both daemons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from tests.bench.figures import Point

WIDTH, HEIGHT = 760, 300
TOP, BOTTOM, LEFT, RIGHT, BETWEEN = 44, 56, 56, 16, 64
COLOURS = {"ours": "#0b6e4f", "0.8": "#c0392b"}
MARKS = {"ours": "circle", "0.8": "square"}
"""Two shapes: told apart without colour, too."""

STYLE = (
    "text{font:12px sans-serif;fill:#333}.title{font-weight:bold;font-size:13px}"
    ".grid{stroke:#ddd;stroke-width:1}.axis{stroke:#333;stroke-width:1}"
)


@dataclass(frozen=True)
class Panel:
    """One plot: where it stands and how values become places."""

    left: float
    right: float
    low: float
    high: float
    top: float

    def x(self, rate: float) -> float:
        """The place of a rate, on a logarithmic scale."""
        share = (log10(rate) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """The place of a value from 0 to ``top``."""
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - BOTTOM - TOP)


def svg(points: Sequence[Point]) -> str:
    """The whole picture. ``points`` in order of their rates, at least two."""
    middle = (WIDTH - LEFT - RIGHT - BETWEEN) / 2
    low, high = points[0].rate / 1.3, points[-1].rate * 1.3
    cpu_top = max(110.0, *(load for point in points for load in point.cpu.values()))
    panels = (
        (
            Panel(LEFT, LEFT + middle, low, high, 110),
            "knocks that open within 50 ms, %",
            [p.opened for p in points],
        ),
        (
            Panel(WIDTH - RIGHT - middle, WIDTH - RIGHT, low, high, cpu_top),
            "processor, % of one core",
            [p.cpu for p in points],
        ),
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>Real knocks and processor time during a flood of first-port SYNs</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    rates = [point.rate for point in points]
    for panel, title, values in panels:
        parts += _frame(panel, title, rates)
        for name, colour in COLOURS.items():
            parts += _curve(panel, name, colour, rates, [value[name] for value in values])
    return "\n".join([*parts, *_legend(), "</svg>"]) + "\n"


def _frame(panel: Panel, title: str, rates: Sequence[float]) -> list[str]:
    parts = [f'<text class="title" x="{panel.left:.0f}" y="{TOP - 24}">{title}</text>']
    for value in range(0, int(panel.top) + 1, 25 if panel.top < 150 else 50):
        y = panel.y(value)
        parts.append(
            f'<line class="grid" x1="{panel.left:.0f}" x2="{panel.right:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text x="{panel.left - 8:.0f}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    base = panel.y(0)
    parts.append(
        f'<line class="axis" x1="{panel.left:.0f}" x2="{panel.right:.0f}" y1="{base:.1f}" y2="{base:.1f}"/>'
    )
    parts += [
        f'<text x="{panel.x(rate):.1f}" y="{base + 18:.1f}" text-anchor="middle">{_short(rate)}</text>'
        for rate in rates
    ]
    label = (panel.left + panel.right) / 2
    parts.append(f'<text x="{label:.0f}" y="{HEIGHT - 14}" text-anchor="middle">packets a second</text>')
    return parts


def _curve(
    panel: Panel, name: str, colour: str, rates: Sequence[float], values: Sequence[float]
) -> list[str]:
    places = [(panel.x(rate), panel.y(value)) for rate, value in zip(rates, values, strict=True)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>']
    return parts + [_mark(MARKS[name], colour, x, y) for x, y in places]


def _mark(shape: str, colour: str, x: float, y: float) -> str:
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'


def _legend() -> list[str]:
    parts = []
    for number, (name, colour) in enumerate(COLOURS.items()):
        x = WIDTH - RIGHT - 105 + 60 * number
        parts.append(_mark(MARKS[name], colour, x, 16))
        parts.append(f'<text x="{x + 10}" y="20">{name}</text>')
    return parts


def _short(rate: float) -> str:
    return f"{rate / 1000:.0f}k"
