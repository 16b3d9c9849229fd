"""What both readers ask of a packet socket: a filter, stamps by the kernel, and nothing that the host sends.

World: packet sockets.
"""

from __future__ import annotations

import array
import ctypes
import errno
import os
import socket
import struct
from contextlib import suppress

from knockd.knocks.prefilter import SNAPLEN
from knockd.worker.capture import FilterTooLongError
from knockd_bpf.instruction import RET_K, SOCK_FILTER_SIZE, Instruction, pack
from knockd_conf.text import printable

SOL_PACKET = 263  # linux/socket.h

_RX_RING = 5  # PACKET_RX_RING, linux/if_packet.h
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_PACKET_IGNORE_OUTGOING = 23  # linux/if_packet.h
_PACKET_TIMESTAMP, _SO_TIMESTAMP = 17, 29  # linux/if_packet.h, asm-generic/socket.h (SO_TIMESTAMP_OLD)
_SOF_TIMESTAMPING_SOFTWARE = 1 << 4  # linux/net_tstamp.h
_libc = ctypes.CDLL(None, use_errno=True)
_EVERYTHING = pack([Instruction(RET_K, 0, 0, SNAPLEN)])
"""The program that accepts every packet."""
_NOTHING = pack([Instruction(RET_K, 0, 0, 0)])
"""The program that accepts none."""


def prepare_socket(packets: socket.socket) -> None:
    """Sets what can be set on a socket, and a filter that accepts nothing until another is attached."""
    # What the host sends every reader sorts out. Where the kernel does (since 4.20), that costs
    # nothing, and no filter shows it to this process.
    with suppress(OSError):
        packets.setsockopt(SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    # Without these each capture stamps a packet for itself; with them the kernel does, once for all.
    packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMP, 1)
    with suppress(OSError):  # a kernel before 5.12 needs it, and every kernel for rings has it
        packets.setsockopt(SOL_PACKET, _PACKET_TIMESTAMP, _SOF_TIMESTAMPING_SOFTWARE)
    # A program gets its place only beside the one before it, which is never shorter than this
    # one: so this one always has room beside any other (see ``attach_filter``).
    with suppress(OSError):  # a kernel without filters says so again at the first real one
        set_filter(packets, _NOTHING)


def attach_filter(packets: socket.socket, program: bytes, interface: str) -> None:
    """Replaces the filter, as ``Capture.attach`` says.

    Raises FilterTooLongError, and OSError where the kernel takes no filter.
    """
    try:
        set_filter(packets, program)
    except OSError as refused:
        if refused.errno != errno.ENOMEM:
            raise
        try:
            set_filter(packets, _EVERYTHING)
            set_filter(packets, program)
        except OSError as again:
            count = len(program) // SOCK_FILTER_SIZE
            message = f"{printable(interface)}: the kernel has no room for a filter of {count} instructions"
            raise FilterTooLongError(message) from again


def set_ring(packets: socket.socket, request: bytes) -> None:
    """Gives a socket a ring, as a struct tpacket_req3 says. Raises OSError.

    The kernel waits some 10 ms then. Python's own call would let no other thread run meanwhile.
    """
    if _libc.setsockopt(packets.fileno(), SOL_PACKET, _RX_RING, request, len(request)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def set_filter(packets: socket.socket, program: bytes) -> None:
    """Lets the kernel run a program, a struct sock_filter array. Raises OSError."""
    code = array.array("B", program)
    address, length = code.buffer_info()
    packets.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", length // SOCK_FILTER_SIZE, address)
    )
