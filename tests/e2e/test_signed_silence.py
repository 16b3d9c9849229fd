"""Nobody is ever answered: what is on the wire is the same with a daemon and without, whatever is sent.

The same packets are sent twice, from the same ports: first nobody listens, then a daemon does, and the first
of them opens its door. All that the client's interface sends and receives is compared byte by byte, but for
what the kernel numbers on (the identification of IPv4) and the checksums over that. The IPv6 chatter of
neighbours and multicast groups is nobody's answer, and left out.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.keyed import wait_live, with_runtime
from tests.support.daemons.signed import PORT, SignedHost
from tests.support.lab.hosts import Host
from tests.support.lab.services import family_of
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import TCP

_EVERY = 0x0003  # ETH_P_ALL, linux/if_ether.h
_OUTGOING = 4  # PACKET_OUTGOING, linux/if_packet.h
_ETHERNET, _IPV6 = 14, 40
_ICMP, _ICMPV6 = 1, 58
_CHATTER = range(130, 144)
"""Types of ICMPv6: multicast listeners, routers, neighbours (RFC 4861, RFC 3810)."""

RULES = {
    "open": "accept",
    "drop": f"udp dport {PORT} drop",
    "reject": f"udp dport {PORT} reject",
}
"""What the server's firewall does with the port."""

FENCE = 1
"""A TCP port that nobody has."""

FIRST_PORT = 50_000
"""Source port of the first packet; each has one of its own, so answers can be told apart."""


class Wire:
    """All frames that an interface sends and receives from the start on."""

    def __init__(self, host: Host, interface: str) -> None:
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY))
        self._socket.bind((interface, _EVERY))
        self._socket.setblocking(False)
        self.frames: list[tuple[str, bytes]] = []

    def read(self) -> None:
        """Takes what has come since the last time."""
        while True:
            try:
                frame, address = self._socket.recvfrom(65_536)
            except BlockingIOError:
                return
            if not _is_chatter(frame):
                self.frames.append(("sent" if address[2] == _OUTGOING else "came", _blank(frame)))

    def close(self) -> None:
        """Hears nothing any more."""
        self._socket.close()


def _is_chatter(frame: bytes) -> bool:
    at = _ETHERNET + _IPV6
    if frame[12:14] == b"\x86\xdd" and frame[20] == 0:  # hop-by-hop options, of multicast listeners
        return frame[at] == _ICMPV6
    return frame[12:14] == b"\x86\xdd" and frame[20] == _ICMPV6 and frame[at] in _CHATTER


def _blank(frame: bytes) -> bytes:
    """The frame without what differs by itself: identifications of IPv4 and checksums over them."""
    made = bytearray(frame)
    if frame[12:14] != b"\x08\x00":
        return frame
    transport = _ETHERNET + (frame[14] & 0x0F) * 4
    _blank_ipv4(made, _ETHERNET)
    if frame[23] == _ICMP and frame[transport] == 3:  # destination unreachable: with the packet it is about
        made[transport + 2 : transport + 4] = b"\0\0"
        _blank_ipv4(made, transport + 8)
    return bytes(made)


def _blank_ipv4(frame: bytearray, at: int) -> None:
    frame[at + 4 : at + 6] = b"\0\0"
    frame[at + 10 : at + 12] = b"\0\0"


@contextmanager
def udp_server(host: Host, version: int) -> Iterator[None]:
    """A server at the port that sends back what it gets."""
    text = (
        "import socket, sys\n"
        f"s = socket.socket(socket.{'AF_INET' if version == 4 else 'AF_INET6'}, socket.SOCK_DGRAM)\n"
        f"s.bind(('{SERVER[version]}', {PORT}))\n"
        "print('ready', flush=True)\n"
        "while True: s.sendto(*s.recvfrom(9999))\n"
    )
    process = host.popen("python3", "-c", text, stdout=-1)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield
    process.kill()
    process.wait()


def quieten(pair: Pair) -> None:
    """Neighbours are known from the start, and the kernel answers each packet, however many come."""
    for here, there, address in (
        (pair.client, pair.server, SERVER),
        (pair.server, pair.client, CLIENT),
    ):
        mac = there.mac("eth0").hex(":")
        here.ip(*(f"neigh replace {address[v]} lladdr {mac} dev eth0 nud permanent" for v in (4, 6)))
        here.sysctl("net/ipv4/icmp_ratelimit", 0)
        here.sysctl("net/ipv6/icmp/ratelimit", 0)


