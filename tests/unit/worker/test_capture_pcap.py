"""One capture through libpcap: what it asks for, and what each error means."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from knockd.worker import packet_socket
from knockd.worker.capture import (
    SMALLEST_BUFFER,
    CaptureError,
    FilterTooLongError,
    InterfaceDownError,
    NoDescriptorError,
    NoPermissionError,
    NoSuchInterfaceError,
)
from knockd_bpf.instruction import RET_K, Instruction, pack
from tests.support.lab.tools import need_pcapy

pcapy = need_pcapy()

from knockd.worker.capture_pcap import PcapCapture  # noqa: E402 - which imports it

PROGRAM = pack([Instruction(RET_K, 0, 0, 1)]) * 3
NO_MEMORY, NO_SUCH_OPTION = errno.ENOMEM, errno.ENOPROTOOPT


class Reader:
    """A libpcap handle that does as a test says."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.filter = ""
        self.statuses = [0]
        self.broken = ""
        self.closed = False
        self.end, self._other = socket.socketpair()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("set_") and name not in {"setdirection", "setnonblock"}:
            raise AttributeError(name)
        return lambda value: self.calls.append((name, value))

    def activate(self) -> int:
        """The next status."""
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def datalink(self) -> int:
        """Ethernet."""
        self._break()
        return 1

    def getfd(self) -> int:
        """Its socket."""
        return self.end.fileno()

    def setfilter(self, text: str) -> None:
        """Takes a filter as text."""
        self._break()
        self.filter = text

    def next_batch(self, most: int) -> tuple[bytes, bytes]:
        """Frames."""
        self._break()
        return b"frames", b"%d" % most

    def stats(self) -> tuple[int, int, int]:
        """Seen, dropped, dropped by the interface."""
        return 100, 7, 3

    def close(self) -> None:
        """Closes it."""
        self.closed = True

    def _break(self) -> None:
        if self.broken:
            raise pcapy.PcapError(self.broken)

    def end_of_test(self) -> None:
        """Closes its sockets."""
        self.end.close()
        self._other.close()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """The handle that libpcap gives."""
    made = Reader()
    monkeypatch.setattr(pcapy, "create", lambda _: made)
    yield made
    made.end_of_test()


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The programs that the kernel took."""
    taken: list[bytes] = []
    monkeypatch.setattr(packet_socket, "set_filter", lambda _, program: taken.append(program))
    return taken


Open = Callable[..., PcapCapture]


@pytest.fixture
def opened(reader: Reader) -> Iterator[Open]:
    """Opens a capture on eth0."""
    made: list[PcapCapture] = []

    def open_capture(buffer: int = 1 << 20) -> PcapCapture:
        made.append(PcapCapture("eth0", latency=10, buffer=buffer))
        return made[-1]

    yield open_capture
    for one in made:
        one.close()
    assert reader.closed == bool(made)


@pytest.mark.usefixtures("attached")
def test_open(reader: Reader, opened: Open) -> None:
    """It asks for inbound frames only, not promiscuous, and never waits for one."""
    capture = opened()
    assert dict(reader.calls) == {
        "set_snaplen": 256,
        "set_promisc": 0,
        "set_timeout": 10,
        "set_buffer_size": 1 << 20,
        "setdirection": 1,
        "setnonblock": 1,
    }
    assert capture.linktype == 1
    assert capture.fileno() == reader.end.fileno()


@pytest.mark.usefixtures("attached")
def test_memory_is_short(reader: Reader, opened: Open) -> None:
    """Where a ring has no room half of it is tried, and so on."""
    reader.statuses = [-1, -1, 0]
    opened()
    sizes = [value for name, value in reader.calls if name == "set_buffer_size"]
    assert sizes == [1 << 20, 1 << 19, 1 << 18]


def test_no_memory(reader: Reader, opened: Open) -> None:
    """Where the smallest ring has no room either, that is the end."""
    reader.statuses = [-1]
    with pytest.raises(CaptureError, match=r"eth0: libpcap could not open it \(error -1\)"):
        opened(2 * SMALLEST_BUFFER)
    sizes = [value for name, value in reader.calls if name == "set_buffer_size"]
    assert sizes == [2 * SMALLEST_BUFFER, SMALLEST_BUFFER]


@pytest.mark.parametrize("known", [True, False])
def test_no_descriptor(reader: Reader, opened: Open, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    """It says what to raise where no descriptor is left, also when libpcap does not say so."""
    reason = os.strerror(errno.EMFILE)
    if known:
        error = pcapy.PcapError(f"eth0: socket: {reason}")
        monkeypatch.setattr(reader, "activate", Mock(side_effect=error))
    else:
        reader.statuses = [-1]
        monkeypatch.setattr(socket, "socket", Mock(side_effect=OSError(errno.EMFILE, reason)))
    with pytest.raises(NoDescriptorError, match=r"^eth0: no descriptor is left .* LimitNOFILE="):
        opened()


ERRORS = {
    -5: (NoSuchInterfaceError, "eth0"),
    -8: (NoPermissionError, "eth0: no right to capture: CAP_NET_RAW is missing"),
    -9: (InterfaceDownError, "bring it up: ip link set eth0 up"),
    -11: (CaptureError, "error -11"),
}


@pytest.mark.parametrize("status", ERRORS)
def test_activation_errors(reader: Reader, status: int, opened: Open) -> None:
    """Each status of libpcap that a user can do something about has its own error and advice."""
    kind, text = ERRORS[status]
    reader.statuses = [status]
    with pytest.raises(CaptureError, match=text) as raised:
        opened()
    assert type(raised.value) is kind


def test_no_handle(monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    """A name that libpcap cannot take is an error of the interface."""

    def create(_: str) -> None:
        raise pcapy.PcapError("name too long")

    monkeypatch.setattr(pcapy, "create", create)
    with pytest.raises(CaptureError, match="eth0: name too long"):
        opened()


def test_unknown_state_after_activation(reader: Reader, opened: Open) -> None:
    """What goes wrong behind the activation is an error of the interface too."""
    reader.broken = "went away"
    with pytest.raises(CaptureError, match="eth0: went away"):
        opened()


def test_a_kernel_without_filters_at_first(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that refuses the filter that accepts everything says so again at the first real one."""
    Kernel(monkeypatch, at_first=NO_SUCH_OPTION)
    assert opened().linktype == 1


