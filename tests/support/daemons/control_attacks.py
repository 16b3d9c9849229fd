"""Clients that a control socket has to bear: ``python -m tests.support.daemons.control_attacks PATH KIND``.

Each goes on until it is killed, and comes back whenever it is turned away.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

INFO = b'{"method": "org.varlink.service.GetInfo"}\0'
DESCRIPTION = (
    b'{"method": "org.varlink.service.GetInterfaceDescription",'
    b' "parameters": {"interface": "org.knockd.Control"}}\0'
)
STATUS = b'{"method": "org.knockd.Control.Status", "more": true}\0'
CROWD = 100
"""Connections that are held at once."""

PAUSE = 0.001
"""Seconds between two tries: it is knockd that is to be busy, not the machine."""


def flood(path: str, call: bytes = INFO) -> None:
    """Calls as fast as they are answered."""
    with _connect(path) as end:
        while True:
            end.sendall(call)
            if not end.recv(65_536):
                return


def flood_with_status(path: str) -> None:
    """The same with the call that takes longest to answer."""
    flood(path, STATUS)


def run_ahead(path: str) -> None:
    """Calls without reading a single answer."""
    with _connect(path) as end:
        while True:
            end.sendall(DESCRIPTION * 100)


def stall(path: str) -> None:
    """Half a call, and then nothing."""
    with _connect(path) as end:
        end.sendall(INFO[:20])
        end.recv(1)


def trickle(path: str) -> None:
    """A call that never ends, byte by byte."""
    with _connect(path) as end:
        while True:
            end.sendall(b" ")


def send_garbage(path: str) -> None:
    """Random bytes, some of them the end of a message."""
    with _connect(path) as end:
        end.sendall(random.randbytes(70_000).replace(b"\1", b"\0") + b"[" * 60_000 + b"\0")
        end.recv(65_536)


def send_large(path: str) -> None:
    """The longest call that may be, of the kind that takes longest to read."""
    names = ",".join(f'"{number}":{number}' for number in range(5_000))
    call = f'{{"method": "org.knockd.Control.Status", "parameters": {{{names}}}}}'
    with _connect(path) as end:
        while True:
            end.sendall(call.encode()[:65_536] + b"\0")
            if not end.recv(65_536):
                return


def come_and_go(path: str) -> None:
    """Connects, and leaves at once."""
    _connect(path).close()


def crowd(path: str) -> None:
    """As many connections as can be had, each with a call that is not ended."""
    ends = []
    for _ in range(CROWD):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.setblocking(False)
        ends.append(end)
        with suppress(OSError):
            end.connect(path)
            end.send(INFO[:-1])
    time.sleep(0.2)
    for end in ends:
        end.close()


KINDS: Mapping[str, Callable[[str], None]] = {
    attack.__name__: attack
    for attack in (
        flood,
        flood_with_status,
        run_ahead,
        stall,
        trickle,
        send_garbage,
        send_large,
        come_and_go,
        crowd,
    )
}


def _connect(path: str) -> socket.socket:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.settimeout(10)
    end.connect(path)
    return end


def main(path: str, kind: str) -> None:
    """Attacks until it is killed."""
    os.chdir(os.path.dirname(path))  # a path that is longer than an address may be
    while True:
        with suppress(OSError):
            KINDS[kind](os.path.basename(path))
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
