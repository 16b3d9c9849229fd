"""knock on a real wire: packet for packet what 0.8's knock sends, and what opens 0.8's knockd."""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import PEER, environment
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.lab.hosts import Host
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import TCP, UDP, checksum

KNOCK = ("env", f"PYTHONPATH={environment()['PYTHONPATH']}", sys.executable, "-m", "knockd.client")
OLD_KNOCK = ("/usr/bin/knock",)
"""Debian's knock 0.8, the client that ours replaces."""

ETH_P_ALL = 3
END = 4
"""UDP port of the packet that ends what the listener records."""


@dataclass(frozen=True)
class Seen:
    """One packet, without what is random or counted in it: source port, sequence number, stamps."""

    version: int
    hop_limit: int
    protocol: int
    port: int
    flags: int
    window: int
    options: tuple[int, ...]
    payload: bytes


@contextmanager
def listening(host: Host) -> Iterator[socket.socket]:
    """A packet socket on a host's eth0, which sees whatever arrives."""
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        sock.bind(("eth0", ETH_P_ALL))
        sock.setblocking(False)
        yield sock


def arrived(sock: socket.socket, sender: Host, count: int) -> list[bytes]:
    """TCP and UDP packets (IP header first) from the client: ``count`` of them, or more if more came."""
    packets: list[bytes] = []

    def read() -> None:
        while True:
            try:
                frame, address = sock.recvfrom(2048)
            except BlockingIOError:
                return
            packet = frame[14:]
            protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
            ip = frame[12:14] in (b"\x08\x00", b"\x86\xdd")
            if ip and address[2] != socket.PACKET_OUTGOING and protocol in (TCP, UDP):
                packets.append(packet)

    def ended() -> bool:
        read()
        return any(port(packet) == END for packet in packets)

    def complete() -> bool:
        read()
        return len(packets) >= count

    wait_until(complete, 10.0, f"{count} packets")
    with sender.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", (SERVER[4], END))
    wait_until(ended, 10.0, "the last packet")
    return [packet for packet in packets if port(packet) != END]


def split(packet: bytes) -> tuple[bytes, bytes]:
    """IP header, and what follows without Ethernet's padding."""
    if packet[0] >> 4 == 4:
        (total,) = struct.unpack_from("!H", packet, 2)
        return packet[:20], packet[20:total]
    (length,) = struct.unpack_from("!H", packet, 4)
    return packet[:40], packet[40 : 40 + length]


def port(packet: bytes) -> int:
    """Destination port."""
    return int.from_bytes(split(packet)[1][2:4], "big")


def seen(packet: bytes) -> Seen:
    """What is not random in a packet."""
    header, transport = split(packet)
    version = header[0] >> 4
    hop_limit, protocol = (header[8], header[9]) if version == 4 else (header[7], header[6])
    if protocol == UDP:
        return Seen(version, hop_limit, UDP, port(packet), 0, 0, (), transport[8:])
    size = (transport[12] >> 4) * 4
    (window,) = struct.unpack_from("!H", transport, 14)
    kinds = tuple(option_kinds(transport[20:size]))
    return Seen(version, hop_limit, TCP, port(packet), transport[13], window, kinds, transport[size:])


def option_kinds(options: bytes) -> Iterator[int]:
    """The kinds of TCP options, in order (RFC 9293, section 3.1)."""
    while options:
        yield options[0]
        options = options[1:] if options[0] < 2 else options[options[1] :]


def hits(arguments: str) -> int:
    """How many hits an argument list of the tables below asks for: the words after the host."""
    words = [word for word in arguments.split() if not word.startswith("-") and word != "DELAY"]
    return len(words) - 1


def play(pair: Pair, knock: tuple[str, ...], arguments: str) -> tuple[list[Seen], str, int]:
    """Knock and see: (packets that came, standard output, exit status)."""
    with listening(pair.server) as sock:
        argv = [*knock, *arguments.replace("DELAY", "5").split()]
        done = pair.client.status(*argv)
        packets = [seen(packet) for packet in arrived(sock, pair.client, hits(arguments))]
    return packets, done.stdout, done.returncode


