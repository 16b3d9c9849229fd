"""A knock opens a port in a real firewall, and it closes again."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER, config, firewall_door
from tests.support.lab.services import (
    TcpService,
    UdpService,
    can_connect,
    send_knock,
    wait_closed,
    wait_open,
)
from tests.support.lab.tools import need

SEQUENCES = {"tcp": ("700", "800", "900"), "udp": ("700:udp", "800:udp", "900:udp")}


@pytest.mark.parametrize("firewall", FIREWALLS)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_knock_opens_the_port_for_cmd_timeout_seconds(
    pair: Pair, start: Start, either: tuple[str, ...], firewall: str, protocol: str, version: int
) -> None:
    """The service behind a default-drop firewall answers after the knock only, and not for long."""
    wall, steps, udp = FIREWALLS[firewall], SEQUENCES[protocol], protocol == "udp"
    for tool in wall.tools:
        need(tool)
    wall.close(pair.server)
    service = UdpService if udp else TcpService
    with service(pair.server, SECRET):
        daemon = start(pair.server, config(firewall_door(wall, ",".join(steps), protocol)), program=either)
        assert not can_connect(pair.client, SERVER[version], SECRET, udp=udp)
        send_knock(pair.client, SERVER[version], *steps)
        wait_open(pair.client, SERVER[version], SECRET, udp=udp)
        wait_closed(pair.client, SERVER[version], SECRET, udp=udp)
    who = f"{CLIENT[version]}: secret"
    opened, closed = wall.commands(protocol)[:2] if version == 4 else wall.commands(protocol)[2:]
    expected = [
        *(f"{who}: Stage {stage}" for stage in (1, 2, 3)),
        f"{who}: OPEN SESAME",
        f"secret: running command: {opened.replace('%IP%', CLIENT[version])}",
        f"{who}: command timeout",
        f"secret: running command: {closed.replace('%IP%', CLIENT[version])}",
    ]
    assert expected == daemon.wait_for("running command", times=2)[1:]


def test_a_wrong_sequence_opens_nothing(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """The right ports in the wrong order leave the door closed; the right order opens it afterwards."""
    need("nft")
    wall = FIREWALLS["nftables"]
    wall.close(pair.server)
    with TcpService(pair.server, SECRET):
        daemon = start(pair.server, config(firewall_door(wall, "700,800,900")), program=either)
        send_knock(pair.client, SERVER[4], "700", "900", "800")
        daemon.wait_for("Stage 1")
        assert not can_connect(pair.client, SERVER[4], SECRET)
        send_knock(pair.client, SERVER[4], "700", "800", "900")
        wait_open(pair.client, SERVER[4], SECRET)
    assert daemon.count("OPEN SESAME") == 1
