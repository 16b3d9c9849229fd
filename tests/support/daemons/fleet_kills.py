"""A fleet whose gateways are killed at random instants, while signed packets come to all of them.

Each packet is sent to two gateways, from an address of its own, whose door opens for a moment; what the
commands noted, and the logs, are judged by the checker.
"""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Final

from knockd_conf.classes import NamedTuple
from tests.support.daemons.fleet import OPENED_TOO, FleetLab, Gateway, wait_joined
from tests.support.daemons.signed import SignedHost, wait_signed
from tests.support.lab.waiting import wait_until
from tests.support.oracles.fleet_checker import Down, find_problems, read_runs
from tests.support.oracles.lease_checker import note_script, now

SECONDS: Final = 6
"""For which the door is open."""

PACKETS: Final = 4
"""Sent around each kill."""

_OPENED: Final = re.compile(r"(\S+): (\S+): OPEN SESAME")


class Killed(NamedTuple):
    """What is wrong, how many knocks opened, and how often a gateway opened what another one had."""

    problems: list[str]
    opened: int
    shared: int


def kill_often(fleet: FleetLab, kills: int, dice: random.Random) -> Killed:
    """Kills one of three gateways so many times, each at another instant."""
    fleet.store.start()
    host = SignedHost(fleet.directory)
    gateways = [fleet.add_gateway() for _ in range(3)]
    client, _ = fleet.add_client(0, kills * PACKETS)
    options = {"Signed_Port": host.port, "Authorized_Keys": host.keys_path, "Knock_Secret": host.secret_path}
    ledgers = {one.name: one.ledger for one in gateways}

    def start(gateway: Gateway) -> None:
        note = note_script(gateway.directory / "note", gateway.ledger)
        commands = {"Start_Command": note.format("start"), "Stop_Command": note.format("stop")}
        gateway.start(host.section("ssh", **commands, Cmd_Timeout=SECONDS), Clock="trust", **options)

    for gateway in gateways:
        start(gateway)
        wait_signed(gateway.daemon)
    wait_joined(gateways)
    downs: list[Down] = []
    for number in range(kills):
        victim = gateways[number % 3]
        at = dice.randrange(PACKETS)
        since = 0.0
        for one in range(PACKETS):
            source = number * PACKETS + one
            packet = host.packet()
            for gateway in dice.sample(gateways, 2):
                host.send(
                    client,
                    packet,
                    to=gateway.address,
                    source=f"10.9.{100 + source // 250}.{source % 250 + 1}",
                )
            time.sleep(dice.random() * 0.2)
            if one == at:
                since = now()
                victim.kill()
        start(victim)
        wait_signed(victim.daemon)
        downs.append(Down(victim.name, since, now()))
    names = {one.name: one for one in gateways}
    wait_until(lambda: not any(_leases(one) for one in names.values()), 60, "all is closed")
    lines = [line for one in gateways for line in _log(one)]
    opened = [(found[2], found[1]) for line in lines if (found := _OPENED.search(line))]
    shared = sum(OPENED_TOO in line for line in lines)
    problems = find_problems(read_runs(ledgers), downs, SECONDS, opened)
    return Killed(problems, len(opened), shared)


def _leases(gateway: Gateway) -> int:
    return len(gateway.call("Status")["leases"])


def _log(gateway: Gateway) -> list[str]:
    """What it has logged in all its lives."""
    paths: list[Path] = sorted(gateway.directory.glob("log-*"))
    return [line for path in (*paths, gateway.log_path) for line in path.read_text().splitlines()]
