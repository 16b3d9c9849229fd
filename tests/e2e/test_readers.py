"""libpcap and our own reader side by side: of the same frames both give the same bytes, stamps and counts."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knockd.knocks.prefilter import SNAPLEN, prefilter
from knockd.worker.capture import Capture, CaptureError, attach_source, open_capture
from knockd_bpf.instruction import RET_K, Instruction, pack
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL
from knockd_conf.model import Reader
from tests.support.daemons.doors import CLIENT, CLIENT_ADDRESSES, SERVER, SERVER_ADDRESSES
from tests.support.doubles.played import door, watched
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.tools import lacking, need_lab, need_pcapy, need_tun
from tests.support.lab.tun import ARPHRD_PPP
from tests.support.lab.waiting import PATIENCE
from tests.support.samples.frames import TCP, UDP, packet

pytestmark = pytest.mark.together

EVERYTHING = pack([Instruction(RET_K, 0, 0, SNAPLEN)])
BUFFER = 4 << 20
LAST = 65_535
"""The port of the marks before and behind what is sent."""
PORTS = (7, 700, 65_534)
BUDGET = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Seen = list[tuple[int, int, bytes]]
"""Frames with seconds and microseconds."""


class Wire:
    """A link on whose near end both readers capture."""

    def __init__(self, server: Host, client: Host, interface: str) -> None:
        self.server, self.client, self.interface = server, client, interface
        with server.entered():
            self.readers = [self._open(reader) for reader in (Reader.PCAPY, Reader.SOCKET)]
        self.linktype = self.readers[0].linktype
        self._marks = count(1)
        ethernet = self.linktype == DLT_EN10MB
        self._macs = server.mac(interface) + client.mac(interface) if ethernet else b""

    def _open(self, reader: Reader) -> Capture:
        # A block of the ring is handed over after the timer even with one frame in it, so a slow sender
        # fills a ring of few blocks: libpcap's are of 256 KiB.
        return open_capture(self.interface, latency=20, buffer=BUFFER, reader=reader)

    def set_filter(self, program: bytes) -> None:
        """Both have a filter; what came before it has been read."""
        for reader in self.readers:
            reader.attach(program, lambda: "")
        time.sleep(0.05)
        for reader in self.readers:
            while reader.read(1_024)[1]:
                pass

    def wrap(self, inner: bytes, ethertype: int = 0x0800, tags: Sequence[tuple[int, int]] = ()) -> bytes:
        """A frame of the link with these bytes in it, behind (EtherType, tag) pairs."""
        if self.linktype != DLT_EN10MB:
            return inner
        heads = b"".join(struct.pack(">HH", *tag) for tag in tags)
        return self._macs + heads + struct.pack(">H", ethertype) + inner

    def mark(self) -> bytes:
        """Sends a packet that there is only once, and returns it."""
        mark = packet(CLIENT[4], SERVER[4], LAST, source_port=next(self._marks))
        self._send(mark)
        return mark

    def show(self, frames: Sequence[bytes], most: int = 1_024) -> list[Seen]:
        """What each reader gives of frames, with the one that ends them."""
        begin = self.mark()
        self.client.send_frames(self.interface, frames)
        return self.show_from(begin, most)

    def show_from(self, begin: bytes, most: int = 1_024) -> list[Seen]:
        """What each reader gives of all that has come since a mark, with the mark that ends it.

        The kernel's own packets (neighbour and multicast discovery) come at any time: between two marks
        both readers have the same ones.
        """
        end = self.mark()
        seen = []
        for reader in self.readers:
            found = _read_on(reader, most, end, lambda: self._send(end))
            seen.append(found[_find(found, begin) or 0 : _find(found, end)])
        if self.linktype == DLT_LINUX_SLL:
            # libpcap leaves behind the address what happened to be in the ring.
            seen[0] = [(s, us, _without_rest(frame)) for s, us, frame in seen[0]]
        return seen

    def _send(self, inner: bytes) -> None:
        self.client.send_frames(self.interface, [self.wrap(inner)])

    def close(self) -> None:
        """Closes both."""
        for reader in self.readers:
            reader.close()


def _find(found: Seen, mark: bytes) -> int | None:
    """The number of frames up to a mark, with it; None where it was lost."""
    return next((number for number, (_, _, frame) in enumerate(found, 1) if mark in frame), None)


def _without_rest(cooked: bytes) -> bytes:
    """A cooked frame with zeros behind the link's address."""
    length = cooked[5]
    return cooked[: 6 + length].ljust(14, b"\0") + cooked[14:]


