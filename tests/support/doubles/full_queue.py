"""A queue of datagrams that takes no more, however long the machine lets queues be."""

from __future__ import annotations

import socket


def fill_queue(address: str) -> int:
    """Fills the queue of the Unix socket at ``address``; with how many datagrams.

    Each sender may send until its own buffer is full; net.unix.max_dgram_qlen decides whether that is enough.
    """
    count = before = 0
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(address)
            try:
                while True:
                    sender.send(b"full")
                    count += 1
            except BlockingIOError:
                if count == before:
                    return count
            before = count
