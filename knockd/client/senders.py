"""How hits get out: through a raw socket where TCP flags are asked for, else the ordinary way.

World: sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from knockd.client import network
from knockd.client.hits import Hit
from knockd.client.knock import Send
from knockd.client.network import Destination, advice, error_text
from knockd_conf.protocol import Protocol


@contextmanager
def sender(destination: Destination, flags: int | None) -> Iterator[Send]:
    """What sends a hit; ``flags`` is the flag byte of TCP packets, None an ordinary connection attempt.

    Raises Unavailable on entering when a raw socket is needed and cannot be had.
    """

    def plain(hit: Hit) -> None:
        network.send_hit(destination, hit)

    if flags is None:
        yield plain
        return

    from knockd.client.raw_socket import raw_sender

    with raw_sender(destination, flags) as raw:
        yield lambda hit: (raw if hit.protocol is Protocol.TCP else plain)(hit)


def failure(deed: str, error: OSError, destination: Destination) -> str:
    """The message for a packet that could not be sent."""
    reason = error_text(error.errno) if error.errno else str(error)
    hint = advice(error, destination)
    return f"{deed}: not sent: {reason}" + (f"; {hint}" if hint else "")