def test_attach(reader: Reader, attached: list[bytes], opened: Open) -> None:
    """The kernel gets the program, libpcap no text."""
    capture = opened()
    assert capture.attach(PROGRAM, lambda: "tcp")
    assert attached[1:] == [PROGRAM]
    assert reader.filter == ""


class Kernel:
    """A kernel that refuses filters, one after the other, with these errors (0: it takes one)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: int, at_first: int = 0) -> None:
        self.taken: list[bytes] = []
        self._errors = [at_first, *errors]
        monkeypatch.setattr(packet_socket, "set_filter", lambda _, program: self.set_filter(program))

    def set_filter(self, program: bytes) -> None:
        """Takes or refuses one."""
        error = self._errors.pop(0)
        if error:
            raise OSError(error, "refused")
        self.taken.append(program)


def test_no_room_beside_the_old_filter(monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    """Where the new filter has no room beside the old one, everything passes for a moment."""
    kernel = Kernel(monkeypatch, NO_MEMORY, 0, 0)
    opened().attach(PROGRAM, lambda: "tcp")
    nothing, everything = (pack([Instruction(RET_K, 0, 0, size)]) for size in (0, 256))
    assert kernel.taken == [nothing, everything, PROGRAM]


def test_no_room_at_all(monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    """A filter too long for the kernel is named by its length; everything passes until then."""
    kernel = Kernel(monkeypatch, NO_MEMORY, 0, NO_MEMORY)
    with pytest.raises(
        FilterTooLongError, match="eth0: the kernel has no room for a filter of 3 instructions"
    ):
        opened().attach(PROGRAM, lambda: "tcp")
    assert len(kernel.taken) == 2


def test_a_kernel_without_filters(reader: Reader, monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    """Where the kernel knows no filters libpcap gets the same one as text."""
    Kernel(monkeypatch, NO_SUCH_OPTION)
    assert not opened().attach(PROGRAM, lambda: "tcp port 7")
    assert reader.filter == "tcp port 7"


def test_nobody_takes_the_filter(reader: Reader, monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    """Where libpcap refuses the text too, both reasons are given."""
    Kernel(monkeypatch, NO_SUCH_OPTION)
    capture = opened()
    reader.broken = "syntax error"
    with pytest.raises(CaptureError, match=r"refused the filter \(.*refused\), libpcap too \(syntax error\)"):
        capture.attach(PROGRAM, lambda: "tcp port 7")


@pytest.mark.usefixtures("attached")
def test_read(opened: Open) -> None:
    """Frames and records are libpcap's own."""
    assert opened().read(5) == (b"frames", b"5")


@pytest.mark.usefixtures("attached")
def test_read_when_it_went_down(reader: Reader, opened: Open) -> None:
    """An interface that went down is an error with its name."""
    capture = opened()
    reader.broken = "The interface disappeared"
    with pytest.raises(CaptureError, match="eth0: The interface disappeared"):
        capture.read(5)


@pytest.mark.usefixtures("attached")
def test_counts(opened: Open) -> None:
    """Frames that passed the filter are counted, and those of them that found no room in the ring."""
    assert opened().counts() == (100, 7)


@pytest.mark.usefixtures("attached")
def test_no_ring(opened: Open) -> None:
    """A socket without a ring has one of 0 bytes."""
    assert opened().ring() == 0


@pytest.mark.usefixtures("attached")
def test_close(reader: Reader, opened: Open) -> None:
    """Closing it leaves the descriptor to libpcap."""
    opened().close()
    assert reader.closed
    assert reader.end.send(b"x") == 1
