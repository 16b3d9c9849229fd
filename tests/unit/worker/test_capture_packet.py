"""One capture through a packet socket of our own: what it asks for, and what each error means."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from knockd.worker import capture_packet, packet_socket
from knockd.worker.capture import (
    SMALLEST_BUFFER,
    CaptureError,
    FilterTooLongError,
    InterfaceDownError,
    NoDescriptorError,
    NoPermissionError,
    NoSuchInterfaceError,
    UnusableNameError,
)
from knockd.worker.capture_packet import BLOCK, PacketCapture
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW
from tests.support.samples import rings

SOL_PACKET, RX_RING, STATISTICS, VERSION = 263, 5, 6, 10
UP = 1
ETHERNET, NO_HEADER, PPP, LOOPBACK = 1, 65534, 512, 772


class Kernel:
    """A kernel with one interface, eth0: its sockets are others, its rings this process's memory."""

    def __init__(self) -> None:
        self.flags, self.kind = UP, ETHERNET
        self.refused: dict[str, int] = {}
        """Errors by what they are given for."""
        self.room = 1 << 30
        """Bytes of the largest ring."""
        self.statistics = (0, 0, 0)
        self.error = 0
        self.sockets: list[Packets] = []
        self.rings: list[mmap.mmap] = []

    def refuse(self, what: str) -> None:
        """Raises the error that is given for something."""
        if number := self.refused.get(what):
            raise OSError(number, "refused")

    def make(self, kind: int) -> Packets:
        """A socket."""
        self.refuse("socket")
        self.sockets.append(Packets(self, kind))
        return self.sockets[-1]

    def ask(self, _: Packets, request: int, asked: bytes) -> bytes:
        """An ioctl(2)."""
        name, _ = struct.unpack("=16sH22x", asked)
        if name.rstrip(b"\0") not in {b"eth0", b"\xff", "löwe0".encode()}:
            raise OSError(errno.ENODEV, "No such device")
        answer = {0x8913: self.flags, 0x8927: self.kind}[request]
        return struct.pack("=16sH22x", name, answer)

    def map(self, _: int, size: int) -> mmap.mmap:
        """The memory of a ring."""
        self.refuse("mmap")
        self.rings.append(mmap.mmap(-1, size))
        return self.rings[-1]

    @property
    def capturing(self) -> list[Packets]:
        """The sockets that are open."""
        return [one for one in self.sockets if not one.closed]


class Packets:
    """A packet socket of that kernel."""

    def __init__(self, kernel: Kernel, kind: int) -> None:
        self.kernel, self.kind = kernel, kind
        self.bound: tuple[str, int] | None = None
        self.asked: list[tuple[int, int, bytes | int]] = []
        self.closed = False
        self._end, self._other = socket.socketpair()

    def fileno(self) -> int:
        """A descriptor that can be polled."""
        return self._end.fileno()

    def setsockopt(self, level: int, option: int, value: bytes | int) -> None:
        """An option is set."""
        assert self.bound is None
        if (level, option) == (SOL_PACKET, RX_RING) and isinstance(value, bytes):
            size, count, *_ = struct.unpack("=7I", value)
            if size * count > self.kernel.room:
                raise OSError(errno.ENOMEM, "Cannot allocate memory")
        self.asked.append((level, option, value))

    def getsockopt(self, level: int, option: int, size: int = 0) -> bytes | int:
        """An option is read."""
        if (level, option, size) == (SOL_PACKET, STATISTICS, 12):
            found, self.kernel.statistics = self.kernel.statistics, (0, 0, 0)
            return struct.pack("=III", *found)
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
        found_error, self.kernel.error = self.kernel.error, 0
        return found_error

    def bind(self, address: tuple[str, int]) -> None:
        """It is bound."""
        address[0].encode()
        self.kernel.refuse("bind")
        self.bound = address

    def close(self) -> None:
        """It is closed."""
        self.closed = True
        self._end.close()
        self._other.close()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """The kernel that is asked."""
    made = Kernel()
    monkeypatch.setattr(capture_packet, "_make_socket", made.make)
    monkeypatch.setattr(fcntl, "ioctl", made.ask)
    monkeypatch.setattr(capture_packet, "_map_ring", made.map)
    monkeypatch.setattr(
        capture_packet, "set_ring", lambda one, value: one.setsockopt(SOL_PACKET, RX_RING, value)
    )
    monkeypatch.setattr(packet_socket, "set_filter", lambda *_: made.refuse("filter"))
    return made


