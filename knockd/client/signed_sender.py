"""Signed knocks on their way: the secret is read, a key chosen, and each packet made when it is sent.

World: the time of day, sockets and files.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Final

from knockd.client import network
from knockd.client.choices import BIND_AUTO, BIND_NONE
from knockd.client.knock import Send
from knockd.client.network import Destination
from knockd.client.output import tell
from knockd.client.plan import Signed
from knockd.client.private_file import read_private
from knockd.client.signed import make_packet
from knockd.client.signers import Signer, open_signer
from knockd.client.status import CONFIG, TEMPORARY, USAGE, Refused
from knockd_conf.classes import NamedTuple
from knockd_conf.knock_secret import MAX_SIZE, parse_secret
from knockd_conf.signed_packet import MINUTE, UNBOUND, pack_bound
from knockd_conf.signed_sizes import NONCE
from knockd_conf.text import printable

ROUNDS: Final = 2
"""How often at most a packet is signed that was not ready within a minute."""


class Opened(NamedTuple):
    """What sends signed packets to an address, and what is told when none has helped."""

    sender: Callable[[Destination], Send]
    advice: tuple[str, ...]


def open_signed(host: str, signed: Signed, announce: Callable[[str], None]) -> Opened:
    """What sends the packets of a plan. Raises Refused, as do ``sender`` and what that returns.

    ``announce`` is told whose key signs.
    """
    secret = _read_secret(signed.secret)
    signer = open_signer(signed.identity)
    announce(f"signing with {signer.name}")
    told: set[str] = set()

    def sender(where: Destination) -> Send:
        source = _find_source(signed.bind, where)

        def make(own: str) -> bytes:
            if signed.bind == BIND_NONE:
                return _sign(signed, signer, secret, UNBOUND)
            bound = source or own
            if bound not in told:
                told.add(bound)
                tell(_describe_bound(bound, host, where))
            return _sign(signed, signer, secret, pack_bound(socket.inet_pton(where.family, bound)))

        return lambda hit: network.send_made(where, hit.port, make, source)

    return Opened(sender, _advise(signed, signer))


def _read_secret(path: str) -> bytes:
    try:
        return parse_secret(read_private(path, MAX_SIZE, "knock secret"))
    except ValueError as error:
        raise Refused(CONFIG, f"knock secret {printable(path)}: {error}") from None


def _find_source(bind: str, where: Destination) -> str | None:
    """The address to send from that was asked for by itself; None: none was."""
    if bind in (BIND_NONE, BIND_AUTO):
        return None
    if (":" in bind) != (where.version == 6):
        expected = f"expected an address of IPv{where.version} with --bind, as {where.text} is one"
        raise Refused(USAGE, f"{expected}, got {bind}")
    return bind


def _sign(signed: Signed, signer: Signer, secret: bytes, address: bytes) -> bytes:
    """A packet of now, with a nonce of its own. Raises Refused."""
    for _ in range(ROUNDS):
        begun = time.time()
        minute, nonce = int(begun // MINUTE), os.urandom(NONCE)
        packet = make_packet(
            signed, signer.key, signer.sign, secret=secret, minute=minute, nonce=nonce, address=address
        )
        if time.time() - begun <= MINUTE:
            return packet
        tell("signing took longer than a minute, and the server would refuse the packet as too old")
    raise Refused(
        TEMPORARY, f"expected a signature within a minute, got none {ROUNDS} times; nothing was sent"
    )


def _describe_bound(address: str, host: str, where: Destination) -> str:
    from ipaddress import ip_address  # 5 ms, which only who binds an address needs

    text = f"the packet counts only where {host} sees it come from {address}"
    if ip_address(address).is_private and not ip_address(where.address).is_private:
        return f"{text}, a private address: behind a router with NAT knock with --bind none"
    return text


def _advise(signed: Signed, signer: Signer) -> tuple[str, ...]:
    bound = "" if signed.bind == BIND_NONE else ", or the address is bound and a router on the way changes it"
    return (
        f"if it says why it refused the knock: {signer.name} may not be authorized there, or not for a "
        f"door {printable(signed.door)!r} at port {signed.port}{bound}",
        f"if it says nothing: packets to UDP port {signed.port} may not get there, "
        f"{printable(signed.secret)} may be the secret of another server, or this machine's clock be off "
        "by more than a minute",
    )
