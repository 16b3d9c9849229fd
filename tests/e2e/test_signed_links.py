"""Signed knocks over every kind of link, in frames out of the ordinary, and seen by two interfaces."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from knockd_bpf.wire import DLT_EN10MB
from tests.e2e.conftest import Pair, Start
from tests.e2e.test_links import TUN_ADDRESSES
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.keyed import with_runtime
from tests.support.daemons.signed import PORT, SignedHost, wait_signed
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.tools import lacking, need_tun
from tests.support.lab.tun import ARPHRD_PPP
from tests.support.samples.headers import DESTINATION, UDP, extension, framed, ipv4, ipv6, udp

DOORS = ("ssh", "marker")
"""A door to knock at oddly, and one to knock at plainly afterwards: then all earlier packets were seen."""


@pytest.fixture
def signed(tmp_path: Path) -> SignedHost:
    """A server's secret, and the keys of alice, bob and a hardware key."""
    return SignedHost(tmp_path)


def begin(host: Host, start: Start, tmp_path: Path, signed: SignedHost, interface: str) -> Daemon:
    """A daemon with both doors, which signed knocks open."""
    text = signed.config(*map(signed.section, DOORS), Interface=interface)
    daemon = start(host, text, interface=None, program=with_runtime(tmp_path))
    wait_signed(daemon)
    return daemon


def mark(daemon: Daemon, signed: SignedHost, client: Host, to: str = SERVER[4]) -> None:
    """Waits until the daemon has seen all packets so far."""
    signed.knock(client, "bob", "marker", to=to)
    daemon.wait_for("marker: OPEN SESAME")


@pytest.mark.parametrize("link_type", [None, ARPHRD_PPP], ids=["raw-ip", "cooked"])
@pytest.mark.parametrize("version", [4, 6])
def test_without_ethernet(
    lab: Lab, start: Start, tmp_path: Path, signed: SignedHost, version: int, link_type: int | None
) -> None:
    """A tun device has no link layer, a PPP one is captured cooked; a packet opens on both, no copy does."""
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
    daemon = begin(server, start, tmp_path, signed, "tun0")
    here, there = TUN_ADDRESSES[version]
    packet = signed.knock(client, to=here)
    daemon.wait_for(f"{there}: ssh: OPEN SESAME")
    signed.send(client, packet, to=here)
    daemon.wait_for(f"{there}: signed knock refused: came before")


def test_frames_out_of_the_ordinary(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """Priority tags and options are stepped over; no fragment, extension header or VLAN's frame counts."""
    daemon = begin(pair.server, start, tmp_path, signed, "eth0")
    macs = pair.server.mac("eth0") + pair.client.mac("eth0")

    def data() -> bytes:
        return udp(PORT, signed.packet())

    def frame(packet: bytes, tag: bytes = b"") -> bytes:
        return macs + framed(DLT_EN10MB, packet, tag=tag)[12:]

    plain = partial(ipv4, protocol=UDP, source=CLIENT[4], destination=SERVER[4])
    other = [
        plain(data(), fragment=0x2000),
        plain(data()[:-1]),
        plain(data(), destination="10.7.0.77"),
        ipv6(data(), UDP, extensions=(extension(DESTINATION),), source=CLIENT[6], destination=SERVER[6]),
    ]
    frames = [frame(packet) for packet in other]
    frames.append(frame(plain(data()), b"\x81\x00\x00\x64"))
    pair.client.send_frames("eth0", frames)
    mark(daemon, signed, pair.client)
    assert daemon.count("ssh:") == daemon.count("refused") == 0
    pair.client.send_frames("eth0", [frame(plain(data()), b"\x81\x00\xe0\x00")])
    daemon.wait_for("ssh: OPEN SESAME")
    options = plain(data(), options=b"\1\1\1\1")
    pair.client.send_frames("eth0", [frame(options)])
    daemon.wait_for("ssh: OPEN SESAME", times=2)


def test_a_bridge_and_its_port(lab: Lab, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """A packet that two interfaces see is one: it opens once, and nothing says that it came before."""
    server, client = lab.host("server"), lab.host("client")
    lab.link(server, "eth0", client, "eth0", (), (f"{CLIENT[4]}/24",))
    lab.bridge(server, "br0", ["eth0"], (f"{SERVER[4]}/24",))
    daemon = begin(server, start, tmp_path, signed, "any")
    packet = signed.knock(client)
    strange = bytearray(signed.packet())
    strange[-1] ^= 1
    signed.send(client, bytes(strange))
    mark(daemon, signed, client)
    assert daemon.count("ssh: OPEN SESAME") == 1
    assert daemon.count("came before") == 0
    assert daemon.count("signed knock refused") == 1
    signed.send(client, packet)
    daemon.wait_for("came before")