Open = Callable[..., PacketCapture]


@pytest.fixture
def opened(kernel: Kernel) -> Iterator[Open]:
    """Opens captures; afterwards nothing is left open."""
    made: list[PacketCapture] = []

    def open_capture(buffer: int = 1 << 20, name: str = "eth0") -> PacketCapture:
        made.append(PacketCapture(name, latency=7, buffer=buffer))
        return made[-1]

    yield open_capture
    for one in made:
        one.close()
    assert kernel.capturing == []
    assert all(one.closed for one in kernel.rings)


def rings_of(packets: Packets) -> list[tuple[int, ...]]:
    """The rings that a socket has been given."""
    return [
        struct.unpack("=7I", value)
        for level, option, value in packets.asked
        if (level, option) == (SOL_PACKET, RX_RING) and isinstance(value, bytes)
    ]


def test_open(kernel: Kernel, opened: Open) -> None:
    """One socket with a ring of the size and timer asked for, which hears all protocols of the interface."""
    capture = opened()
    (packets,) = kernel.capturing
    assert packets.bound == ("eth0", 3)
    assert packets.asked[0] == (SOL_PACKET, VERSION, 2)
    assert rings_of(packets) == [(BLOCK, 32, BLOCK, 32, 7, 0, 0)]
    assert capture.ring() == 1 << 20
    assert capture.fileno() == packets.fileno()


@pytest.mark.parametrize(
    ("kind", "linktype", "socket_kind"),
    [
        (ETHERNET, DLT_EN10MB, socket.SOCK_RAW),
        (LOOPBACK, DLT_EN10MB, socket.SOCK_RAW),
        (NO_HEADER, DLT_RAW, socket.SOCK_DGRAM),
        (PPP, DLT_LINUX_SLL, socket.SOCK_DGRAM),
    ],
)
def test_link_types(kernel: Kernel, opened: Open, kind: int, linktype: int, socket_kind: int) -> None:
    """Only of Ethernet the link header is asked for: of others the kernel gives what comes after it."""
    kernel.kind = kind
    assert opened().linktype == linktype
    assert [one.kind for one in kernel.capturing] == [socket_kind]


