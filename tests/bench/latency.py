"""From the last packet of a knock to the first instruction of its command; and what a shorter wait costs."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.knocks import Knock, Stamps, knock
from tests.bench.stage import KNOCKERS, Stage, stage
from tests.bench.subject import Subject, Who
from tests.support.daemons.doors import SERVER, config, door

STEPS = {Who.OURS: ("7000", "8000", "9000"), Who.PEER: ("7100", "8100", "9100")}
LATENCIES = (1, 10, 50)
PAUSE, REST = 0.005, 0.04
"""Seconds between the packets of a knock, and at least between two knocks."""

HOW = (
    "{knocks} knocks each, in turn, at both daemons on one interface ({pause:g} ms between packets, at"
    " least {rest:g} ms and a random part of 0.1 s between knocks); the door has no stop command unless said,"
    " and its command is a program that notes the time first ({stamp}). Timer interrupts: the machine's"
    " (LOC in /proc/interrupts) while one idle daemon runs, less those just before, while none did; of each"
    " the fewest of {windows} seconds."
)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def text(stamps: Stamps, who: Who, name: str, latency: int | None = None, *, closing: bool = False) -> str:
    """One door, as shipped; ``name`` of its stamps file.

    ``closing``: it has a stop command, so that its opening is noted on disk before the command runs.
    """
    options = {} if latency is None else {"Latency": latency}
    keys = {"seq_timeout": 5, "tcpflags": "syn", "start_command": stamps.command(name)}
    if closing:
        keys |= {"cmd_timeout": 0, "stop_command": "/bin/true"}
    return config(door("door", ",".join(STEPS[who]), **keys), **options)


def play(on: Stage, knocks: Sequence[tuple[Who, str]], stamps: Stamps) -> dict[str, list[float]]:
    """Knocks in the order of ``knocks`` (whose door, name of its stamps file): milliseconds by name."""
    dice = random.Random(1)
    sent: list[tuple[str, Knock]] = []
    for number, (who, name) in enumerate(knocks):
        source = on.knocker(number // 2 % KNOCKERS)
        sent.append((name, knock(on.client, source, SERVER[4], STEPS[who], PAUSE)))
        time.sleep(REST + dice.random() * 0.1)
    time.sleep(0.5)
    found: dict[str, list[float]] = {name: [] for _, name in knocks}
    for name, one in sent:
        delay = one.delay(stamps.read(name))
        if delay is not None and delay < 1.0:
            found[name].append(delay * 1000)
    return found


def timer_interrupts(seconds: float, times: int) -> float:
    """Timer interrupts of the whole machine a second: the fewest in some windows, for others add to them."""

    def count() -> int:
        lines = Path("/proc/interrupts").read_text().splitlines()
        return sum(
            int(word)
            for line in lines
            if line.lstrip().startswith("LOC:")
            for word in line.split()
            if word.isdigit()
        )

    rates = []
    for _ in range(times):
        before, start = count(), time.monotonic()
        time.sleep(seconds)
        rates.append((count() - before) / (time.monotonic() - start))
    return min(rates)


def run(quick: bool, say: Say) -> Outcome:
    """Side by side; then ours alone with other block timers."""
    knocks = 30 if quick else 200
    window, windows = (0.5, 3) if quick else (1.0, 12)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name, stage() as on:
        folder = Path(name)
        stamps = Stamps(folder)
        say("side by side")
        names = {who: f"{who.name.lower()}.stamps" for who in Who}
        with (
            Subject(Who.OURS, on.server, text(stamps, Who.OURS, names[Who.OURS]), folder),
            Subject(Who.PEER, on.server, text(stamps, Who.PEER, names[Who.PEER]), folder),
        ):
            found = play(on, [(who, names[who]) for _ in range(knocks) for who in Who], stamps)
        ours, peer = (found[names[who]] for who in Who)
        figures += [
            at_most("median", "ms", median(ours), 8, median(peer)),
            at_most("99th percentile", "ms", percentile(ours, 0.99), 20, percentile(peer, 0.99)),
            at_most("median as a share of 0.8's", "", median(ours) / median(peer), 0.334),
            Figure("knocks that opened", f"of {knocks}", len(ours), len(peer)),
        ]
        say("with the journal")
        with Subject(
            Who.OURS, on.server, text(stamps, Who.OURS, "noted.stamps", closing=True), folder / "noted"
        ):
            delays = play(on, [(Who.OURS, "noted.stamps")] * (knocks // 2), stamps)["noted.stamps"]
        figures += [
            Figure("door with a stop command, journal synced first: median", "ms", median(delays)),
            Figure("door with a stop command: 99th percentile", "ms", percentile(delays, 0.99)),
        ]
        for latency in LATENCIES:
            say(f"Latency = {latency}")
            one = f"latency-{latency}.stamps"
            config_text = text(stamps, Who.OURS, one, latency)
            quiet = timer_interrupts(window, windows)
            with Subject(Who.OURS, on.server, config_text, folder / str(latency)):
                time.sleep(1)
                idle = timer_interrupts(window, windows) - quiet
                delays = play(on, [(Who.OURS, one)] * (knocks // 2), stamps)[one]
            figures += [
                Figure(f"Latency = {latency}: median", "ms", median(delays)),
                Figure(f"Latency = {latency}: 99th percentile", "ms", percentile(delays, 0.99)),
                Figure(f"Latency = {latency}: timer interrupts while idle", "a second", idle),
            ]
        quiet = timer_interrupts(window, windows)
        with Subject(Who.PEER, on.server, text(stamps, Who.PEER, "idle"), folder / "idle"):
            time.sleep(1)
            idle = timer_interrupts(window, windows) - quiet
            figures.append(Figure("0.8: timer interrupts while idle", "a second", None, idle))
    how = HOW.format(
        knocks=knocks,
        windows=windows,
        pause=PAUSE * 1000,
        rest=REST * 1000,
        stamp="in C" if stamps.compiled else "a shell script",
    )
    cores = os.cpu_count()
    note = f"Without any daemon the machine had {quiet:.0f} timer interrupts a second on {cores} processors."
    return Outcome("Latency", how, tuple(figures), (note,))
