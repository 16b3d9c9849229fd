"""Random-order scans of a door with a key on the wire, across a period change; the benchmark has 300."""

from __future__ import annotations

import random
from pathlib import Path

from knockd.control.client import Control
from knockd_conf.timed import Rule
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.keyed import ANNE, KeyedDoor, wait_live
from tests.support.daemons.scans import Strangers

RULE = Rule(period=10, low=20_000, high=29_999)
SCANS, RATE = 6, 2_000


def test_random_scans_across_a_period_change(pair: Pair, start: Start, tmp_path: Path) -> None:
    """None opens the door, each has touched guards, no packet was lost; then the owner of the key gets in."""
    door = KeyedDoor(tmp_path, rule=RULE)
    door.write(ANNE)
    daemon = start(pair.server, door.config())
    wait_live(daemon)
    strangers, choose = Strangers(pair.server, pair.client, SERVER[4], CLIENT[4]), random.Random(15)
    ports = range(RULE.low, RULE.high + 1)
    before = door.wait_for_period(begun=6.5, left=1.5)
    done = strangers.scan_together([choose.sample(ports, len(ports)) for _ in range(SCANS)], RATE)
    assert done.packets == SCANS * len(ports)
    assert door.period() == before + 1
    door.wait_for_period()
    door.knock(pair.client)
    lines = daemon.wait_for(f"{CLIENT[4]}: {door.name}: OPEN SESAME")
    assert [line for line in lines if line.endswith("OPEN SESAME")] == [
        f"{CLIENT[4]}: {door.name}: OPEN SESAME"
    ]
    assert all(daemon.count(f"{source}: {door.name}: guard port") for source in done.sources)
    with Control(str(daemon.control_path), timeout=10.0) as control:
        (interface,) = control.call("Status")["interfaces"]
    assert interface["received"] > SCANS * 36
    assert interface["dropped"] == 0
