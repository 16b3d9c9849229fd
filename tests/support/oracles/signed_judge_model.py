"""What a server does with a signed knock, as docs/spec/signed-knock.md says it (section 9), slowly.

It was written from the page and shares nothing with the product: for each packet every minute, every key and
every door is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from tests.support.oracles import ed25519
from tests.support.oracles.signed_model import (
    UNBOUND,
    Knock,
    Opened,
    Signer,
    blob_of,
    door_digest_of,
    hint_of,
    message_of,
    minute_key_of,
    open_packet,
    signed_by,
    tag_of,
)

Address = IPv4Address | IPv6Address
Nets = tuple[IPv4Network | IPv6Network, ...]

VERBS = {1: "open", 2: "renew", 3: "close"}
EVERYBODY: Nets = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
NEVER = float("inf")


@dataclass(frozen=True)
class ModelDoor:
    """A door. ``file`` is that of the keys that may sign for it. ``expires``: when it is over.

    ``targets`` are the addresses of the server that it is knocked at; none: all.
    """

    name: str
    port: int = 47_811
    allow: Nets = EVERYBODY
    deny: Nets = ()
    expires: float = NEVER
    file: str = ""
    targets: tuple[Address, ...] = ()


@dataclass(frozen=True)
class ModelKey:
    """A line of a file: a public key that may knock, by a name of ours.

    ``expires``: the last time at which it counts.
    """

    name: str
    signer: Signer
    allow: Nets = EVERYBODY
    deny: Nets = ()
    expires: float = NEVER
    doors: frozenset[str] | None = None
    file: str = ""


@dataclass
class Server:
    """A server, and what counted: minute, key and nonce."""

    secret: bytes
    doors: tuple[ModelDoor, ...]
    keys: tuple[ModelKey, ...]
    used: set[tuple[int, str, bytes]] = field(default_factory=set)


@dataclass(frozen=True)
class Counts:
    """A packet counts."""

    verb: str
    door: str
    key: str


@dataclass(frozen=True)
class Refuses:
    """A packet does nothing; ``word`` is that of the page."""

    word: str


def judge(
    server: Server, seconds: float, source: str, destination: str, port: int, packet: bytes
) -> Counts | Refuses:
    """What becomes of a packet, of which it is noted that it has counted."""
    if len(packet) != 124:
        return Refuses("length")
    now = int(seconds // 60)
    tagged = [m for m in (now - 1, now, now + 1) if m >= 0 and _tag(server, m) == packet[:4]]
    if not tagged:
        return Refuses("minute")
    for minute in tagged:
        read = open_packet(minute_key_of(server.secret, minute), packet)
        for key in server.keys:
            if read.hint == hint_of(minute_key_of(server.secret, minute), key.signer.public):
                return _judge_of(server, seconds, ip_address(source), destination, port, minute, key, read)
    return Refuses("key")


def _tag(server: Server, minute: int) -> bytes:
    return tag_of(minute_key_of(server.secret, minute))


def _judge_of(
    server: Server,
    seconds: float,
    source: Address,
    destination: str,
    port: int,
    minute: int,
    key: ModelKey,
    read: Opened,
) -> Counts | Refuses:
    """What becomes of a packet that is of a key and has not been changed by a stranger."""
    is_bound = read.bound == 1
    if read.verb not in VERBS or read.bound not in (0, 1) or is_bound == (read.address == UNBOUND):
        return Refuses("malformed")
    if read.reserved:
        return Refuses("malformed")
    doors = [one for one in server.doors if one.port == port and door_digest_of(one.name) == read.door_digest]
    if not doors:
        return Refuses("door")
    door = doors[0]
    lines = [one for one in server.keys if one.signer == key.signer and one.file == door.file]
    if not lines:
        return Refuses("key-doors")
    key = lines[0]
    if key.doors is not None and door.name not in key.doors:
        return Refuses("key-doors")
    if key.signer.application is None and (read.flags or read.counter):
        return Refuses("malformed")
    if seconds > key.expires:
        return Refuses("key-expired")
    if not _admits(source, key.allow, key.deny):
        return Refuses("key-from")
    if not _admits(source, door.allow, door.deny):
        return Refuses("access")
    if door.targets and ip_address(destination) not in door.targets:
        return Refuses("target")
    if seconds >= door.expires:
        return Refuses("door-expired")
    if is_bound and read.address != _packed(source):
        return Refuses("bound")
    if (minute, key.name, read.nonce) in server.used:
        return Refuses("repeated")
    if key.signer.application is not None and not read.flags & 1:
        return Refuses("touch")
    asked = Knock(
        server.secret, key.signer, minute, read.nonce, door.name, read.verb, read.bound, read.address
    )
    signed = signed_by(key.signer.application, read.flags, read.counter, blob_of(message_of(asked)))
    if not ed25519.is_right(key.signer.public, signed, read.signature):
        return Refuses("signature")
    server.used.add((minute, key.name, read.nonce))
    return Counts(VERBS[read.verb], door.name, key.name)


def _admits(source: Address, allow: Iterable[object], deny: Iterable[object]) -> bool:
    return _is_in(source, allow) and not _is_in(source, deny)


def _is_in(source: Address, networks: Iterable[object]) -> bool:
    return any(
        isinstance(one, IPv4Network | IPv6Network) and one.version == source.version and source in one
        for one in networks
    )


def _packed(source: Address) -> bytes:
    return source.packed if source.version == 6 else bytes(10) + b"\xff\xff" + source.packed
