"""A fleet: from a knock at one gateway to the commands of all; and what a store costs a plain door."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.knocks import Stamps, knock
from tests.support.daemons.doors import door
from tests.support.daemons.fleet import LOST, REACHED, STEPS, STORE, FleetLab, Gateway, wait_joined
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.processes import children
from tests.support.lab.store import Liar

KNOCKS = 20
PAUSE, REST = 0.005, 0.3
"""Seconds between the packets of a knock, and between two knocks."""

HOW = (
    "Three gateways and a store (valkey-server or redis-server) in namespaces on one bridge. {knocks} knocks"
    " from as many addresses at the first, {pause:g} ms between packets; the command of each gateway notes"
    " the time first. Then as many at a plain door without Fleet_Share, with a store that answers, with none,"
    " with one that takes connections and says nothing, and with one that says +OK without end. Memory: the"
    " share (PSS) of all processes of a gateway."
)


def send(client: Host, gateway: Gateway, start: int, knocks: int) -> list[tuple[str, float]]:
    """Knocks, each from another address: it, and when its last packet went out."""
    found = []
    for number in range(start, start + knocks):
        one = knock(client, source(number), gateway.address, STEPS, PAUSE)
        found.append((one.source, one.sent))
        time.sleep(REST)
    time.sleep(2)
    return found


def source(number: int) -> str:
    """An address of the client."""
    return f"10.9.{100 + number // 250}.{number % 250 + 1}"


def delays(sent: Sequence[tuple[str, float]], stamps: Stamps, name: str) -> list[float]:
    """Milliseconds from the last packet to a gateway's command, of each knock that opened there."""
    found = {ip: at for at, ip in stamps.read(name)}
    return [(found[ip] - at) * 1000 for ip, at in sent if ip in found]


def memory(gateway: Gateway) -> float:
    """MB that all processes of a gateway have for themselves (PSS)."""
    pids = [gateway.daemon.pid, *children(gateway.daemon.pid)]
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(text.partition("\nPss:")[2].split()[0]) for text in texts) / 1024


def together(folder: Path, knocks: int, say: Say) -> list[Figure]:
    """From a knock at the first gateway to the commands of all three."""
    with Lab() as lab:
        fleet, stamps = FleetLab(lab, folder), Stamps(folder)
        with fleet.running:
            fleet.store.start()
            gateways = [fleet.add_gateway() for _ in range(3)]
            for one in gateways:
                command = stamps.command(f"at-{one.name}")
                one.start(
                    door("ssh", ",".join(STEPS), start_command=command, cmd_timeout=60, stop_command="true")
                )
            wait_joined(gateways)
            client, _ = fleet.add_client(0, knocks)
            sent = send(client, gateways[0], 0, knocks)
            own, *others = (delays(sent, stamps, f"at-{one.name}") for one in gateways)
            elsewhere = [one for found in others for one in found]
            say(f"opened {len(own)} times, elsewhere {len(elsewhere)} times")
            return [
                Figure("opened where it was knocked", f"of {knocks}", len(own)),
                Figure("opened at the two others", f"of {2 * knocks}", len(elsewhere)),
                Figure("knock to command there, median", "ms", median(own)),
                at_most("knock to command at the others, median", "ms", median(elsewhere), 100),
                Figure("the same, worst", "ms", max(elsewhere)),
                Figure("memory of a gateway in a fleet", "MB", memory(gateways[1])),
            ]


def alone(folder: Path, knocks: int, say: Say) -> list[Figure]:
    """What a store costs a plain door, in each of the ways that it may be."""
    found = []
    for number, kind in enumerate(("no fleet", "a store that answers", "no store", "a silent one", "a liar")):
        with Lab() as lab, ExitStack() as stack:
            place = folder / f"alone{number}"
            place.mkdir()
            fleet, stamps = FleetLab(lab, place), Stamps(place)
            stack.enter_context(fleet.running)
            if kind == "a store that answers":
                fleet.store.start()
            if kind in {"a silent one", "a liar"}:
                stack.enter_context(Liar(fleet.lan, STORE, b"+OK\r\n" * (kind == "a liar")))
            none = {"Fleet": None, "Fleet_Key": None, "Fleet_Share": None}
            options = none if kind == "no fleet" else {"Fleet_Share": "no"}
            gateway = fleet.add_gateway()
            gateway.start(door("plain", ",".join(STEPS), start_command=stamps.command("plain")), **options)
            if kind != "no fleet":
                gateway.daemon.wait_for(REACHED if kind == "a store that answers" else LOST, timeout=60)
            client, _ = fleet.add_client(0, knocks)
            took = delays(send(client, gateway, 0, knocks), stamps, "plain")
            say(f"{kind}: {median(took):.1f} ms")
            found.append(Figure(f"plain door, {kind}: knock to command, median", "ms", median(took)))
            if kind == "no fleet":
                found.append(Figure("memory of a gateway without a fleet", "MB", memory(gateway)))
    return found


def run(quick: bool, say: Say) -> Outcome:
    """20 knocks of each kind, or 5."""
    knocks = KNOCKS // 4 if quick else KNOCKS
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name:
        figures = [*together(Path(name), knocks, say), *alone(Path(name), knocks, say)]
    return Outcome("Fleet", HOW.format(knocks=knocks, pause=PAUSE * 1000), tuple(figures))
