"""Random-order scans of a door with a key, at a real daemon, across period changes: none of them opens."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from knockd.control.client import Control
from knockd_conf.timed import Rule
from tests.bench.figures import Figure, Outcome, Say, at_least, at_most
from tests.bench.stage import Stage, stage
from tests.bench.subject import Subject, Who
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.keyed import ANNE, KeyedDoor, wait_live
from tests.support.daemons.scans import Strangers

SCANS, RATE, SIDE_BY_SIDE = 300, 2_000, 30
RULE = Rule()

HOW = (
    "A door with one key and the defaults: four steps of {ports:,} ports, another sequence every {period}"
    " seconds. {scans} scans of all these ports (SYN, one packet a port), each in a random order of its own,"
    " from an address of its own, at {rate:,} packets/s; {together} go on side by side, and each lasts"
    " {seconds:.0f} seconds, so most see the period change. The server drops the packets behind the capture."
    " At the end the owner of the key knocks. By the formula"
    " ([security](security.md#what-a-sequence-is-worth)) about one scan in 353,430 opens."
)


def counts(daemon: Subject) -> tuple[int, int]:
    """Packets that have passed the filter since the start, and those of them that were lost."""
    with Control(str(daemon.control_path), timeout=30.0) as control:
        interfaces = control.call("Status")["interfaces"]
    return sum(one["received"] or 0 for one in interfaces), sum(one["dropped"] or 0 for one in interfaces)


def scan(on: Stage, door: KeyedDoor, daemon: Subject, scans: int, say: Say) -> list[Figure]:
    """All scans, a batch after the other, and then a knock."""
    strangers = Strangers(on.server, on.client, SERVER[4], CLIENT[4])
    ports, choose = range(door.rule.low, door.rule.high + 1), random.Random(14)
    packets, sources, seconds, changes, rates = 0, list[str](), 0.0, 0, list[float]()
    first, lost = door.period(), counts(daemon)[1]
    while len(sources) < scans:
        together = min(SIDE_BY_SIDE, scans - len(sources))
        orders = [choose.sample(ports, len(ports)) for _ in range(together)]
        before = door.period()
        done = strangers.scan_together(orders, RATE)
        changes += together * (door.period() - before)
        packets, seconds = packets + done.packets, seconds + done.seconds
        rates.append(len(ports) / done.seconds)
        sources += done.sources
        say(f"{len(sources)} scans, {packets:,} packets, {len(openings(daemon, sources))} opened")
    periods = door.period() - first + 1
    door.wait_for_period()
    door.knock(on.client)  # when this is judged, so is all that came before
    daemon.wait_for(f"{CLIENT[4]}: {door.name}: OPEN SESAME", 20.0)
    passed, dropped = counts(daemon)
    opened = openings(daemon, sources)
    return [
        Figure("scans", "", len(sources)),
        Figure("packets sent", "", packets),
        at_least("slowest of the scans", "packets/s", min(rates), 0.9 * RATE),
        Figure("periods that they met", "", periods),
        Figure("period changes during a scan, of all scans", "", changes),
        Figure("packets that passed the filter", "", passed),
        at_most("packets that the ring had no room for", "", dropped - lost, 0),
        at_most("openings by scans", f"of {len(sources)}", len(opened), 0),
        at_least("openings by the owner, afterwards", "of 1", 1, 1),
    ]


def openings(daemon: Subject, sources: list[str]) -> set[str]:
    """Which of these addresses have opened the door."""
    return {line.split(":")[0] for line in daemon.log_lines() if line.endswith("OPEN SESAME")} & set(sources)


def run(quick: bool, say: Say) -> Outcome:
    """300 scans, or 30 when it is to be quick."""
    scans = SIDE_BY_SIDE if quick else SCANS
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name, stage() as on:
        door = KeyedDoor(Path(name), rule=RULE)
        door.write(ANNE)
        text = door.config(fields={"Seq_Timeout": 25})
        with Subject(Who.OURS, on.server, text, Path(name)) as daemon:
            wait_live(daemon)
            figures = scan(on, door, daemon, scans, say)
    ports = RULE.high - RULE.low + 1
    how = HOW.format(
        ports=ports, period=RULE.period, scans=scans, rate=RATE, together=SIDE_BY_SIDE, seconds=ports / RATE
    )
    note = f"It took {time.monotonic() - begun:.0f} seconds."
    return Outcome("Scans of a door with a key", how, tuple(figures), (note,))
