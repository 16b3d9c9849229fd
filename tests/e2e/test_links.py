"""Knocks over every kind of link: tun devices (raw IP), cooked captures, VLAN tags, extension headers."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import BOTH_READERS, Pair, Start
from tests.support.daemons.daemon import OURS, PEER
from tests.support.daemons.doors import (
    CLIENT,
    FIREWALLS,
    SECRET,
    SERVER,
    config,
    door,
    drop_with_nftables,
    firewall_door,
)
from tests.support.lab.hosts import Lab
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.tools import lacking, need, need_tun
from tests.support.lab.tun import ARPHRD_PPP
from tests.support.samples.frames import TCP, ethernet, packet

STEPS = (700, 800, 900)
DOORS = config(door("secret", "700,800,900"), door("marker", "1700,1800"))
"""A door to knock at oddly, and one to knock at plainly afterwards: then all earlier packets were seen."""

ANOTHER_MAC = bytes.fromhex("02000000aa01")
BEHIND = "10.7.0.77"

TUN_ADDRESSES = {4: ("10.8.0.1", "10.8.0.2"), 6: ("fd00:8::1", "fd00:8::2")}


@pytest.mark.parametrize("link_type", [None, ARPHRD_PPP], ids=["raw-ip", "cooked"])
@pytest.mark.parametrize(
    ("version", "program", "reader"),
    [(4, OURS, None), (6, OURS, None), (4, PEER, None), (4, OURS, "socket"), (6, OURS, "socket")],
    ids=["ours-4", "ours-6", "0.8-4", "own-reader-4", "own-reader-6"],
)
def test_a_knock_over_a_link_without_ethernet_opens_the_port(
    lab: Lab, start: Start, version: int, program: tuple[str, ...], link_type: int | None
) -> None:
    """A tun device has no link layer (captured raw), a PPP one is captured cooked; knocks work on both."""
    need("nft")
    need_tun()
    server, client = lab.host("server"), lab.host("client")
    addresses = [
        tuple(f"{pair[side]}/{size}" for pair, size in zip(TUN_ADDRESSES.values(), (24, 64), strict=True))
        for side in (0, 1)
    ]
    try:
        lab.tun(server, "tun0", client, "tun0", *addresses, link_type=link_type)
    except OSError as error:
        lacking(f"the kernel does not make such a tun device: {error}")
    drop_with_nftables(server)
    here, _ = TUN_ADDRESSES[version]
    with TcpService(server, SECRET):
        start(
            server,
            config(firewall_door(FIREWALLS["nftables"], "700,800,900")),
            program=program,
            interface="tun0",
        )
        assert not can_connect(client, here, SECRET)
        send_knock(client, here, "700", "800", "900")
        wait_open(client, here, SECRET)
        wait_closed(client, here, SECRET)


@BOTH_READERS
def test_a_knock_tagged_for_a_vlan_does_not_open_a_door_of_the_parent(pair: Pair, start: Start) -> None:
    """Frames of VLAN 100 are not for the untagged interface, so they are no knock there."""
    daemon = start(pair.server, DOORS)
    send_ethernet(pair, vlan=100)
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret:") == 0


@BOTH_READERS
def test_a_knock_with_priority_tags_opens(pair: Pair, start: Start) -> None:
    """VLAN id 0 only carries a priority (IEEE 802.1Q): the frame belongs to the interface itself."""
    daemon = start(pair.server, DOORS)
    send_ethernet(pair, vlan=0)
    daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")


def test_a_crafted_knock_without_a_tag_opens(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """The same frames without a tag open, so it is the tag that decides."""
    daemon = start(pair.server, DOORS, program=either)
    send_ethernet(pair, vlan=None)
    daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")


@BOTH_READERS
def test_a_knock_behind_a_hop_by_hop_header_opens(pair: Pair, start: Start) -> None:
    """IPv6 extension headers before the TCP header do not hide a knock (RFC 8200, section 4)."""
    daemon = start(pair.server, DOORS)
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    packets = [packet(CLIENT[6], SERVER[6], port, TCP, hop_by_hop=True) for port in STEPS]
    pair.client.send_frames("eth0", [ethernet(*macs, inner) for inner in packets])
    daemon.wait_for(f"{CLIENT[6]}: secret: OPEN SESAME")


def test_a_knock_at_a_strangers_address_does_not_open(
    pair: Pair, start: Start, either: tuple[str, ...]
) -> None:
    """Only packets to an address of the interface count, whatever else passes by."""
    daemon = start(pair.server, DOORS, program=either)
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    frames = [ethernet(*macs, packet(CLIENT[4], "10.7.0.77", port)) for port in STEPS]
    pair.client.send_frames("eth0", frames)
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret:") == 0


@BOTH_READERS
def test_frames_for_another_host(pair: Pair, start: Start) -> None:
    """What is sent to another link address this host's IP drops too: it opens nothing.

    A door with a Target hears it: an interface may be a port of a bridge, and the Target behind that.
    """
    behind = door("behind", "700,800,900", Target=BEHIND)
    daemon = start(pair.server, DOORS)
    send_to(pair, ANOTHER_MAC, SERVER[4])
    send_to(pair, ANOTHER_MAC, SERVER[6])
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret:") == 0
    daemon.stop()
    daemon = start(pair.server, config(behind))
    send_to(pair, ANOTHER_MAC, BEHIND)
    daemon.wait_for("behind: OPEN SESAME")


@BOTH_READERS
def test_what_the_server_itself_sends_is_no_knock(pair: Pair, start: Start) -> None:
    """Capture is inbound only: the server's own connections to a knock port open nothing."""
    daemon = start(pair.server, DOORS)
    send_knock(pair.server, CLIENT[4], "700", "800", "900")
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret:") == 0


def send_to(pair: Pair, mac: bytes, address: str) -> None:
    """The secret knock at an address, in frames for a link address."""
    source = CLIENT[6] if ":" in address else CLIENT[4]
    own = pair.client.mac("eth0")
    frames = [ethernet(mac, own, packet(source, address, port)) for port in STEPS]
    pair.client.send_frames("eth0", frames)


def send_ethernet(pair: Pair, vlan: int | None) -> None:
    """The secret knock as crafted IPv4 frames from the client, with a tag or without."""
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    frames = [ethernet(*macs, packet(CLIENT[4], SERVER[4], port), vlan=vlan) for port in STEPS]
    pair.client.send_frames("eth0", frames)
