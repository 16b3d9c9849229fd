"""Frames off one interface through a packet socket of our own (packet(7)), with the standard library alone.

It gives what libpcap gives: the same bytes, stamps, counts and errors.

World: a packet socket and its ring.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from struct import Struct

from knockd.worker.capture import (
    SMALLEST_BUFFER,
    CaptureError,
    NoSuchInterfaceError,
    interface_down,
    no_descriptor,
    no_permission,
    unusable_name,
)
from knockd.worker.packet_ring import PacketRing
from knockd.worker.packet_socket import SOL_PACKET, attach_filter, prepare_socket, set_ring
from knockd_bpf.wire import DLT_EN10MB, find_linktype
from knockd_conf.text import encoded, printable

_ETH_P_ALL = 3  # linux/if_ether.h
_STATISTICS, _VERSION, _TPACKET_V3 = 6, 10, 2  # PACKET_..., linux/if_packet.h
_SIOCGIFFLAGS, _SIOCGIFHWADDR = 0x8913, 0x8927  # linux/sockios.h
_IFF_UP = 1

_NAME_SIZE = 16  # IFNAMSIZ
_REQUEST = Struct("=16sH22x")
"""struct ifreq with a number of 16 bits: the flags, or an address's family, which is the ARPHRD."""
_RING = Struct("=7I")
"""struct tpacket_req3: size and number of blocks, size and number of frames, milliseconds, two that are 0."""
_COUNTS = Struct("=III")
"""struct tpacket_stats_v3: frames that passed the filter, those without room, times that it was full."""

BLOCK = 32 * 1024
"""Bytes of a block of the ring, on machines with smaller pages.

After the timer a block is handed over with what is in it, be it one frame: with many small ones the ring
lasts longer while the daemon is held up. In smaller ones too few frames lie to be read at once.
"""

_FEWEST = 4
"""Blocks that even a small ring has, as long as a block is a page: one is read while another is filled."""


class PacketCapture:
    """A Capture of our own."""

    def __init__(self, interface: str, *, latency: int, buffer: int) -> None:
        """Opens the interface, as ``open_capture`` says."""
        self.interface = interface
        self._received = self._dropped = 0
        self.linktype, self._socket = _open_socket(interface)
        try:
            with ExitStack() as undo:
                undo.callback(self._socket.close)
                self._memory, block = _make_ring(self._socket, latency, buffer)
                undo.callback(self._memory.close)
                prepare_socket(self._socket)
                self._socket.bind((interface, _ETH_P_ALL))  # before that nothing arrives
                undo.pop_all()
        except UnicodeEncodeError as error:
            raise unusable_name(interface) from error
        except OSError as error:
            raise _opening_error(interface, error) from error
        barrier = select.poll()
        barrier.register(self._socket, 0)
        # packet_poll() takes the lock of the receive queue, as the kernel does for what it does to blocks.
        self._ring = PacketRing(memoryview(self._memory), block, self.linktype, partial(barrier.poll, 0))

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._socket.fileno()

    def attach(self, program: bytes, _text: Callable[[], str]) -> bool:
        """Replaces the filter; no other makes one."""
        try:
            attach_filter(self._socket, program, self.interface)
        except OSError as error:
            name = printable(self.interface)
            raise CaptureError(f"{name}: the kernel refused the filter ({error})") from error
        return True

    def read(self, most: int) -> tuple[bytes, bytes]:
        """Up to ``most`` frames that are there."""
        data, records = self._ring.read(most)
        if not records and (number := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            down = number == errno.ENETDOWN
            reason = "The interface went down" if down else os.strerror(number)
            raise CaptureError(f"{printable(self.interface)}: {reason}")
        return data, records

    def ring(self) -> int:
        """Bytes of the ring."""
        return len(self._memory)

    def counts(self) -> tuple[int, int]:
        """Frames that passed the filter, and those that had no room."""
        read = self._socket.getsockopt(SOL_PACKET, _STATISTICS, _COUNTS.size)  # it begins again at 0
        received, dropped, _ = _COUNTS.unpack(read)
        self._received += received
        self._dropped += dropped
        return self._received, self._dropped

    def close(self) -> None:
        """Closes the capture."""
        self._ring.close()
        self._memory.close()
        self._socket.close()


def _open_socket(interface: str) -> tuple[int, socket.socket]:
    """The link type of an interface, and a socket for it that hears nothing yet. Raises CaptureError."""
    try:
        packets = _make_socket(socket.SOCK_RAW)
        with ExitStack() as undo:
            undo.callback(packets.close)
            # Not through a packet socket: to close one takes the kernel some 10 ms.
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
                if not _ask(asking, _SIOCGIFFLAGS, interface) & _IFF_UP:
                    raise interface_down(interface)
                linktype = find_linktype(_ask(asking, _SIOCGIFHWADDR, interface))
            if linktype == DLT_EN10MB:
                undo.pop_all()
                return linktype, packets
        return linktype, _make_socket(socket.SOCK_DGRAM)
    except OSError as error:
        raise _opening_error(interface, error) from error


def _make_socket(kind: int) -> socket.socket:
    return socket.socket(socket.AF_PACKET, kind | socket.SOCK_NONBLOCK, 0)


def _ask(asking: socket.socket, request: int, interface: str) -> int:
    name = encoded(interface)  # as bind() has it
    if len(name) >= _NAME_SIZE:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    answer = fcntl.ioctl(asking, request, _REQUEST.pack(name, 0))
    return int(_REQUEST.unpack(answer)[1])


def _make_ring(packets: socket.socket, latency: int, buffer: int) -> tuple[mmap.mmap, int]:
    """The ring, and the size of its blocks; half of it where memory is short, and so on. Raises OSError."""
    packets.setsockopt(SOL_PACKET, _VERSION, _TPACKET_V3)
    while True:
        block = max(BLOCK, mmap.PAGESIZE)
        while block * _FEWEST > buffer and block > mmap.PAGESIZE:
            block //= 2
        count = -(-buffer // block)
        try:
            set_ring(packets, _RING.pack(block, count, block, count, latency, 0, 0))
            return _map_ring(packets.fileno(), block * count), block
        except OSError as error:
            if error.errno != errno.ENOMEM or buffer <= SMALLEST_BUFFER:
                raise
            set_ring(packets, bytes(_RING.size))
            buffer //= 2


def _map_ring(descriptor: int, size: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):  # before that it keeps a descriptor of its own
        return mmap.mmap(descriptor, size, trackfd=False)
    return mmap.mmap(descriptor, size)


def _opening_error(interface: str, error: OSError) -> CaptureError:
    if error.errno in {errno.ENODEV, errno.ENXIO}:
        return NoSuchInterfaceError(printable(interface))
    if error.errno in {errno.EPERM, errno.EACCES}:
        return no_permission(interface)
    if error.errno == errno.EMFILE:
        return no_descriptor(interface)
    return CaptureError(f"{printable(interface)}: {error.strerror}")
