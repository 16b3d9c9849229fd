"""A packet of a signed knock is granted if it is as its key has signed it, and no other; nothing raises.

The first byte chooses one of a few valid packets, the second one what the rest is: 0 the whole packet instead
of it, 1 what is turned of it on its way (as somebody without the knock secret can), 2 what is turned of its
hint, nonce and body before they are masked (as somebody with it can).
"""

from __future__ import annotations

from knockd.knocks.signed_gate import Gate, Passed
from knockd.knocks.signed_watch import SignedMinute
from knockd.signed.values import Granted
from knockd_conf.model import Door
from knockd_conf.signed_packet import UNBOUND, MinuteKeys, Request, derive_minute, pack_bound
from knockd_conf.signed_sizes import HINT, NONCE, SIZE, TAG
from tests.support.doubles.judged_packets import PATH, JudgedServer
from tests.support.oracles.signed_cases import KEYS, MINUTE, SECRET, TOUCHED
from tests.support.oracles.signed_model import Knock, make_packet
from tests.support.samples.signed_vectors import KEYS as PUBLISHED

SOURCE = bytes((192, 0, 2, 7))
NOW = MINUTE * 60 + 30.0
PORT = 47_811
NAMES = ("alice", "token")
DOORS = [
    Door(name, "knockd.conf", 1, (), signed_port=PORT, authorized_keys=PATH) for name in ("ssh", "T\u00fcr")
]
LINES = {PATH: [PUBLISHED[name].line for name in NAMES]}
DERIVED = MinuteKeys(MINUTE, derive_minute(SECRET, MINUTE))


def _valid(number: int) -> bytes:
    """One of eight packets: of each key, open and close, bound and not."""
    name, verb, bound = NAMES[number & 1], 1 if number & 2 else 3, number >> 2 & 1
    knock = Knock(
        SECRET,
        KEYS[name],
        MINUTE,
        bytes([number]) * NONCE,
        DOORS[number & 1].name,
        verb,
        bound,
        pack_bound(SOURCE) if bound else UNBOUND,
        TOUCHED if number & 1 else 0,
        7 if number & 1 else 0,
    )
    return make_packet(knock).packet


VALID = tuple(map(_valid, range(8)))
SERVER = JudgedServer(SECRET, DOORS, LINES)
WATCHED = tuple(
    SignedMinute(one.keys.minute, one.keys.key, one.keys.tag, tuple(one.publics)) for one in SERVER.live(NOW)
)


def check(data: bytes) -> None:
    """Has the gate and the keeper judge a packet."""
    if len(data) < 2:
        return
    base, turned = VALID[data[0] % len(VALID)], data[2:].ljust(SIZE, b"\0")[:SIZE]
    kind = data[1] % 3
    packet = turned if kind == 0 else _xor(base, turned)
    if kind == 2:
        packet = _reseal(base, turned)
    gate, server = Gate(), JudgedServer(SECRET, DOORS, LINES)
    gate.set_minutes(WATCHED)
    passed = gate.judge(SOURCE, packet, 100.0)
    granted = isinstance(server.judge(NOW, packet, SOURCE), Granted)
    assert granted == (packet in VALID)
    assert not granted or isinstance(passed, Passed)
    assert not isinstance(server.judge(NOW, packet, SOURCE), Granted)


def _reseal(base: bytes, turned: bytes) -> bytes:
    """The packet with bits turned of hint, nonce and body; the tag stays."""
    request = DERIVED.unmask(base)
    nonce = _xor(base[TAG + HINT : TAG + HINT + NONCE], turned[TAG + HINT : TAG + HINT + NONCE])
    body = _xor(_pack(request), turned[TAG + HINT + NONCE :])
    public = PUBLISHED[NAMES[turned[TAG] % len(NAMES)]].public
    if not turned[TAG]:
        hint = DERIVED.unmask_hint(base)
        public = next(key.public for key in PUBLISHED.values() if DERIVED.hint_of(key.public) == hint)
    return DERIVED.seal(public, nonce, _unpack(body))


def _pack(request: Request) -> bytes:
    head = bytes((request.verb, request.bound)) + request.selector + bytes((request.sk_flags,))
    return head + request.sk_counter.to_bytes(4, "big") + bytes(1) + request.address + request.signature


def _unpack(body: bytes) -> Request:
    counter = int.from_bytes(body[11:15], "big")
    return Request(body[0], body[1], body[2:10], body[10], counter, body[15], body[16:32], body[32:])


def _xor(some: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(some, other, strict=True))
