"""Port scans do not open doors, and knocks still do: guard ports on the wire, beside 0.8, which has none."""

from __future__ import annotations

import random
import time

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import PEER, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door, drop_with_nftables
from tests.support.daemons.scans import ALL_PORTS, Strangers
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need
from tests.support.samples.frames import TCP, UDP

SHIPPED = door("secret", "7000,8000,9000", tcpflags="syn")
"""The door of 0.8's own configuration."""

STEPS = ("7000", "8000", "9000")
GUARDS = [int(step) + far for step in STEPS for far in (-4, -3, -2, -1, 1, 2, 3, 4)]
MARKER = door("marker", "600:udp,500:udp,601:udp")
"""A knock here comes after a scan and says that the scan has been judged; no scan opens it."""

OPEN = "secret: OPEN SESAME"
RANDOM_SCANS = 300


@pytest.fixture
def strangers(pair: Pair) -> Strangers:
    """The client as many hosts."""
    return Strangers(pair.server, pair.client, SERVER[4], CLIENT[4])


def opened_after(daemon: Daemon, strangers: Strangers, name: str = "secret") -> list[str]:
    """Who has opened the door of that name by everything sent until now, in order."""
    source = strangers.knock("600:udp", "500:udp", "601:udp")
    lines = daemon.wait_for(f"{source}: marker: OPEN SESAME")
    return [line.partition(":")[0] for line in lines if line.endswith(f": {name}: OPEN SESAME")]


def test_nmap_through_all_ports(
    pair: Pair, start: Start, strangers: Strangers, either: tuple[str, ...]
) -> None:
    """``nmap -r`` over all 65,535 ports opens the shipped door under 0.8; ours says why it does not."""
    need("nmap")
    daemon = start(pair.server, config(SHIPPED, MARKER), program=either)
    fast = ("-n", "-Pn", "-T5", "--min-rate", "20000", "--max-retries", "0")
    pair.client.run("nmap", "-r", "-sS", "-p-", *fast, SERVER[4])
    opened = opened_after(daemon, strangers)
    if either == PEER:
        assert opened == [CLIENT[4]]
    else:
        assert opened == []
        assert daemon.count(f"{CLIENT[4]}: secret: guard port, ignored for 25 seconds") == 1


@pytest.mark.parametrize("stride", [2, 4])
def test_nmap_that_skips_ports(
    pair: Pair, start: Start, strangers: Strangers, either: tuple[str, ...], stride: int
) -> None:
    """``nmap -r`` over every second or fourth port, the knock ports among them: 0.8 opens, ours does not."""
    need("nmap")
    daemon = start(pair.server, config(SHIPPED, MARKER), program=either)
    ports = ",".join(map(str, range(6_900, 9_100, stride)))
    pair.client.run("nmap", "-r", "-sS", "-p", ports, "-n", "-Pn", "-T5", "--max-retries", "0", SERVER[4])
    assert opened_after(daemon, strangers) == ([CLIENT[4]] if either == PEER else [])


def test_udp_scan(pair: Pair, start: Start, strangers: Strangers, either: tuple[str, ...]) -> None:
    """hping3 upwards over the UDP ports opens a UDP door under 0.8 and not under ours."""
    need("hping3")
    secret = door("secret", "7000:udp,7100:udp,7200:udp")
    daemon = start(pair.server, config(secret, MARKER), program=either)
    pair.client.run(
        "hping3", "-q", "--udp", "-p", "++6990", "-c", "220", "-i", "u500", SERVER[4], check=False
    )
    assert opened_after(daemon, strangers) == ([CLIENT[4]] if either == PEER else [])


