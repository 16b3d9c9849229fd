"""Frames off one interface through libpcap. Files are read by capture_file.py.

The filter is attached to the capture's socket with SO_ATTACH_FILTER, so a change has no
deaf window; where the kernel does not take it, libpcap gets the filter as text.

World: libpcap.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pcapy

from knockd.knocks.prefilter import SNAPLEN
from knockd.worker.capture import (
    SMALLEST_BUFFER,
    CaptureError,
    NoSuchInterfaceError,
    interface_down,
    no_descriptor,
    no_permission,
    unusable_name,
)
from knockd.worker.packet_socket import attach_filter, prepare_socket
from knockd_conf.text import printable

_ERROR, _NO_SUCH_DEVICE, _PERMISSION_DENIED, _INTERFACE_NOT_UP = -1, -5, -8, -9  # pcap/pcap.h
_PCAP_D_IN = 1


class PcapCapture:
    """A Capture of libpcap."""

    def __init__(self, interface: str, *, latency: int, buffer: int) -> None:
        """Opens the interface, as ``open_capture`` says."""
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
        prepare_socket(self._socket)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return int(self._reader.getfd())

    def attach(self, program: bytes, text: Callable[[], str]) -> bool:
        """Replaces the filter; False where libpcap made a program of its own."""
        try:
            attach_filter(self._socket, program, self.interface)
        except OSError as refused:
            try:
                self._reader.setfilter(text())
            except pcapy.PcapError as error:
                raise CaptureError(
                    f"{self.interface}: the kernel refused the filter ({refused}), libpcap too ({error})"
                ) from error
            return False
        return True

    def read(self, most: int) -> tuple[bytes, bytes]:
        """Up to ``most`` frames that are there."""
        try:
            data, records = self._reader.next_batch(most)
        except pcapy.PcapError as error:
            raise CaptureError(f"{printable(self.interface)}: {error}") from error
        return data, records

    def ring(self) -> int | None:
        """Bytes of the ring that the kernel gave (libpcap asks for less and less by itself); opens a file."""
        inode = os.fstat(self.fileno()).st_ino
        with (
            suppress(OSError),  # no /proc, or no descriptor is left
            open("/proc/self/maps", encoding="utf-8", errors="replace") as maps,
        ):
            for line in maps:
                if line.endswith(f"socket:[{inode}]\n"):
                    low, high = (int(bound, 16) for bound in line.split(maxsplit=1)[0].split("-"))
                    return high - low
            return 0
        return None

    def counts(self) -> tuple[int, int]:
        """Frames that passed the filter, and those that had no room; libpcap counts with 32 bits."""
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
        raise unusable_name(interface) from error
    except pcapy.PcapError as error:
        raise _opening_error(interface, str(error)) from error


def _opening_error(interface: str, reason: str) -> CaptureError:
    """libpcap's reasons end with strerror(3)."""
    if reason.endswith(os.strerror(errno.EMFILE)):
        return no_descriptor(interface)
    return CaptureError(f"{printable(interface)}: {reason}")


def _activation_error(interface: str, status: int) -> CaptureError:
    if status == _NO_SUCH_DEVICE:
        return NoSuchInterfaceError(printable(interface))
    if status == _PERMISSION_DENIED:
        return no_permission(interface)
    if status == _INTERFACE_NOT_UP:
        return interface_down(interface)
    try:  # libpcap does not say why it has no socket
        socket.socket(socket.AF_UNIX).close()
    except OSError as error:
        return _opening_error(interface, str(error.strerror))
    return CaptureError(f"{printable(interface)}: libpcap could not open it (error {status})")