@pytest.mark.parametrize(
    "arguments",
    [
        "HOST 7000 8000 9000",
        "-v HOST 7000 8000:udp 9000:tcp",
        "-v HOST 5 4000:udp 5 5 4000:udp",
        "-vu HOST 7000:tcp 8000",
        "-uv HOST 7000 8000:udp",
        "HOST -v 7000 -u 8000",
        "--verbose --udp HOST 7000",
        "-v -d DELAY HOST 7000 8000",
        "-v -d5 HOST 7000 8000",
        "-v --delay=5 HOST 7000 8000",
        "-v --delay DELAY HOST 7000 8000",
        "-v --del=5 HOST 7000 8000",
        "-v HOST ssh ssh:tcp domain:udp tftp",
        "-v HOST 0 1 65535 007",
        "-VERSION -v HOST 7000 8000:udp",
        "--ipvVERSION -v HOST 7000",
    ],
)
@pytest.mark.parametrize("version", [4, 6])
def test_the_packets_are_those_of_0_8(pair: Pair, arguments: str, version: int) -> None:
    """Same packets in the same order, same output, same status, for each form of the command line."""
    need(OLD_KNOCK[0])
    line = arguments.replace("HOST", SERVER[version]).replace("VERSION", str(version))
    expected = play(pair, OLD_KNOCK, line)
    assert (hits(line), 0) == (len(expected[0]), expected[2])
    assert expected == play(pair, KNOCK, line)


@pytest.mark.parametrize("name", ["both", "four", "six", "two"])
@pytest.mark.parametrize("option", ["", "-4", "-6"])
def test_a_name_gets_the_address_that_0_8_takes(pair: Pair, tmp_path: Path, name: str, option: str) -> None:
    """With both families, or several addresses, the knock goes where 0.8's goes, or nowhere as 0.8's."""
    need(OLD_KNOCK[0])
    hosts = tmp_path / "hosts"
    hosts.write_text(
        f"{SERVER[4]} both four two\n{SERVER[6]} both six\n10.7.0.77 two\n127.0.0.1 localhost\n",
    )
    with_hosts = ("unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh")
    argv = ["-v", *option.split(), name, "7000", "8000:udp"]
    old, new = (pair.client.status(*with_hosts, *knock, *argv) for knock in (OLD_KNOCK, KNOCK))
    assert (old.stdout, old.returncode != 0) == (new.stdout, new.returncode != 0)
    assert new.returncode in (0, os.EX_NOHOST)
    assert (new.returncode == 0) == bool(new.stdout)


@pytest.mark.parametrize(
    ("text", "flags"),
    [("syn", 0x02), ("syn,ack", 0x12), ("fin,!ack", 0x01), ("fin,psh,urg", 0x29), ("!syn", 0)],
)
@pytest.mark.parametrize("version", [4, 6])
def test_flags_arrive_exactly(pair: Pair, text: str, flags: int, version: int) -> None:
    """With --flags each TCP packet has exactly these flags and a right checksum; UDP stays as it was."""
    with listening(pair.server) as sock:
        argv = (*KNOCK, "--flags", text, SERVER[version], "7000", "8000:udp", "9000")
        assert result(pair.client.status(*argv)) == (0, "", "")
        packets = arrived(sock, pair.client, 3)
    assert [(7000, flags), (8000, 0), (9000, flags)] == [(p.port, p.flags) for p in map(seen, packets)]
    for packet in (packets[0], packets[2]):
        header, tcp = split(packet)
        addresses = header[12:20] if version == 4 else header[8:40]
        assert checksum(addresses + struct.pack("!II", len(tcp), TCP) + tcp) == 0
    ports = {packet[:2] + packet[4:8] for packet in (split(packets[0])[1], split(packets[2])[1])}
    assert len(ports) == 2


