"""Valid packets of signed knocks, and what an attacker can make of them: with the knock secret and without.

None of what is made here may count, since nobody but the keys' owners can sign: each function returns a
packet that differs from every valid one in something that is signed, or in its form.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nacl.signing import SigningKey

from knockd_conf.signed_packet import (
    LAST_MINUTE,
    UNBOUND,
    MinuteKeys,
    Request,
    Verb,
    blob_of,
    derive_host,
    derive_minute,
    message_of,
    pack_bound,
    select_door,
)
from knockd_conf.signed_sizes import NONCE, SIGNATURE, SIZE, TAG
from tests.support.oracles import ed25519
from tests.support.oracles.signed_model import Signer, signed_by


class Valid(NamedTuple):
    """A packet that counts if nothing is changed, and what it is made of. ``source`` is packed."""

    minute: int
    signer: Signer
    door: str
    nonce: bytes
    request: Request
    packet: bytes
    source: bytes


class World:
    """Who attacks one server: he has heard ``heard``, and may know what its clients know."""

    def __init__(self, secret: bytes, signers: Sequence[Signer], doors: Sequence[str], seed: int) -> None:
        self.random = random.Random(seed)
        self.secret, self.signers, self.doors = secret, tuple(signers), tuple(doors)
        self.host = derive_host(secret)
        self.heard: list[Valid] = []
        self._keys: dict[int, MinuteKeys] = {}
        self._signing = {signer: SigningKey(signer.seed) for signer in signers}
        self._publics = {signer: key.verify_key.encode() for signer, key in self._signing.items()}

    def keys(self, minute: int) -> MinuteKeys:
        """What is derived for a minute."""
        if minute not in self._keys:
            if len(self._keys) > 16:
                self._keys.clear()
            self._keys[minute] = MinuteKeys(minute, derive_minute(self.secret, minute))
        return self._keys[minute]

    def public_of(self, signer: Signer) -> bytes:
        """A public key, which everybody may have."""
        return self._publics[signer]

    def hear(self, minute: int, source: bytes) -> Valid:
        """A valid packet of a minute, of any key for any door, is sent from ``source``, and never arrives."""
        toss = self.random
        signer, door, nonce = toss.choice(self.signers), toss.choice(self.doors), toss.randbytes(NONCE)
        bound = toss.randrange(2)
        hardware = (
            (0, 0) if signer.application is None else (1 | toss.randrange(2) << 2, toss.randrange(2**32))
        )
        address = pack_bound(source) if bound else UNBOUND
        request = Request(toss.choice(list(Verb)), bound, select_door(door), *hardware, 0, address, b"")
        request = request._replace(signature=self._sign(signer, minute, nonce, request, door))
        packet = self.seal(signer, minute, nonce, request)
        self.heard = [*self.heard[-31:], Valid(minute, signer, door, nonce, request, packet, source)]
        return self.heard[-1]

    def seal(self, signer: Signer, minute: int, nonce: bytes, request: Request) -> bytes:
        """What whoever has the secret can make of anything."""
        return self.keys(minute).seal(self._publics[signer], nonce, request)

    def _sign(self, signer: Signer, minute: int, nonce: bytes, request: Request, door: str) -> bytes:
        blob = blob_of(message_of(self.host, minute, nonce, request, door))
        signed = signed_by(signer.application, request.sk_flags, request.sk_counter, blob)
        return self._signing[signer].sign(signed).signature

    def make(self, attack: Attack) -> tuple[Valid, bytes]:
        """A packet that was heard, and what an attack makes of it; never one that is valid itself."""
        while True:
            one = self.random.choice(self.heard)
            made = attack(self, one)
            if all(made != valid.packet for valid in self.heard):
                return one, made

    def other(self, one: Valid) -> Valid:
        """Another packet that was heard."""
        others = [two for two in self.heard if two.nonce != one.nonce]
        return self.random.choice(others)


Attack = Callable[[World, Valid], bytes]
"""Makes a packet of one that was heard; it may be of another length."""


def _flip(world: World, data: bytes, most: int) -> bytes:
    """Some bits are turned."""
    toss, changed = world.random, bytearray(data)
    for bit in toss.sample(range(8 * len(data)), toss.randint(1, most)):
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flip_bits(world: World, one: Valid) -> bytes:
    """A few bits behind the tag."""
    return one.packet[:TAG] + _flip(world, one.packet[TAG:], 8)


def flip_any(world: World, one: Valid) -> bytes:
    """A few bits anywhere."""
    return _flip(world, one.packet, 4)


def overwrite(world: World, one: Valid) -> bytes:
    """A run of random bytes."""
    at = world.random.randrange(TAG, SIZE - 8)
    length = world.random.randint(8, SIZE - at)
    return one.packet[:at] + world.random.randbytes(length) + one.packet[at + length :]


def join_two(world: World, one: Valid) -> bytes:
    """The beginning of one packet and the end of another."""
    at = world.random.randrange(TAG + 1, SIZE)
    return one.packet[:at] + world.other(one).packet[at:]


def swap_hints(world: World, one: Valid) -> bytes:
    """The masked hint of another packet."""
    return one.packet[:TAG] + world.other(one).packet[TAG:12] + one.packet[12:]


def retag(world: World, one: Valid) -> bytes:
    """The tag of the minute before or after."""
    minute = one.minute + world.random.choice((-1, 1))
    return world.keys(minute).tag + one.packet[TAG:]


def randomise(world: World, one: Valid) -> bytes:
    """Random bytes behind a live tag."""
    return one.packet[:TAG] + world.random.randbytes(SIZE - TAG)


def change_length(world: World, one: Valid) -> bytes:
    """Too short, or too long."""
    if world.random.randrange(2):
        return one.packet[: world.random.randrange(SIZE)]
    return one.packet + world.random.randbytes(world.random.randint(1, 40))


OUTSIDER: tuple[Attack, ...] = (
    flip_bits,
    flip_any,
    overwrite,
    join_two,
    swap_hints,
    retag,
    randomise,
    change_length,
)
"""What somebody can do who has heard packets and lacks the secret."""


def _reseal(world: World, one: Valid, **changed: object) -> bytes:
    return world.seal(one.signer, one.minute, one.nonce, one.request._replace(**changed))  # type: ignore[arg-type]


def change_verb(world: World, one: Valid) -> bytes:
    """Another verb, known or not."""
    return _reseal(
        world, one, verb=world.random.choice([v for v in (*range(5), 255) if v != one.request.verb])
    )


def change_door(world: World, one: Valid) -> bytes:
    """Another door, which may be there or not."""
    others = [select_door(door) for door in world.doors if door != one.door]
    return _reseal(world, one, selector=world.random.choice([*others, world.random.randbytes(8)]))


def bind_elsewhere(world: World, one: Valid) -> bytes:
    """Bound to where the attacker is, though it was not, or to somewhere else."""
    others = [pack_bound(world.random.randbytes(4)), world.random.randbytes(16), pack_bound(one.source)]
    address = world.random.choice([other for other in others if other != one.request.address])
    return _reseal(world, one, bound=1, address=address)


def unbind(world: World, one: Valid) -> bytes:
    """Not bound any more; of one that is not, bound to nothing."""
    return _reseal(world, one, bound=1 - one.request.bound, address=UNBOUND)


def turn_request(world: World, one: Valid) -> bytes:
    """Any bits of all that is in front of the signature."""
    request, address = one.request, one.request.address
    head = bytes((request.verb, request.bound)) + request.selector
    made = _flip(
        world,
        head + request.sk_flags.to_bytes(1, "big") + request.sk_counter.to_bytes(4, "big") + b"\0" + address,
        6,
    )
    return _reseal(
        world,
        one,
        verb=made[0],
        bound=made[1],
        selector=made[2:10],
        sk_flags=made[10],
        sk_counter=int.from_bytes(made[11:15], "big"),
        reserved=made[15],
        address=made[16:],
    )


def change_hardware(world: World, one: Valid) -> bytes:
    """Other flags or another counter than the key had."""
    toss, request = world.random, one.request
    flags, counter = toss.randrange(256), toss.randrange(2**32)
    if (flags, counter) == (request.sk_flags, request.sk_counter):
        flags ^= 4
    return _reseal(world, one, sk_flags=flags, sk_counter=counter)


def set_reserved(world: World, one: Valid) -> bytes:
    """The byte that has to be 0."""
    return _reseal(world, one, reserved=world.random.randint(1, 255))


def change_minute(world: World, one: Valid) -> bytes:
    """The same for another live minute, so that it counts longer."""
    minute = min(LAST_MINUTE, one.minute + world.random.choice((-1, 1)))
    return world.seal(one.signer, minute, one.nonce, one.request)


def change_nonce(world: World, one: Valid) -> bytes:
    """Another nonce, so that it counts again."""
    return world.seal(one.signer, one.minute, world.random.randbytes(NONCE), one.request)


def change_key(world: World, one: Valid) -> bytes:
    """In the name of another key."""
    other = world.random.choice([signer for signer in world.signers if signer != one.signer])
    return world.seal(other, one.minute, one.nonce, one.request)


def change_key_for_another(world: World, one: Valid) -> bytes:
    """In the name of another key, with flags that such a key may have."""
    other = world.random.choice([signer for signer in world.signers if signer != one.signer])
    hardware = (0, 0) if other.application is None else (1, one.request.sk_counter)
    request = one.request._replace(sk_flags=hardware[0], sk_counter=hardware[1])
    return world.seal(other, one.minute, one.nonce, request)


def turn_signature(world: World, one: Valid) -> bytes:
    """Some bits of the signature."""
    return _reseal(world, one, signature=_flip(world, one.request.signature, 4))


def add_order(world: World, one: Valid) -> bytes:
    """The number of the signature and the group's order, which gives the same point."""
    number = int.from_bytes(one.request.signature[32:], "little") + ed25519.L * world.random.randint(1, 8)
    signature = one.request.signature[:32] + number.to_bytes(32, "little")
    return _reseal(world, one, signature=signature)


