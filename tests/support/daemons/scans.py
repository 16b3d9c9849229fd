"""Port scanners and many knockers on one client: every scan and every knock has a source of its own."""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import threading
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from tests.support.lab.hosts import Host
from tests.support.samples.frames import TCP, ethernet, packet

SOURCES = "10.8.0.0/16"
"""Addresses that all belong to the client, without being on any interface."""

ALL_PORTS = range(1, 65_536)
BURST, REST = 40, 0.001
"""After so many packets that a daemon reads, so many seconds of rest: no ring overflows."""

_SOURCE, _PORT = slice(26, 30), slice(36, 38)
"""Source and destination port in an Ethernet frame with an IPv4 header without options."""


TICK = 0.002
"""Seconds between two rounds of scans that go on together."""


class Scans(NamedTuple):
    """Scans that went on together: their addresses, the packets of all, and the seconds that they took."""

    sources: list[str]
    packets: int
    seconds: float


class Strangers:
    """The client as many hosts: ``fresh()`` gives an address that nobody has used yet."""

    def __init__(self, server: Host, client: Host, server_address: str, client_address: str) -> None:
        self._client, self.address = client, server_address
        self._macs = server.mac("eth0"), client.mac("eth0")
        self._next = int(ip_address(SOURCES.partition("/")[0])) + 1
        client.ip(f"route add local {SOURCES} dev lo")
        server.route(SOURCES, client_address)

    def fresh(self) -> str:
        """An address for one scan or one knock."""
        self._next += 1
        return str(ip_address(self._next))

    def scan(self, ports: Iterable[int], protocol: int = TCP) -> str:
        """Sends one frame to each port in order, from a fresh address; returns that address.

        Checksums are right for one port only: the server's own stack does not answer.
        """
        source = self.fresh()
        frame = ethernet(*self._macs, packet(source, self.address, 1, protocol))
        before, after = frame[: _PORT.start], frame[_PORT.stop :]
        with self._client.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind(("eth0", 0))
            for number, port in enumerate(ports, 1):
                out.send(before + port.to_bytes(2, "big") + after)
                if number % BURST == 0:
                    time.sleep(REST if number < len(ALL_PORTS) // 16 else 0)
        return source

    def scan_together(self, orders: Sequence[Sequence[int]], rate: int) -> Scans:
        """Scans side by side, each from a fresh address: a SYN to each port of its order.

        ``rate``: packets a second of each scan. A sender that falls behind catches up.
        """
        sources = [self.fresh() for _ in orders]
        frames = [ethernet(*self._macs, packet(source, self.address, 1)) for source in sources]
        scans = [
            (one[: _PORT.start], array("H", order), one[_PORT.stop :])
            for one, order in zip(frames, orders, strict=True)
        ]
        for _, ports, _ in scans:
            ports.byteswap()
        longest = max(map(len, orders))
        begun, sent = time.monotonic(), 0
        with self._client.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind(("eth0", 0))
            while sent < longest:
                due = min(longest, int((time.monotonic() - begun) * rate))
                for before, ports, after in scans:
                    for port in ports[sent:due]:
                        out.send(before + port.to_bytes(2, sys.byteorder) + after)
                sent = due
                time.sleep(TICK)
        return Scans(sources, sum(map(len, orders)), time.monotonic() - begun)

    @contextlib.contextmanager
    def forging(self, source: str, ports: Sequence[int], rate: int) -> Iterator[None]:
        """Meanwhile ``rate`` SYN a second come from ``source``, each to any of ``ports``."""
        frame = ethernet(*self._macs, packet(source, self.address, 1))
        before, after = frame[: _PORT.start], frame[_PORT.stop :]
        choose, ended = random.Random(4), threading.Event()
        with self._client.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind(("eth0", 0))

            def send() -> None:
                begun, sent = time.monotonic(), 0
                while not ended.wait(TICK):
                    due = int((time.monotonic() - begun) * rate)
                    for port in choose.choices(ports, k=due - sent):
                        out.send(before + port.to_bytes(2, "big") + after)
                    sent = due

            sender = threading.Thread(target=send)
            sender.start()
            try:
                yield
            finally:
                ended.set()
                sender.join()

    def flood(self, ports: Sequence[int], count: int) -> None:
        """Sends one SYN to each port from each of ``count`` fresh addresses, as fast as can be read."""
        frames = [
            bytearray(ethernet(*self._macs, packet(self.address, self.address, port))) for port in ports
        ]
        with self._client.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind(("eth0", 0))
            for number in range(count):
                source = ip_address(self.fresh()).packed
                for frame in frames:
                    frame[_SOURCE] = source
                    out.send(frame)
                if number % BURST == 0:
                    time.sleep(REST)

    def knock(self, *steps: str) -> str:
        """Knocks with plain sockets (``port`` or ``port:udp``) from a fresh address; returns the address."""
        source = self.fresh()
        self.knock_as(source, *steps)
        return source

    def knock_as(self, source: str, *steps: str) -> None:
        """Knocks from that address, one of the client's."""
        for step in steps:
            port, _, protocol = step.partition(":")
            kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
            with self._client.socket(socket.AF_INET, kind) as sock:
                sock.setblocking(False)
                sock.bind((source, 0))
                with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                    sock.connect((self.address, int(port)))
                    if kind == socket.SOCK_DGRAM:
                        sock.send(b"\0")

    def run_together(self, commands: Sequence[str], timeout: float = 30.0) -> None:
        """Runs shell command lines on the client side by side and waits for all of them (seconds)."""
        running = [self._client.popen("sh", "-c", command, stdout=-3, stderr=-3) for command in commands]
        for process in running:
            process.wait(timeout)
