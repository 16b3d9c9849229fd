"""What the kernel knows of another process's capture sockets: frames, drops, the filter that runs.

A copy of the descriptor is taken from the process (pidfd_getfd(2)), so that both daemons are
measured alike and neither has to help. Needs the right to trace the process.
"""

from __future__ import annotations

import array
import ctypes
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PIDFD_GETFD = 438  # asm-generic/unistd.h
_SOL_PACKET, _PACKET_STATISTICS = 263, 6  # linux/socket.h, linux/if_packet.h
_SO_GET_FILTER = 26  # asm-generic/socket.h
PAGE = os.sysconf("SC_PAGESIZE")
_PRESENT, _FRAME_NUMBER = 1 << 63, (1 << 55) - 1  # Documentation/admin-guide/mm/pagemap.rst
_INSTRUCTION = struct.Struct("=HBBI")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class PacketStatistics:
    """Frames that passed the filter (dropped ones included), and frames dropped for want of room."""

    packets: int
    drops: int

    def __add__(self, other: PacketStatistics) -> PacketStatistics:
        return PacketStatistics(self.packets + other.packets, self.drops + other.drops)


class PacketSocket:
    """A copy of a process's capture socket. A context manager: leaving it closes the copy."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def __enter__(self) -> PacketSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def statistics(self) -> PacketStatistics:
        """Counts since the last call; the kernel starts again at 0."""
        data = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
        packets, drops = struct.unpack_from("=II", data)
        return PacketStatistics(packets, drops)

    def filter(self) -> list[tuple[int, int, int, int]]:
        """The program that runs on the socket as (code, jt, jf, k) rows; empty when there is none."""
        return list(_INSTRUCTION.iter_unpack(_get_filter(self._socket.fileno())))


def _get_filter(descriptor: int) -> bytes:
    """SO_GET_FILTER counts its length in instructions, not in bytes (socket(7) leaves that out)."""
    room = 65_536
    buffer = ctypes.create_string_buffer(room * _INSTRUCTION.size)
    length = ctypes.c_uint(room)
    done = _libc.getsockopt(descriptor, socket.SOL_SOCKET, _SO_GET_FILTER, buffer, ctypes.byref(length))
    if done != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return buffer.raw[: length.value * _INSTRUCTION.size]


def packet_sockets(pid: int) -> Iterator[PacketSocket]:
    """Every packet socket of a process."""
    inodes = _packet_inodes(pid)
    for entry in sorted(Path(f"/proc/{pid}/fd").iterdir()):
        target = os.readlink(entry)
        if target.startswith("socket:[") and int(target[8:-1]) in inodes:
            yield PacketSocket(_copy(pid, int(entry.name)))


def _packet_inodes(pid: int) -> set[int]:
    lines = Path(f"/proc/{pid}/net/packet").read_text().splitlines()[1:]
    return {int(line.split()[8]) for line in lines}


def _copy(pid: int, descriptor: int) -> int:
    pidfd = os.pidfd_open(pid)
    try:
        copy = int(_libc.syscall(_PIDFD_GETFD, pidfd, descriptor, 0))
    finally:
        os.close(pidfd)
    if copy < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return copy


def distinct_pages(pids: Iterable[int]) -> int:
    """How many pages of memory are mapped by at least one of the processes (proc(5): pagemap)."""
    found: set[int] = set()
    for pid in pids:
        with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
            for low, high in _mappings(pid):
                entries = array.array("Q", os.pread(pagemap.fileno(), (high - low) * 8, low * 8))
                found.update(entry & _FRAME_NUMBER for entry in entries if entry & _PRESENT)
    return len(found)


def _mappings(pid: int) -> Iterator[tuple[int, int]]:
    """First and last page number of each mapping of a process but the kernel's own."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if "[vsyscall]" not in line and "[vvar" not in line:
            low, _, high = line.split(maxsplit=1)[0].partition("-")
            yield int(low, 16) // PAGE, int(high, 16) // PAGE
