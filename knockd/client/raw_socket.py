"""TCP hits with chosen flags, sent through a raw socket. Needs root or CAP_NET_RAW.

Nothing waits for answers: this machine's kernel refuses them, since no socket of its own asked.

World: raw sockets.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from knockd.client.hits import Hit
from knockd.client.network import Destination, Unavailable, own_address
from knockd.client.raw import Segment, builder
from knockd_conf.extras import explain_missing

NO_RIGHT = (
    "--flags expected the right to open a raw socket (CAP_NET_RAW), which this process lacks; "
    "run it as root (sudo knock ...), in a container add the capability (--cap-add NET_RAW), "
    "in a systemd unit set AmbientCapabilities=CAP_NET_RAW"
)

FIRST_SOURCE_PORT = 32_768
SOURCE_PORTS = 28_232
"""Source ports 32768 to 60999: what Linux uses (net.ipv4.ip_local_port_range)."""


@contextmanager
def raw_sender(destination: Destination, flags: int) -> Iterator[Callable[[Hit], None]]:
    """A function that sends one TCP packet with the flag byte ``flags`` for each hit.

    Source port and sequence number are random. Raises Unavailable on entering; the function
    raises OSError when a packet could not be sent.
    """
    try:
        build = builder()
    except ImportError as error:
        text = f"--flags {explain_missing('impacket', error)}, or knock without --flags"
        raise Unavailable(text, permission=False) from None
    try:
        # IPPROTO_RAW means that the IP header is ours too, for IPv4 and IPv6 alike (raw(7)).
        sock = socket.socket(destination.family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        raise Unavailable(NO_RIGHT, permission=True) from None
    with sock:

        def send(hit: Hit) -> None:
            segment = Segment(
                source=own_address(destination),
                destination=destination.address,
                source_port=FIRST_SOURCE_PORT + secrets.randbelow(SOURCE_PORTS),
                port=hit.port,
                flags=flags,
                sequence=secrets.randbits(32),
            )
            # The port of a raw socket's address is a protocol number: 0 leaves it as it is.
            sock.sendto(build(segment), destination.sockaddr(0))

        yield send