@pytest.mark.long
def test_scans_in_order_and_at_random_and_then_knocks(pair: Pair, start: Start, strangers: Strangers) -> None:
    """No scan in order opens, nor do random ones; 0.8 beside it opens to every sixth; knocks open to all."""
    for tool in (PEER[0], "nft", "nc", "nmap"):
        need(tool)
    drop_with_nftables(pair.server)
    ours = start(pair.server, config(SHIPPED, MARKER))
    peer = start(pair.server, config(SHIPPED, MARKER), program=PEER)
    choose = random.Random(8)

    in_order = [strangers.scan(ALL_PORTS), strangers.scan(reversed(ALL_PORTS))]
    assert opened_after(ours, strangers) == []
    assert opened_after(peer, strangers) == in_order[:1]

    complete = {strangers.scan(choose.sample(ALL_PORTS, len(ALL_PORTS))) for _ in range(4)}
    ports = [*GUARDS, *map(int, STEPS)]
    passed = {strangers.scan(choose.sample(ports, len(ports))) for _ in range(RANDOM_SCANS - len(complete))}
    scanners = complete | passed
    assert len(scanners.intersection(opened_after(ours, strangers))) <= 1
    assert 30 <= len(scanners.intersection(opened_after(peer, strangers))) <= 70
    assert ours.count("secret: guard port") < RANDOM_SCANS
    ours.wait_for("lines about knocks that opened nothing were held back")

    knockers = [strangers.knock(*STEPS) for _ in range(80)]
    commands = []
    for tool in ("nc -z -w 2 -s", "nmap -n -Pn -T4 -e eth0 -S"):
        for _ in range(10):
            source = strangers.fresh()
            knockers.append(source)
            port = "-p" if tool.startswith("nmap") else ""
            commands.append("; ".join(f"{tool} {source} {SERVER[4]} {port} {step}" for step in STEPS))
    strangers.run_together(commands)
    opened = opened_after(ours, strangers)
    assert [source for source in knockers if opened.count(source) != 1] == []


def test_packets_in_the_name_of_the_owner(
    pair: Pair, start: Start, strangers: Strangers, either: tuple[str, ...]
) -> None:
    """A thousand packets a second from his address to random ports shut out nobody who knocks again."""
    drop_with_nftables(pair.server)
    secret = door("secret", "31954,20677,48012", tcpflags="syn", seq_timeout=5)
    daemon = start(pair.server, config(secret), program=either)
    owner, knocks = strangers.fresh(), 8
    with strangers.forging(owner, ALL_PORTS, rate=1_000):
        if either != PEER:
            daemon.wait_for(f"{owner}: secret: guard port", timeout=30)
        time.sleep(6)
        for _ in range(knocks):
            strangers.knock_as(owner, "31954", "20677", "48012")
            time.sleep(1)
    assert daemon.count(f"{owner}: {OPEN}") >= knocks // 2


HALF_DONE = 12_000
"""More knocks of two steps than are remembered of all doors together."""


def test_half_done_knocks_at_one_door_push_aside_none_at_another(
    pair: Pair, start: Start, strangers: Strangers
) -> None:
    """Who sends two steps of a door from thousands of addresses keeps nobody out of another door."""
    daemon = start(pair.server, config(SHIPPED, door("owner", "7300,8300,9300"), MARKER))
    send_knock(pair.client, SERVER[4], "7300", "8300")
    daemon.wait_for(f"{CLIENT[4]}: owner: Stage 2")
    strangers.flood([7000, 8000], HALF_DONE)
    send_knock(pair.client, SERVER[4], "9300")
    lines = daemon.wait_for(f"{CLIENT[4]}: owner: OPEN SESAME")
    assert any("secret: Stage 2" in line for line in lines)


DOORS = {
    "shipped": "7000,8000,9000",
    "downwards": "9300,8300,7300",
    "consecutive": "7400,7401,7402",
    "edges": "1,65535",
    "edges-downwards": "65535,1",
    "interleaved": "7500,7502,7504",
    "interleaved-too": "7501,7503,7505",
    "same-start": "7000,8000",
    "repeated": "7600,7600,7700",
    "udp": "7000:udp,8000:udp,9000:udp",
    "udp-downwards": "9100:udp,8100:udp",
    "both": "7800,7900:udp",
}


def test_doors_of_every_kind(pair: Pair, start: Start, strangers: Strangers) -> None:
    """Ordered scans of all ports open none of them, without guards they open most; a knock opens each."""
    doors = [door(name, sequence) for name, sequence in DOORS.items()]
    ours = start(pair.server, config(*doors, MARKER))
    bare = start(pair.server, config(*doors, MARKER, Guard_Ports="none"))
    for protocol in (TCP, UDP):
        strangers.scan(ALL_PORTS, protocol)
        strangers.scan(reversed(ALL_PORTS), protocol)
    kept = {name for name in DOORS if not opened_after(ours, strangers, name)}
    assert kept == set(DOORS)
    kept_without = {name for name in DOORS if not opened_after(bare, strangers, name)}
    assert kept_without == {"repeated", "both"}
    for name, sequence in DOORS.items():
        source = strangers.knock(*sequence.split(","))
        assert source in opened_after(ours, strangers, name)