def _read_on(reader: Capture, most: int, end: bytes, send: Callable[[], None]) -> Seen:
    """Frames up to one, which is sent again if it was lost: a tun device drops what comes too fast."""
    poll = select.poll()
    poll.register(reader.fileno(), select.POLLIN)
    found: Seen = []
    deadline = time.monotonic() + 20
    while not any(end in frame for _, _, frame in found):
        assert time.monotonic() < deadline, "the last packet did not come"
        if not poll.poll(100):
            send()
            continue
        data, records = reader.read(most)
        assert len(records) <= most * 16
        for seconds, microseconds, offset, length in struct.iter_unpack("=IIII", records):
            found.append((seconds, microseconds, data[offset : offset + length]))
    return found


def _read_to_the_end(reader: Capture) -> str:
    """Why it ends."""
    while True:
        try:
            reader.read(1_024)
        except CaptureError as error:
            return str(error)


@pytest.fixture(scope="module", params=["ethernet", "raw", "cooked"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A link of each kind."""
    need_lab()
    need_pcapy()
    with Lab() as lab, ExitStack() as after:
        server, client = lab.host("server"), lab.host("client")
        if request.param == "ethernet":
            lab.link(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
            server.ip("link set eth0 mtu 9000")
            client.ip("link set eth0 mtu 9000")
        else:
            need_tun()
            kind = ARPHRD_PPP if request.param == "cooked" else None
            try:
                lab.tun(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES, link_type=kind)
            except OSError as error:
                lacking(f"the kernel does not make such a tun device: {error}")
        made = Wire(server, client, "eth0")
        after.callback(made.close)
        made.set_filter(EVERYTHING)
        yield made


knocks = st.builds(
    packet,
    st.sampled_from([CLIENT[4], "192.0.2.9"]),
    st.sampled_from([SERVER[4], "10.7.0.77"]),
    st.sampled_from([*PORTS, 8, 22]),
    st.sampled_from([TCP, UDP]),
)
knocks6 = st.builds(
    packet, st.just(CLIENT[6]), st.just(SERVER[6]), st.sampled_from([*PORTS, 22]), st.just(TCP)
)
ip_like = st.builds(
    lambda head, rest, length: (head + rest)[:1] + (rest * (length // (len(rest) or 1) + 1))[:length],
    st.sampled_from([b"\x45", b"\x60"]),
    st.binary(min_size=1, max_size=80),
    st.sampled_from([1, 19, 39, 100, 225, 226, 240, 241, 242, 243, 255, 256, 257, 1_400]),
)
tags = st.lists(
    st.tuples(st.sampled_from([0x8100, 0x88A8]), st.sampled_from([0, 1, 100, 0x2064, 0xFFFF])), max_size=2
)
times = st.sampled_from([1, 1, 2, 17, 90])
"""How often a frame comes: many are read in another way than few."""


@st.composite
def contents(draw: st.DrawFn) -> tuple[bytes, int, list[tuple[int, int]], int]:
    """Bytes, their EtherType, the tags before that, and how often they come."""
    inner = draw(st.one_of(knocks, knocks6, ip_like))
    ethertype = 0x86DD if inner[0] >> 4 == 6 else draw(st.sampled_from([0x0800, 0x0800, 0x1234]))
    return inner, ethertype, draw(tags), draw(times)


def frames_of(wire: Wire, drawn: Sequence[tuple[bytes, int, list[tuple[int, int]], int]]) -> list[bytes]:
    """What is drawn as frames of a link."""
    return [wire.wrap(*one) for *one, count in drawn for _ in range(count)]  # type: ignore[arg-type]


@BUDGET
@given(drawn=st.lists(contents(), max_size=8), most=st.sampled_from([1, 20, 1_024]))
def test_same_frames(
    wire: Wire, drawn: Sequence[tuple[bytes, int, list[tuple[int, int]], int]], most: int
) -> None:
    """Tagged once and twice, cut, short, alone or in long runs: every frame is the same, with its stamp."""
    sent = frames_of(wire, drawn)
    libpcap, ours = wire.show(sent, most)
    assert ours == libpcap
    assert len(ours) > len(sent) or wire.linktype != DLT_EN10MB


@BUDGET
@given(drawn=st.lists(contents(), max_size=8))
def test_same_verdicts(wire: Wire, drawn: Sequence[tuple[bytes, int, list[tuple[int, int]], int]]) -> None:
    """The filter of a door lets the same frames through."""
    watches = watched(door(" ".join(map(str, (*PORTS, LAST)))))
    local = frozenset(
        socket.inet_pton(f, a) for f, a in ((socket.AF_INET, SERVER[4]), (socket.AF_INET6, SERVER[6]))
    )
    wire.set_filter(prefilter(watches, local, wire.linktype).fitted.program.pack())
    try:
        libpcap, ours = wire.show(frames_of(wire, drawn))
    finally:
        wire.set_filter(EVERYTHING)
    assert ours == libpcap


def test_one_source(wire: Wire) -> None:
    """Of one source both show all, and of others nothing."""
    for reader in wire.readers:
        attach_source(reader, socket.inet_pton(socket.AF_INET, CLIENT[4]))
    time.sleep(0.05)
    for reader in wire.readers:
        reader.read(1_024)
    own, other = packet(CLIENT[4], SERVER[4], 7), packet("192.0.2.9", SERVER[4], 7)
    try:
        libpcap, ours = wire.show([wire.wrap(one) for one in (own, other, own)])
    finally:
        wire.set_filter(EVERYTHING)
    assert ours == libpcap
    assert len(ours) == 3


def test_offloaded(wire: Wire) -> None:
    """Segments that are larger than the link's packets, with checksums still to be made, are the same."""
    begin = wire.mark()
    with wire.server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((SERVER[4], 0))
        listener.listen()
        with wire.client.socket(socket.AF_INET, socket.SOCK_STREAM) as out:
            out.settimeout(10)
            out.connect(listener.getsockname())
            server, _ = listener.accept()
            with server:
                out.sendall(bytes(60_000))
                left = 60_000
                while left:
                    left -= len(server.recv(left))
    # What a socket sends has no stamp yet: each capture makes its own.
    libpcap, ours = ([frame for _, _, frame in seen] for seen in wire.show_from(begin))
    assert ours == libpcap
    assert len(ours) > 4


def test_what_the_host_sends(wire: Wire) -> None:
    """Neither shows it."""
    begin = wire.mark()
    with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((CLIENT[4], 0))
        with wire.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b"from here", listener.getsockname())
        assert listener.recv(100) == b"from here"
    for seen in wire.show_from(begin):
        assert not any(b"from here" in frame for _, _, frame in seen)


def test_counts(wire: Wire) -> None:
    """Both count what has come, and what of that found no room: of more than a ring holds, a part."""
    wire.show([])
    before = [reader.counts() for reader in wire.readers]
    sent = 60_000 if wire.linktype == DLT_EN10MB else 100  # a tun device drops what comes too fast
    wire.client.send_frames(wire.interface, [wire.wrap(packet(CLIENT[4], SERVER[4], 7))] * sent)
    time.sleep(0.2 * PATIENCE)
    found = []
    for reader, (received, dropped) in zip(wire.readers, before, strict=True):
        read = 0
        while records := reader.read(1_024)[1]:
            read += len(records) // 16
        now, lost = reader.counts()
        found.append(now - received)
        assert now - received - read == lost - dropped
        assert (lost > dropped) == (sent > 1_000)
    assert found[0] == found[1] >= sent


FAILURES: dict[str, Callable[[Wire], None]] = {
    "down": lambda wire: wire.server.ip("link set eth0 down"),
    "gone": lambda wire: wire.server.ip("link del eth0"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures(failure: str) -> None:
    """When the interface goes down or away both wake, and say the same."""
    need_lab()
    need_pcapy()
    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
        wire = Wire(server, client, "eth0")
        wire.set_filter(EVERYTHING)
        FAILURES[failure](wire)
        said = []
        for reader in wire.readers:
            poll = select.poll()
            poll.register(reader.fileno(), select.POLLIN)
            assert poll.poll(5_000)
            said.append(_read_to_the_end(reader))
        wire.close()
        assert said == ["eth0: The interface went down"] * 2


@pytest.mark.parametrize("name", ["eth7", "x" * 20, "lo"])
def test_opening(name: str) -> None:
    """What cannot be opened is the same error of both; lo is down."""
    need_lab()
    need_pcapy()
    said = []
    with Lab() as lab:
        host = lab.host("server")
        host.ip("link set lo down")
        for reader in (Reader.PCAPY, Reader.SOCKET):
            with host.entered(), pytest.raises(CaptureError) as raised:
                open_capture(name, latency=10, buffer=1 << 20, reader=reader)
            said.append((type(raised.value), str(raised.value)))
    assert said[0] == said[1]
