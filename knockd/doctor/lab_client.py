"""The client of the lab: it sends what the command knock sends, when it is told to, and says what has left.

World: sockets.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from knockd.client.hits import Hit, parse_hit
from knockd.client.knock import Send, Target, send_hits
from knockd.client.network import Destination, Unavailable, resolve_host, service_port
from knockd.client.plan import Signed
from knockd.client.senders import sender
from knockd.client.signed_sender import open_signed
from knockd.client.status import Refused
from knockd.doctor.lab import CLIENT, LabError, Peer, join
from knockd_conf.protocol import Protocol


def run_client(peer: Peer) -> int:
    """Does what the server's side asks for, one thing after the other, until that has ended."""
    while True:
        asked = peer.receive()
        if "join" in asked:
            _join(peer, **asked["join"])
        else:
            _knock(peer, asked["knock"])


def _join(peer: Peer, *, mine: str, other: str, version: int) -> None:
    try:
        join(CLIENT, mine, other, version)
    except LabError as error:
        peer.send(failed=str(error))
    else:
        peer.send(joined=True)


def _knock(peer: Peer, asked: Mapping[str, Any]) -> None:
    """Knocks: tells of each packet that it has left, or why it has not, and at the end that it is done."""
    hits = [parse_hit(text, service_port) for text in asked["ports"]]
    tcp = any(hit.protocol is Protocol.TCP for hit in hits)
    destination = resolve_host(asked["host"], asked["version"])
    sent = 0
    sending: AbstractContextManager[Send]

    def complain(_deed: str, error: OSError, _where: Destination) -> None:
        nonlocal sent
        peer.send(unsent=sent, reason=os.strerror(error.errno) if error.errno else str(error))
        sent += 1

    try:
        if asked["signed"] is not None:
            signed = open_signed(asked["host"], Signed(*asked["signed"]), lambda _: None)
            sending = nullcontext(signed.sender(destination))
        else:
            sending = sender(destination, asked["flags"] if tcp else None)
        with sending as send:

            def send_and_tell(hit: Hit) -> None:
                nonlocal sent
                send(hit)
                peer.send(left=sent)
                sent += 1

            send_hits(
                hits,
                [Target(destination, send_and_tell)],
                delay=asked["delay"],
                pause=time.sleep,
                announce=lambda _: None,
                complain=complain,
            )
    except (Unavailable, Refused) as error:
        peer.send(unavailable=str(error))
    peer.send(done=True)