def result(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    return (done.returncode, done.stdout, done.stderr)


DOORS = {
    "tcp": ("7000,8000,9000", "", ("7000", "8000", "9000")),
    "mixed": ("2222:udp,3333:tcp,4444:udp", "tcpflags = syn\n", ("2222:udp", "3333:tcp", "4444:udp")),
    "services": ("22,53:udp,23", "", ("ssh", "domain:udp", "telnet")),
    "syn,ack": ("7000,8000,9000", "tcpflags = syn,ack\n", ("--flags", "syn,ack", "7000", "8000", "9000")),
    "fin,!ack": ("7000,8000,9000", "tcpflags = fin,!ack\n", ("--flags", "fin,!ack", "7000", "8000", "9000")),
}
"""Name -> (sequence, what else the door says, arguments of knock after the host)."""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("version", [4, 6])
def test_our_knock_opens_a_door_of_0_8(
    pair: Pair, start: Start, tmp_path: Path, door: str, version: int
) -> None:
    """Debian's knockd 0.8 runs the door's command after our knock."""
    sequence, more, arguments = DOORS[door]
    opened = tmp_path / "opened"
    config = f"[options]\n[door]\nsequence = {sequence}\n{more}command = echo %IP% > {opened}\n"
    daemon = start(pair.server, config, program=PEER)
    assert result(pair.client.status(*KNOCK, "-d", "20", SERVER[version], *arguments)) == (0, "", "")
    daemon.wait_for("OPEN SESAME")
    wait_until(lambda: opened.exists() and opened.read_text() == f"{CLIENT[version]}\n", 10.0, "the command")


@pytest.mark.parametrize("version", [4, 6])
def test_flags_without_the_right_to_them_are_status_77(pair: Pair, version: int) -> None:
    """Without CAP_NET_RAW the message names it, and not even the UDP hits are sent."""
    need("setpriv")
    drop = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw")
    with listening(pair.server) as sock:
        done = pair.client.status(*drop, *KNOCK, "--flags", "syn", SERVER[version], "53:udp", "7000")
        assert arrived(sock, pair.client, 0) == []
    assert done.returncode == os.EX_NOPERM
    assert "CAP_NET_RAW" in done.stderr


def test_no_route_is_told_for_each_hit(pair: Pair) -> None:
    """Unlike in 0.8 the status is 74, and standard error says that nothing was sent, and why."""
    done = pair.client.status(*KNOCK, "-v", "192.0.2.1", "7000", "8000:udp")
    why = f"not sent: {os.strerror(errno.ENETUNREACH)}; there is no route to it, see: ip route get 192.0.2.1"
    lines = ["hitting tcp 192.0.2.1:7000", "hitting udp 192.0.2.1:8000"]
    expected = (
        os.EX_IOERR,
        "".join(f"{line}\n" for line in lines),
        "".join(f"knock: {line}: {why}\n" for line in lines)
        + "knock: nothing could be sent, so nothing was knocked\n",
    )
    assert expected == result(done)


def test_a_hit_that_the_local_firewall_drops_does_not_stop_the_others(pair: Pair) -> None:
    """The kernel reports the dropped datagram; the hits before and after it arrive."""
    need("nft")
    rules = "table ip t { chain out { type filter hook output priority 0; udp dport 8000 drop; }; }"
    pair.client.run("nft", "-f", "-", stdin=rules)
    with listening(pair.server) as sock:
        done = pair.client.status(*KNOCK, SERVER[4], "7000", "8000:udp", "9000")
        assert [port(packet) for packet in arrived(sock, pair.client, 2)] == [7000, 9000]
    why = "not sent: Operation not permitted; a rule of this machine's own firewall or routing forbids it"
    assert (0, "", f"knock: hitting udp {SERVER[4]}:8000: {why}\n") == result(done)