def negate(world: World, one: Valid) -> bytes:
    """The point, the number or both of the other sign."""
    which = world.random.randint(1, 3)
    point, number = one.request.signature[:32], int.from_bytes(one.request.signature[32:], "little")
    if which & 1:
        point = point[:31] + bytes((point[31] ^ 0x80,))
    if which & 2:
        number = ed25519.L - number
    return _reseal(world, one, signature=point + number.to_bytes(32, "little"))


def use_small_points(world: World, one: Valid) -> bytes:
    """Points of small order, and numbers for which a careless check holds for some messages."""
    point = world.random.choice(SMALL_POINTS)
    number = world.random.choice((0, 1, ed25519.L, ed25519.L - 1)).to_bytes(32, "little")
    return _reseal(world, one, signature=point + number)


def swap_signatures(world: World, one: Valid) -> bytes:
    """The signature of another packet, or half of it."""
    mine, other = one.request.signature, world.other(one).request.signature
    mixed = world.random.choice((other, mine[:32] + other[32:], other[:32] + mine[32:]))
    return _reseal(world, one, signature=mixed)


def make_up_signature(world: World, one: Valid) -> bytes:
    """Random bytes, or the same one 64 times."""
    made = world.random.choice(
        (world.random.randbytes(SIGNATURE), bytes((world.random.randrange(256),)) * 64)
    )
    return _reseal(world, one, signature=made)


