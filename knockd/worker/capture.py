"""Frames off one interface through libpcap. Files are read by capture_file.py.

The filter is attached to the capture's socket with SO_ATTACH_FILTER, so a change has no
deaf window; where the kernel does not take it, libpcap gets the filter as text.

World: libpcap.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pcapy

from knockd.knocks.prefilter import SNAPLEN
from knockd_bpf.instruction import RET_K, SOCK_FILTER_SIZE, Instruction, pack
from knockd_conf.text import printable

SMALLEST_BUFFER = 64 * 1024
"""Bytes of the smallest ring that is tried."""

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23  # linux/socket.h, linux/if_packet.h
_PACKET_TIMESTAMP, _SO_TIMESTAMP = 17, 29  # linux/if_packet.h, asm-generic/socket.h (SO_TIMESTAMP_OLD)
_SOF_TIMESTAMPING_SOFTWARE = 1 << 4  # linux/net_tstamp.h
_EVERYTHING = pack([Instruction(RET_K, 0, 0, SNAPLEN)])
"""The program that accepts every packet."""

_ERROR, _NO_SUCH_DEVICE, _PERMISSION_DENIED, _INTERFACE_NOT_UP = -1, -5, -8, -9  # pcap/pcap.h
_PCAP_D_IN = 1


class CaptureError(Exception):
    """An interface cannot be captured on."""


class NoSuchInterfaceError(CaptureError):
    """There is no interface of that name."""


class InterfaceDownError(CaptureError):
    """The interface is there, but down."""


class UnusableNameError(CaptureError):
    """libpcap cannot be asked for an interface of that name: trying again is of no use."""


class NoPermissionError(CaptureError):
    """The process lacks the right to capture."""


class FilterTooLongError(CaptureError):
    """The kernel has no room for a filter of this length."""


class Capture:
    """An open capture on one interface: inbound frames only, not promiscuous, non-blocking."""

    def __init__(self, interface: str, *, latency: int, buffer: int) -> None:
        """Opens ``interface``; ``latency`` is the kernel's block timer in milliseconds.

        ``buffer`` is the size of the capture ring in bytes; where memory is short, half of it
        is tried, and so on. Raises CaptureError and its kinds.
        """
        self.interface = interface
        reader, status = _activate(interface, latency, buffer)
        while status == _ERROR and buffer > SMALLEST_BUFFER:
            buffer //= 2
            reader, status = _activate(interface, latency, buffer)
        if status < 0:
            raise _activation_error(interface, status)
        try:
            reader.setdirection(_PCAP_D_IN)
            reader.setnonblock(1)
            self.linktype: int = reader.datalink()
        except pcapy.PcapError as error:
            raise CaptureError(f"{printable(interface)}: {error}") from error
        self._reader = reader
        # Made once: to ask a descriptor for its socket's family takes calls that are not there later.
        self._socket = socket.socket(fileno=reader.getfd())
        # libpcap sorts out by itself what the host sends. Where the kernel does (since 4.20), that costs
        # nothing, and no filter shows it to this process.
        with suppress(OSError):
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        # Without these each capture stamps a packet for itself; with them the kernel does, once for all.
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMP, 1)
        with suppress(OSError):  # a kernel before 5.12 needs it, and every kernel for rings has it
            self._socket.setsockopt(_SOL_PACKET, _PACKET_TIMESTAMP, _SOF_TIMESTAMPING_SOFTWARE)
        # A program gets its place only beside the one before it, which is never shorter than this
        # one: so this one always has room beside any other (see ``attach``).
        with suppress(OSError):  # a kernel without filters says so again at the first real one
            self._set_filter(_EVERYTHING)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return int(self._reader.getfd())

    def attach(self, program: bytes, text: Callable[[], str]) -> bool:
        """Lets the kernel run ``program`` (struct sock_filter array); ``text`` gives the same for libpcap.

        Returns False where that made a program of its own.

        During a change the kernel charges the old filter and the new one (net.core.optmem_max).
        Where both do not fit, the shortest of all takes the old one's place first: for some
        microseconds everything passes, which decode and matcher sort out; nothing is ever lost.
        Raises FilterTooLongError when there is no room for it alone, CaptureError when neither
        kernel nor libpcap take it.
        """
        try:
            self._set_filter(program)
        except OSError as refused:
            if refused.errno != errno.ENOMEM:
                self._filter_with_libpcap(text(), refused)
                return False
            try:
                self._set_filter(_EVERYTHING)
                self._set_filter(program)
            except OSError as again:
                count = len(program) // SOCK_FILTER_SIZE
                message = f"{self.interface}: the kernel has no room for a filter of {count} instructions"
                raise FilterTooLongError(message) from again
        return True

    def attach_source(self, address: str) -> None:
        """Lets libpcap show what comes from an IP address and nothing else, in a VLAN or not.

        Raises CaptureError when neither works.
        """
        plain = f"src host {address}"
        try:
            self._reader.setfilter(f"{plain} or (vlan and {plain})")
        except pcapy.PcapError:  # its link type has no VLANs
            self._filter_with_libpcap(plain, OSError(errno.EINVAL, "no VLANs"))

    def _set_filter(self, program: bytes) -> None:
        code = array.array("B", program)
        address, length = code.buffer_info()
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", length // SOCK_FILTER_SIZE, address)
        )

    def _filter_with_libpcap(self, text: str, refused: OSError) -> None:
        try:
            self._reader.setfilter(text)
        except pcapy.PcapError as error:
            raise CaptureError(
                f"{self.interface}: the kernel refused the filter ({refused}), libpcap too ({error})"
            ) from error

    def read(self, most: int) -> tuple[bytes, bytes]:
        """Up to ``most`` frames that are there: ``(bytes, records)``, both empty when there are none.

        A record is ``=IIII``: seconds, microseconds, offset, captured length. Raises
        CaptureError when the interface went down or away.
        """
        try:
            data, records = self._reader.next_batch(most)
        except pcapy.PcapError as error:
            raise CaptureError(f"{printable(self.interface)}: {error}") from error
        return data, records

    def ring(self) -> int:
        """Bytes of the capture ring that the kernel gave (libpcap asks for less and less by itself).

        Opens a file: not for a process that has been locked down.
        """
        inode = os.fstat(self.fileno()).st_ino
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                if line.endswith(f"socket:[{inode}]\n"):
                    low, high = (int(bound, 16) for bound in line.split(maxsplit=1)[0].split("-"))
                    return high - low
        return 0

    def counts(self) -> tuple[int, int]:
        """Frames that passed the filter since the capture was opened, and those that had no room in the ring.

        libpcap counts both with 32 bits.
        """
        received, dropped, _ = self._reader.stats()
        return int(received), int(dropped)

    def close(self) -> None:
        """Closes the capture."""
        self._socket.detach()
        self._reader.close()


def _activate(interface: str, latency: int, buffer: int) -> tuple[Any, int]:
    """A libpcap handle and what its activation returned (0 or more: it works)."""
    try:
        reader = pcapy.create(interface)
        reader.set_snaplen(SNAPLEN)
        reader.set_promisc(0)
        reader.set_timeout(latency)
        reader.set_buffer_size(buffer)
        return reader, reader.activate()
    except UnicodeEncodeError as error:
        name = printable(interface)
        raise UnusableNameError(
            f"{name}: no capture can be opened by a name that is not UTF-8; rename the interface"
        ) from error
    except pcapy.PcapError as error:
        raise CaptureError(f"{printable(interface)}: {error}") from error


def _activation_error(interface: str, status: int) -> CaptureError:
    name = printable(interface)
    if status == _NO_SUCH_DEVICE:
        return NoSuchInterfaceError(name)
    if status == _PERMISSION_DENIED:
        return NoPermissionError(
            f"{name}: no right to capture: CAP_NET_RAW is missing. Start knockd as root, or grant it:"
            " AmbientCapabilities=CAP_NET_RAW in the unit, or --cap-add NET_RAW for a container"
        )
    if status == _INTERFACE_NOT_UP:
        return InterfaceDownError(f"{name}: the interface is down; bring it up: ip link set {name} up")
    return CaptureError(f"{name}: libpcap could not open it (error {status})")
