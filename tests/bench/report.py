"""Outcomes as a page of Markdown, and as lines for a terminal."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Figure, Outcome
from tests.support.lab.hosts import execute

PLOT = "flood.svg"
_MET, _MISSED = "yes", "**no**"
_VERDICT = re.compile(r"^\d+ of \d+ targets are met\..*\n(?:\n(?:- .*\n)+)?", re.MULTILINE)
"""What ``judge`` has written."""

HEAD = """\
# Benchmarks

Written by `make bench`, ours and Debian's knockd 0.8 side by side; a single part runs with
`make bench NAME=fleet` (`NAME='fleet --quick'`: a rough look), and then says of which run it is. Absolute
times belong to the machine; look at the ratios. *ours/0.8* below 1 means less than 0.8. What the figures
mean for a router is in [performance.md](performance.md).

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
    sections = "\n".join(map(section, outcomes))
    head = HEAD.format(machine=machine(load), verdict=judge(sections), plot=PLOT)
    if not plot:
        head = head[: head.index("![")]
    return f"{head}\n{sections}"


def judge(sections: str) -> str:
    """How many targets are met, and which are not; ``sections`` is the text of all benchmarks."""
    met, short, title = 0, [], ""
    for line in sections.splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
        elif line.endswith(f"| {_MET} |"):
            met += 1
        elif line.endswith(f"| {_MISSED} |"):
            name, unit, ours, _, _, target, _ = (cell.strip() for cell in line.strip("|").split("|"))
            short.append(f"- {title}, {name}: {ours} {unit}, target {target}")
    verdict = f"{met} of {met + len(short)} targets are met."
    return "\n".join([f"{verdict} Short of it:", "", *short]) if short else verdict


def replace_sections(page: str, outcomes: Sequence[Outcome], load: float) -> str:
    """The page with these benchmarks measured anew, and judged anew; each says that it is of its own run."""
    parts = page.split("\n## ")
    for outcome in outcomes:
        text = section(outcome, f"A run of its own. {machine(load)}").removeprefix("## ")
        title = outcome.title + "\n"
        place = next((at for at, part in enumerate(parts) if part.startswith(title)), len(parts))
        parts[place : place + 1] = [text.rstrip("\n") + "\n"]
    anew = "\n## ".join(parts)
    return _VERDICT.sub(lambda _: judge(anew) + "\n", anew, count=1)


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
    met = {None: "", True: _MET, False: _MISSED}[figure.good]
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
