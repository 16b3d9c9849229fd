"""Frames off one interface: what every reader gives, its errors, and which reader there is.

libpcap reads where pcapy-ng can be imported (capture_pcap.py), else we do (capture_packet.py).

World: the reader of the interfaces' captures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from knockd.knocks.prefilter import SNAPLEN
from knockd.worker.libpcap import find_import_error
from knockd_bpf.instruction import pack
from knockd_bpf.layout import layout_for
from knockd_bpf.source import source_program
from knockd_conf.model import Reader
from knockd_conf.text import address_text, printable

SMALLEST_BUFFER = 64 * 1024
"""Bytes of the smallest ring that is tried."""


MANY = 32
"""With more interfaces we read ourselves, unless libpcap is asked for.

When an interface comes, all are opened anew. For libpcap that takes the kernel 24 ms each, one after the
other: it waits until no processor uses what it replaces. For us it waits for many at once.
"""

_SOURCES_OF_LIBPCAP = (
    "any",
    "nflog",
    "nfqueue",
    "usbmon",
    "bluetooth",
    "dbus",
    "rdma",
    "dag",
    "snf",
    "vale",
    "netmap",
)
"""How names begin that libpcap may take for a source of its own, and not for an interface."""


class CaptureError(Exception):
    """An interface cannot be captured on."""


class NoSuchInterfaceError(CaptureError):
    """There is no interface of that name."""


class InterfaceDownError(CaptureError):
    """The interface is there, but down."""


class UnusableNameError(CaptureError):
    """No reader can be asked for an interface of that name: trying again is of no use."""


class NoPermissionError(CaptureError):
    """The process lacks the right to capture."""


class NoDescriptorError(CaptureError):
    """The process has no descriptor left: trying again is of no use while all others stay open."""


class FilterTooLongError(CaptureError):
    """The kernel has no room for a filter of this length."""


class Capture(Protocol):
    """An open capture on one interface: inbound frames only, not promiscuous, non-blocking."""

    interface: str
    linktype: int

    def fileno(self) -> int:
        """The descriptor to poll."""

    def attach(self, program: bytes, text: Callable[[], str]) -> bool:
        """Lets the kernel run ``program`` (struct sock_filter array); ``text`` gives the same for libpcap.

        Returns False where that made a program of its own.

        During a change the kernel charges the old filter and the new one (net.core.optmem_max).
        Where both do not fit, the shortest of all takes the old one's place first: for some
        microseconds everything passes, which decode and matcher sort out; nothing is ever lost.
        Raises FilterTooLongError when there is no room for it alone, CaptureError when nobody takes it.
        """

    def read(self, most: int) -> tuple[bytes, bytes]:
        """Up to ``most`` frames that are there: ``(bytes, records)``, both empty when there are none.

        A record is ``=IIII``: seconds, microseconds, offset, captured length. Raises
        CaptureError when the interface went down or away.
        """

    def ring(self) -> int | None:
        """Bytes of the capture ring; None: not known.

        May open a file: not for a process that has been locked down.
        """

    def counts(self) -> tuple[int, int]:
        """Frames that passed the filter since the capture was opened, and those that had no room in the ring.

        Both may begin again at 0 after 32 bits.
        """

    def close(self) -> None:
        """Closes the capture."""


def open_capture(interface: str, *, latency: int, buffer: int, reader: Reader = Reader.AUTO) -> Capture:
    """Opens ``interface``; ``latency`` is the kernel's block timer in milliseconds.

    ``buffer`` is the size of the capture ring in bytes; where memory is short, half of it
    is tried, and so on. An interface whose name means something else to libpcap we read ourselves. Raises
    CaptureError and its kinds.
    """
    chosen = Reader.SOCKET if interface.startswith(_SOURCES_OF_LIBPCAP) else find_reader(reader)
    return load_reader(chosen)(interface, latency=latency, buffer=buffer)


def load_reader(reader: Reader) -> Callable[..., Capture]:
    """What opens a capture with ``reader``, PCAPY or SOCKET.

    Its module is imported by the first call, which is best before a fork: both processes have it once then.
    """
    if reader is Reader.PCAPY:
        from knockd.worker.capture_pcap import PcapCapture

        return PcapCapture
    from knockd.worker.capture_packet import PacketCapture

    return PacketCapture


def attach_source(capture: Capture, address: bytes) -> None:
    """Lets a capture show the IP packets of a packed address and nothing else, in a VLAN or not.

    Raises CaptureError and its kinds.
    """
    try:
        layout = layout_for(capture.linktype)
    except ValueError as error:
        raise CaptureError(f"{printable(capture.interface)}: {error}") from error
    program = source_program(address, layout, SNAPLEN)
    capture.attach(pack(program), lambda: f"src host {address_text(address)}")


def find_reader(wanted: Reader, interfaces: int = 1) -> Reader:
    """The reader that will be used for so many interfaces, PCAPY or SOCKET."""
    if wanted is not Reader.AUTO:
        return wanted
    return Reader.PCAPY if interfaces <= MANY and find_import_error() is None else Reader.SOCKET


def no_permission(interface: str) -> NoPermissionError:
    """The right to capture is missing."""
    return NoPermissionError(
        f"{printable(interface)}: no right to capture: CAP_NET_RAW is missing. Start knockd as root, or"
        " grant it: AmbientCapabilities=CAP_NET_RAW in the unit, or --cap-add NET_RAW for a container"
    )


def no_descriptor(interface: str) -> NoDescriptorError:
    """No descriptor is left."""
    return NoDescriptorError(
        f"{printable(interface)}: no descriptor is left for it: raise their number: LimitNOFILE= in the unit,"
        " or ulimit -n"
    )


def interface_down(interface: str) -> InterfaceDownError:
    """The interface is down."""
    name = printable(interface)
    return InterfaceDownError(f"{name}: the interface is down; bring it up: ip link set {name} up")


def unusable_name(interface: str) -> UnusableNameError:
    """The interface cannot be named."""
    return UnusableNameError(
        f"{printable(interface)}: no capture can be opened by a name that is not UTF-8; rename the interface"
    )
