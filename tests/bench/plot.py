"""Plots as SVG: the flood, for both daemons, and what an opening costs beside many open doors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from tests.bench.figures import Point

WIDTH, HEIGHT = 760, 300
TOP, BOTTOM, LEFT, RIGHT, BETWEEN = 44, 56, 56, 16, 64
COLOURS = {"ours": "#0b6e4f", "0.8": "#c0392b"}
MARKS = {"ours": "circle", "0.8": "square"}
"""Two shapes, which differ without colour, too."""

STYLE = (
    "text{font:12px sans-serif;fill:#333}.title{font-weight:bold;font-size:13px}"
    ".grid{stroke:#ddd;stroke-width:1}.axis{stroke:#333;stroke-width:1}"
)


@dataclass(frozen=True)
class Panel:
    """One plot: its corners and its scales, by which values become coordinates."""

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
        parts += _frame(panel, title, rates, "packets a second", 25 if panel.top < 150 else 50)
        for name, colour in COLOURS.items():
            parts += _curve(panel, name, colour, rates, [value[name] for value in values])
    return "\n".join([*parts, *_legend(), "</svg>"]) + "\n"


def leases_svg(points: Sequence[tuple[float, float, float]]) -> str:
    """What an opening costs: (open doors, milliseconds of processor, bytes written), in order of doors."""
    middle = (WIDTH - LEFT - RIGHT - BETWEEN) / 2
    doors = [count for count, _, _ in points]
    low, high = doors[0] / 1.5, doors[-1] * 1.5
    curves = (
        (LEFT, "processor, ms an opening", [cpu for _, cpu, _ in points], 2.0, 0.5),
        (
            WIDTH - RIGHT - middle,
            "written, bytes an opening",
            [size for _, _, size in points],
            4_096.0,
            1_024.0,
        ),
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>Cost of an opening against the number of open doors</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for left, title, values, top, step in curves:
        panel = Panel(left, left + middle, low, high, max(top, *values))
        parts += _frame(panel, title, doors, "open doors", step)
        parts += _curve(panel, "ours", COLOURS["ours"], doors, values)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _frame(panel: Panel, title: str, rates: Sequence[float], label: str, step: float) -> list[str]:
    parts = [f'<text class="title" x="{panel.left:.0f}" y="{TOP - 24}">{title}</text>']
    for number in range(int(panel.top / step) + 1):
        value = number * step
        y = panel.y(value)
        parts.append(
            f'<line class="grid" x1="{panel.left:.0f}" x2="{panel.right:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text x="{panel.left - 8:.0f}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    base = panel.y(0)
    parts.append(
        f'<line class="axis" x1="{panel.left:.0f}" x2="{panel.right:.0f}" y1="{base:.1f}" y2="{base:.1f}"/>'
    )
    parts += [
        f'<text x="{panel.x(rate):.1f}" y="{base + 18:.1f}" text-anchor="middle">{_short(rate)}</text>'
        for rate in rates
    ]
    middle = (panel.left + panel.right) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 14}" text-anchor="middle">{label}</text>')
    return parts


def _curve(
    panel: Panel, name: str, colour: str, rates: Sequence[float], values: Sequence[float]
) -> list[str]:
    points = [(panel.x(rate), panel.y(value)) for rate, value in zip(rates, values, strict=True)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>']
    return parts + [_mark(MARKS[name], colour, x, y) for x, y in points]


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
    return f"{rate / 1000:.0f}k" if rate >= 1_000 else f"{rate:.0f}"