def send_all(
    pair: Pair, version: int, packets: list[bytes], wire: Wire, *, served: bool
) -> list[list[tuple[str, bytes]]]:
    """What was on the wire after each packet, until a connection was refused that was begun after it.

    ``served``: the server at the port is waited for, which needs its time to answer.
    """
    found = []
    family = family_of(SERVER[version])
    for number, packet in enumerate(packets):
        with pair.client.socket(family, socket.SOCK_DGRAM) as sender:
            sender.bind((CLIENT[version], FIRST_PORT + number))
            sender.sendto(packet, (SERVER[version], PORT))
            if served:
                sender.settimeout(10)
                assert sender.recv(1_000) == packet
            found.append(read_on(pair, version, wire))
    return found


def read_on(pair: Pair, version: int, wire: Wire) -> list[tuple[str, bytes]]:
    """What was on the wire until now, but for a connection that is begun behind it, and refused."""
    with pair.client.socket(family_of(SERVER[version]), socket.SOCK_STREAM) as fence:
        fence.settimeout(10)
        with pytest.raises(ConnectionRefusedError):
            fence.connect((SERVER[version], FENCE))

    def read() -> bool:
        wire.read()
        return sum(map(_is_of_fence, wire.frames)) == 2

    wait_until(read, 10, "both packets of the connection are seen")
    found = [one for one in wire.frames if not _is_of_fence(one)]
    wire.frames = []
    return found


def _is_of_fence(one: tuple[str, bytes]) -> bool:
    frame = one[1]
    transport = _ETHERNET + (20 if frame[12:14] == b"\x08\x00" else _IPV6)
    ports = frame[transport : transport + 2], frame[transport + 2 : transport + 4]
    return frame[23 if transport == 34 else 20] == TCP and FENCE.to_bytes(2, "big") in ports


@pytest.fixture
def wire(pair: Pair) -> Iterator[Wire]:
    """The client's end of the cable."""
    made = Wire(pair.client, "eth0")
    yield made
    made.close()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("served", [False, True], ids=["no server", "server"])
@pytest.mark.parametrize("rule", RULES)
def test_nothing_ever_answers(
    pair: Pair, start: Start, tmp_path: Path, wire: Wire, rule: str, served: bool, version: int
) -> None:
    """A valid packet, a repeated one, forged ones and garbage are answered as without a daemon."""
    need("nft")
    quieten(pair)
    chain = f"type filter hook input priority 0; policy accept; {RULES[rule]}\n"
    pair.server.run("nft", "-f", "-", stdin=f"table inet t {{\nchain c {{ {chain} }}\n}}\n")
    host = SignedHost(tmp_path)
    host.wait_for_minute()
    valid, last = host.packet(), host.packet("bob")
    flipped = valid[:-1] + bytes((valid[-1] ^ 1,))
    tag = valid[:4]
    packets = [valid, valid, flipped, tag + bytes(120), bytes(124), valid[:-1], valid + b"\0", b"x"]
    packets += [host.packet(door="cellar"), host.packet("mallory"), host.packet(address="192.0.2.1")]
    packets += [host.packet(verb="close"), host.packet(minute=host.minute() - 5), last]
    with (udp_server if served else no_server)(pair.server, version):
        expected = send_all(pair, version, packets, wire, served=served and rule == "open")
        daemon = start(
            pair.server, host.config(host.section(Start_Command="true")), program=with_runtime(tmp_path)
        )
        wait_live(daemon)
        seen = send_all(pair, version, packets, wire, served=served and rule == "open")
        daemon.wait_for("ssh: OPEN SESAME", times=2)  # the first packet's and the last one's
        daemon.stop()
        late = read_on(pair, version, wire)
    assert seen == expected
    assert late == []
    replies = {len(one) - 1 for one in expected}
    assert replies == {0 if rule == "drop" else 1}
    assert [one[0][1][-len(packet) :] for one, packet in zip(expected, packets, strict=True)] == packets


@contextmanager
def no_server(_host: Host, _version: int) -> Iterator[None]:
    """Nobody has the port."""
    yield