@pytest.mark.parametrize("page", [4_096, 16_384, 65_536])
def test_small_ring(kernel: Kernel, opened: Open, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """A small ring has several blocks too, of whole pages."""
    monkeypatch.setattr(mmap, "PAGESIZE", page)
    opened(SMALLEST_BUFFER)
    block, count, *_ = rings_of(kernel.capturing[0])[0]
    assert block == max(page, SMALLEST_BUFFER // 4)
    assert block * count == SMALLEST_BUFFER


def test_rounded_up(opened: Open) -> None:
    """A ring has whole blocks, and no less than was asked for."""
    assert opened(BLOCK * 8 + 1).ring() == BLOCK * 9


def test_memory_is_short(kernel: Kernel, opened: Open) -> None:
    """Where a ring has no room half of it is tried, and so on."""
    kernel.room = 1 << 18
    assert opened(1 << 20).ring() == 1 << 18
    assert rings_of(kernel.capturing[0])[-1][:2] == (BLOCK, 8)


def test_no_memory(kernel: Kernel, opened: Open) -> None:
    """Where the smallest ring has no room either, that is the end."""
    kernel.room = SMALLEST_BUFFER - 1
    with pytest.raises(CaptureError, match="eth0: Cannot allocate memory"):
        opened()


def test_no_address_space(kernel: Kernel, opened: Open) -> None:
    """A ring that cannot be mapped is none."""
    kernel.refused["mmap"] = errno.EAGAIN
    with pytest.raises(CaptureError, match="eth0: refused"):
        opened()


@pytest.mark.parametrize("name", ["eth1", "a-name-that-is-too-long", "eth0-and-some-more"])
def test_no_such_interface(opened: Open, name: str) -> None:
    """A name that no interface has, or can have."""
    with pytest.raises(NoSuchInterfaceError, match=f"^{name}$"):
        opened(name=name)


def test_gone_meanwhile(kernel: Kernel, opened: Open) -> None:
    """The interface goes away before the socket is bound."""
    kernel.refused["bind"] = errno.ENODEV
    with pytest.raises(NoSuchInterfaceError, match="eth0"):
        opened()


def test_down(kernel: Kernel, opened: Open) -> None:
    """An interface that is down has its own error and advice."""
    kernel.flags = 0
    with pytest.raises(InterfaceDownError, match="bring it up: ip link set eth0 up"):
        opened()


@pytest.mark.parametrize("error", [errno.EPERM, errno.EACCES])
def test_no_permission(kernel: Kernel, opened: Open, error: int) -> None:
    """Without the right there is no socket."""
    kernel.refused["socket"] = error
    with pytest.raises(NoPermissionError, match="eth0: no right to capture: CAP_NET_RAW is missing"):
        opened()


def test_no_packet_sockets(kernel: Kernel, opened: Open) -> None:
    """A kernel without packet sockets is an error of the interface."""
    kernel.refused["socket"] = errno.EAFNOSUPPORT
    with pytest.raises(CaptureError, match="eth0: refused"):
        opened()


def test_name_that_is_not_utf_8(opened: Open) -> None:
    """Python binds no socket to it."""
    with pytest.raises(UnusableNameError, match="a name that is not UTF-8; rename the interface"):
        opened(name="\udcff")


def test_locale_that_is_not_utf_8(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is UTF-8, as Python binds it, whatever the locale is."""
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))
    assert opened(name="löwe0").interface == "löwe0"


def test_attach(kernel: Kernel, opened: Open) -> None:
    """The kernel takes filters, or says why not."""
    capture = opened()
    assert capture.attach(bytes(8), lambda: "")
    kernel.refused["filter"] = errno.EINVAL
    with pytest.raises(CaptureError, match=r"eth0: the kernel refused the filter \(.*refused\)"):
        capture.attach(bytes(8), lambda: "")
    kernel.refused["filter"] = errno.ENOMEM
    with pytest.raises(FilterTooLongError, match="no room for a filter of 1 instructions"):
        capture.attach(bytes(8), lambda: "")


def test_read(kernel: Kernel, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames come out of the ring."""
    monkeypatch.setattr(capture_packet, "BLOCK", rings.BLOCK)
    capture = opened(2 * rings.BLOCK)
    memory = kernel.rings[0]
    block = struct.unpack("=7I", struct.pack("=7I", *rings_of(kernel.capturing[0])[0]))[0]
    filled = rings.fill_block([rings.Held(b"frame" * 12, 5)])
    memory[:block] = filled[:block]
    assert capture.read(10) == (b"frame" * 12, struct.pack("=IIII", 5, 0, 0, 60))
    assert capture.read(10) == (b"", b"")


def test_read_when_it_went_down(kernel: Kernel, opened: Open) -> None:
    """What is in the ring comes first; then it is an error that the interface went down."""
    capture = opened()
    filled = rings.fill_block([rings.Held(b"frame" * 12, 5)])
    kernel.rings[0][: len(filled)] = filled
    kernel.error = errno.ENETDOWN
    assert capture.read(10)[0] == b"frame" * 12
    with pytest.raises(CaptureError, match=r"^eth0: The interface went down$"):
        capture.read(10)
    kernel.error = errno.EIO
    with pytest.raises(CaptureError, match=f"^eth0: {os.strerror(errno.EIO)}$"):
        capture.read(10)


def test_no_descriptor(kernel: Kernel, opened: Open) -> None:
    """It says what to raise where no descriptor is left."""
    kernel.refused["socket"] = errno.EMFILE
    with pytest.raises(NoDescriptorError, match=r"^eth0: no descriptor is left .* LimitNOFILE="):
        opened()


def test_counts(kernel: Kernel, opened: Open) -> None:
    """The kernel counts anew after each look; we go on."""
    capture = opened()
    kernel.statistics = (100, 7, 1)
    assert capture.counts() == (100, 7)
    kernel.statistics = (1, 0, 0)
    assert capture.counts() == (101, 7)
