"""Tun devices: a network interface whose other end is a file descriptor (Linux's tuntap)."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import threading
from dataclasses import dataclass

DEVICE = "/dev/net/tun"
TUNSETIFF = 0x400454CA
TUNSETLINK = 0x400454CD
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
ARPHRD_PPP = 512
MTU = 65_536


@dataclass(frozen=True, slots=True)
class Tun:
    """One open tun device; reading ``fd`` takes the packets that its host sends."""

    name: str
    fd: int

    def close(self) -> None:
        """Close the descriptor; the interface goes away with it."""
        os.close(self.fd)


def open_tun(name: str, link_type: int | None = None) -> Tun:
    """Make a tun device in the network namespace of the calling thread.

    ``link_type`` is an ARPHRD number for the device to report. Raises OSError.
    """
    fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        if link_type is not None:
            fcntl.ioctl(fd, TUNSETLINK, link_type)
    except OSError:
        os.close(fd)
        raise
    return Tun(name, fd)


class Forwarder:
    """Carries packets between two tun devices in a thread of its own until closed."""

    def __init__(self, a: Tun, b: Tun) -> None:
        self._other = {a.fd: b.fd, b.fd: a.fd}
        self._wake, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="tun-forwarder", daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        poller = select.poll()
        for fd in (*self._other, self._wake):
            poller.register(fd, select.POLLIN)
        while True:
            for fd, _ in poller.poll():
                if fd == self._wake:
                    return
                self._move(fd)

    def _move(self, fd: int) -> None:
        """One packet across; a device that is down or full loses it, like any wire."""
        try:
            os.write(self._other[fd], os.read(fd, MTU))
        except OSError:
            return

    def close(self) -> None:
        """Stop carrying. The devices stay open."""
        os.close(self._stop)
        self._thread.join()
        os.close(self._wake)
