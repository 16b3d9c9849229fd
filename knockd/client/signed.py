"""The packet of a signed knock as the client makes it (docs/spec/signed-knock.md, sections 5 and 6).

Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.client.plan import Signed
from knockd.client.signature import Signature
from knockd_conf.signed_packet import (
    UNBOUND,
    MinuteKeys,
    Request,
    Verb,
    derive_host,
    derive_minute,
    message_of,
    select_door,
)
from knockd_conf.ssh_keys import PublicKey


def make_packet(
    signed: Signed,
    key: PublicKey,
    sign: Callable[[bytes], Signature],
    *,
    secret: bytes,
    minute: int,
    nonce: bytes,
    address: bytes = UNBOUND,
) -> bytes:
    """The packet. ``address`` is what ``pack_bound`` made of the only one that it counts from, or UNBOUND.

    ``sign`` makes the signature of a message by ``key``.
    """
    verb = Verb[signed.verb.upper()]
    asked = Request(verb, int(address != UNBOUND), select_door(signed.door), 0, 0, 0, address, b"")
    signature = sign(message_of(derive_host(secret), minute, nonce, asked, signed.door))
    complete = asked._replace(sk_flags=signature.flags, sk_counter=signature.counter, signature=signature.raw)
    return MinuteKeys(minute, derive_minute(secret, minute)).seal(key.public, nonce, complete)
