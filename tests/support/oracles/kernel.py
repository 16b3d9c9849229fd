"""The running kernel as judge of a filter program: its checker and its verdict on single frames.

Nothing here needs root: a socket filter may be attached to any socket, and on a datagram socket pair
it sees exactly the bytes that were sent. Ancillary data (what cooked programs read) is empty there.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct

import pytest

from knockd_bpf.program import Program

SO_ATTACH_FILTER = 26
MAX_FRAME = 65_536

_ROOM = 2_000
"""Instructions that fit into 20,480 bytes, the least that kernels give a socket by default."""


def attach(program: Program, receiver: socket.socket) -> None:
    """Attach the program to a socket. Raises OSError when the kernel's checker refuses it.

    Skips the test where this host gives a socket less room than the program takes (net.core.optmem_max).
    """
    instructions = ctypes.create_string_buffer(program.pack())
    descriptor = struct.pack("HP", len(program), ctypes.addressof(instructions))
    try:
        receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, descriptor)
    except OSError as error:
        if error.errno == errno.ENOMEM and len(program) > _ROOM:
            pytest.skip(f"net.core.optmem_max leaves no room for a filter of {len(program)} instructions")
        raise


def loads(program: Program) -> bool:
    """Whether the kernel takes the program; raises OSError with its reason when it does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        attach(program, receiver)
    return True


class Judge:
    """The kernel's verdict on frames, one at a time; a context manager."""

    def __init__(self, program: Program) -> None:
        self._sender, self._receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiver.setblocking(False)
        attach(program, self._receiver)

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._sender.close()
        self._receiver.close()

    def passes(self, frame: bytes) -> bool:
        """Whether the frame gets through the filter."""
        self._sender.send(frame)
        try:
            self._receiver.recv(MAX_FRAME)
        except BlockingIOError:
            return False
        return True
