"""Traffic made in bulk: frames from ever new sources, pcap files of them, and tcpreplay.

Frames are stamped out of one template by slice assignment, so a million takes a second.
"""

from __future__ import annotations

import array
import os
import random
import re
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.daemons.doors import SERVER
from tests.support.lab.hosts import Host
from tests.support.samples.frames import SYN, TCP, UDP, ethernet, packet

_PCAP_HEAD = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
_RECORD = struct.Struct("=IIII")

_IPV4_ID, _IPV4_SOURCE, _IPV4_TCP_PORT, _IPV6_SOURCE = 18, 26, 36, 22
_UDP_CHECKSUM, _UDP_PAYLOAD = 40, 42
"""Offsets in an Ethernet frame."""

_SENT = re.compile(r"Actual: (\d+) packets .* sent in ([\d.]+) seconds")


@dataclass(frozen=True)
class Kind:
    """What a stranger's packets look like: one port, one protocol, one IP version."""

    name: str
    port: int
    version: int = 4
    protocol: int = TCP
    flags: int = SYN
    extended: bool = False
    """With a hop-by-hop extension header."""

    def template(self, to_mac: bytes = bytes(6), from_mac: bytes = b"\2" * 6) -> bytes:
        """One frame of this kind to the server, from an address that is to be overwritten."""
        source = "0.0.0.0" if self.version == 4 else "2001:db8::"
        inner = packet(
            source, SERVER[self.version], self.port, self.protocol, flags=self.flags, hop_by_hop=self.extended
        )
        return ethernet(to_mac, from_mac, inner)


class Sources:
    """An endless supply of different addresses: a full-period walk over 32 bits, in no order.

    A source address that no host can have (0/8, 127/8, 224/4 and beyond, and the lab's own 10/8)
    is skipped for IPv4. In IPv6 the walk fills the last four bytes of 2001:db8::/96.
    """

    def __init__(self, seed: int = 1) -> None:
        self._state = random.Random(seed).getrandbits(32)

    def take(self, count: int, version: int = 4) -> array.array[int]:
        """The next ``count`` addresses (or their last 32 bits) as numbers."""
        found = array.array("I", bytes(4 * count))
        state, at = self._state, 0
        while at < count:
            state = (
                state * 1_664_525 + 1_013_904_223
            ) & 0xFFFFFFFF  # full period: Numerical Recipes' constants
            first = state >> 24
            if version == 4 and (first >= 224 or first in {0, 10, 127}):
                continue
            found[at] = state
            at += 1
        self._state = state
        return found


def frames(template: bytes, sources: array.array[int], record: bytes = b"") -> bytearray:
    """``template`` once for each source, ``record`` before each; IPv4 headers get a right checksum.

    The checksum stays what it is with source 0: the identification field takes up the difference.
    TCP and UDP checksums are left as they are: the receiver drops the packets unread.
    """
    size = len(record) + len(template)
    made = bytearray((record + template) * len(sources))
    four = template[12:14] == b"\x08\x00"
    at = len(record) + (_IPV4_SOURCE if four else _IPV6_SOURCE + 12)
    columns = array.array("I", sources)
    columns.byteswap()
    raw = columns.tobytes()
    for byte in range(4):
        made[at + byte :: size] = raw[byte::4]
    if four:
        (fixed,) = struct.unpack_from(">H", template, _IPV4_ID)
        ids = array.array("H", (_compensated(fixed, source) for source in sources))
        ids.byteswap()
        raw = ids.tobytes()
        for byte in range(2):
            made[len(record) + _IPV4_ID + byte :: size] = raw[byte::2]
    return made


def _compensated(fixed: int, source: int) -> int:
    """The identification that keeps a header's one's complement sum when its source was 0."""
    total = (source >> 16) + (source & 0xFFFF)
    total = (total & 0xFFFF) + (total >> 16)
    value = fixed - total
    return value if value >= 0 else value + 0xFFFF


def write_pcap(path: Path, template: bytes, sources: array.array[int]) -> Path:
    """A pcap file with one frame for each source; its time stamps are all 0."""
    record = _RECORD.pack(0, 0, len(template), len(template))
    path.write_bytes(_PCAP_HEAD + frames(template, sources, record))
    return path


def write_payloads(
    path: Path,
    macs: tuple[bytes, bytes],
    destination: str,
    port: int,
    sources: array.array[int],
    payloads: Iterator[bytes],
) -> Path:
    """A pcap file with one UDP packet over IPv4 for each source and payload, which have one length."""
    payload = next(payloads)
    inner = packet("0.0.0.0", destination, port, UDP, payload=payload)
    template = ethernet(*macs, inner)
    template = template[:_UDP_CHECKSUM] + bytes(2) + template[_UDP_CHECKSUM + 2 :]  # none
    record = _RECORD.pack(0, 0, len(template), len(template))
    made = frames(template, sources, record)
    size, at, length = len(record) + len(template), len(record) + _UDP_PAYLOAD, len(payload)
    for start in range(at, len(made), size):
        made[start : start + length] = payload
        payload = next(payloads, payload)
    path.write_bytes(_PCAP_HEAD + made)
    return path


def write_scans(path: Path, scans: Sequence[tuple[bytes, Sequence[int]]]) -> Path:
    """A pcap file with, for each scan, its frame (TCP over IPv4 on Ethernet) once for each of its ports."""
    with path.open("wb") as file:
        file.write(_PCAP_HEAD)
        for frame, ports in scans:
            record = _RECORD.pack(0, 0, len(frame), len(frame))
            size = len(record) + len(frame)
            made = bytearray((record + frame) * len(ports))
            column = array.array("H", ports)
            column.byteswap()
            raw = column.tobytes()
            for byte in range(2):
                made[len(record) + _IPV4_TCP_PORT + byte :: size] = raw[byte::2]
            file.write(made)
    return path


@dataclass(frozen=True)
class Sent:
    """What tcpreplay says it sent, and in how many seconds."""

    packets: int
    seconds: float

    @property
    def rate(self) -> float:
        """Packets a second."""
        return self.packets / self.seconds if self.seconds else 0.0


class Replay:
    """tcpreplay at work on a host: ``pcap`` over and over for ``seconds``, at ``rate`` packets a second.

    ``rate`` None is as fast as it can; with ``seconds`` None it plays the file once, or ``limit``
    packets of it.
    It runs on the last processor, so that the daemon can have the others.
    """

    def __init__(
        self,
        host: Host,
        pcap: Path,
        *,
        rate: int | None = None,
        seconds: int | None = None,
        limit: int | None = None,
        interface: str = "eth0",
    ) -> None:
        last = max(os.sched_getaffinity(0))
        speed = ("--topspeed",) if rate is None else (f"--pps={rate}",)
        once = () if limit is None else (f"--limit={limit}",)
        length = once if seconds is None else ("--loop=0", f"--duration={seconds}")
        self._limit = 120 if seconds is None else seconds + 30
        self._process = host.popen(
            *("taskset", "-c", str(last), "tcpreplay", "--preload-pcap", "--no-flow-stats", "-i", interface),
            *speed,
            *length,
            str(pcap),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def wait(self) -> Sent:
        """Wait until it has sent everything. Raises RuntimeError when it could not."""
        output, _ = self._process.communicate(timeout=self._limit)
        found = _SENT.search(output)
        if found is None:
            raise RuntimeError(f"tcpreplay: {output}")
        return Sent(int(found[1]), float(found[2]))