def sign_oneself(world: World, one: Valid) -> bytes:
    """Signed by a key of the attacker, in the name of another."""
    blob = blob_of(message_of(world.host, one.minute, one.nonce, one.request, one.door))
    signed = signed_by(one.signer.application, one.request.sk_flags, one.request.sk_counter, blob)
    return _reseal(world, one, signature=ATTACKER.sign(signed).signature)


def swap_bodies(world: World, one: Valid) -> bytes:
    """The nonce of one packet and all else of another."""
    other = world.other(one)
    return world.seal(one.signer, one.minute, other.nonce, one.request)


INSIDER: tuple[Attack, ...] = (
    change_verb,
    change_door,
    bind_elsewhere,
    unbind,
    turn_request,
    change_hardware,
    set_reserved,
    change_minute,
    change_nonce,
    change_key,
    change_key_for_another,
    turn_signature,
    add_order,
    negate,
    use_small_points,
    swap_signatures,
    make_up_signature,
    sign_oneself,
    swap_bodies,
)
"""What somebody can do who has heard packets and has the secret."""

ATTACKER = SigningKey(b"attacker".ljust(32))
"""A key that may not knock."""

SMALL_POINTS = tuple(
    bytes.fromhex(one)
    for one in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)
"""The eight points whose order divides 8, as they are packed (of one the sign is the other one's)."""
