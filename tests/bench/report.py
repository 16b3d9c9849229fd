"""Outcomes as a page of Markdown, and as lines for a terminal."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Figure, Outcome
from tests.support.lab.hosts import execute

PLOT = "flood.svg"
HEAD = """\
# Benchmarks

Written by `make bench`, ours and Debian's knockd 0.8 side by side in one run; a single part runs with
`python -m tests.bench NAME` (`--quick`: a rough look). Absolute times belong to the machine; look at the
ratios. *ours/0.8* below 1 means less than 0.8. What the figures mean for a router is in
[performance.md](performance.md).

{machine}

{verdict}

![Openings and processor time against flood rate]({plot})
"""


def number(value: float | None) -> str:
    """Three significant digits, whole numbers in full."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine(load: float) -> str:
    """One paragraph on what it ran on; ``load`` is the load average before."""
    cores = len(os.sched_getaffinity(0))
    info = Path("/proc/cpuinfo").read_text()
    model = next(
        (x.partition(":")[2].strip() for x in info.splitlines() if x.startswith("model name")),
        platform.machine(),
    )
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    peer = execute("dpkg-query", "-W", "-f", "${Version}", "knockd", check=False) or "unknown"
    pcapy = importlib.metadata.version("pcapy-ng")
    return (
        f"Machine: {cores} processors ({model}), {gigabytes:.0f} GB, Linux {platform.release()},"
        f" Python {platform.python_version()}, pcapy-ng {pcapy}; knockd 0.8 is Debian's {peer}."
        " The senders of the traffic share the processors with the daemon."
        f" {time.strftime('%Y-%m-%d')}, load before the run {load:.2f}."
    )


def page(outcomes: Sequence[Outcome], load: float, plot: bool) -> str:
    """The whole of docs/benchmarks.md."""
    figures = [(o.title, one) for o in outcomes for one in o.figures if one.good is not None]
    short = [(title, one) for title, one in figures if not one.good]
    verdict = f"{len(figures) - len(short)} of {len(figures)} targets are met."
    if short:
        verdict += " Short of it:\n\n" + "\n".join(
            f"- {title}, {one.name}: {number(one.ours)} {one.unit}, target {one.target}"
            for title, one in short
        )
    head = HEAD.format(machine=machine(load), verdict=verdict, plot=PLOT)
    if not plot:
        head = head[: head.index("![")]
    return "\n".join([head, *map(section, outcomes)])


def replace_sections(page: str, outcomes: Sequence[Outcome], load: float) -> str:
    """The page with these benchmarks measured anew; each says that it is of a run of its own."""
    parts = page.split("\n## ")
    for outcome in outcomes:
        text = section(outcome, f"A run of its own. {machine(load)}").removeprefix("## ")
        title = outcome.title + "\n"
        place = next((at for at, part in enumerate(parts) if part.startswith(title)), len(parts))
        parts[place : place + 1] = [text.rstrip("\n") + "\n"]
    return "\n## ".join(parts)


def section(outcome: Outcome, run: str = "") -> str:
    """One benchmark; ``run`` says of which run it is, where it is not the page's."""
    shown = outcome.picture
    lines = [
        f"## {outcome.title}",
        "",
        outcome.how,
        "",
        *([run, ""] if run else ()),
        *([f"![{shown.shows}]({shown.name})", ""] if shown else ()),
        "| figure | unit | ours | 0.8 | ours/0.8 | target | met |",
        "|---|---|---:|---:|---:|---|---|",
        *map(_row, outcome.figures),
        "",
    ]
    lines += [f"- {note}" for note in outcome.notes]
    return "\n".join([*lines, ""] if outcome.notes else lines)


def _row(figure: Figure) -> str:
    met = {None: "", True: "yes", False: "**no**"}[figure.good]
    cells = (
        figure.name,
        figure.unit,
        number(figure.ours),
        number(figure.peer),
        number(figure.ratio),
        figure.target,
        met,
    )
    return f"| {' | '.join(cells)} |"


def lines(outcome: Outcome) -> str:
    """For a terminal."""
    text = [f"{outcome.title}", ""]
    for figure in outcome.figures:
        ours, peer, ratio = map(number, (figure.ours, figure.peer, figure.ratio))
        target = f"{figure.target}{'' if figure.good else '  MISSED'}" if figure.target else ""
        text.append(f"  {figure.name:<64} {ours:>9} {peer:>9} {ratio:>8}  {figure.unit:<14} {target}")
    return "\n".join([*text, *(f"  note: {note}" for note in outcome.notes), ""])
