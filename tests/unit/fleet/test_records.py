"""Messages of a fleet: what one seals another unseals, and nothing that nobody has sealed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knockd.fleet.records import (
    MAX_NAME,
    MAX_RECORD,
    MAX_SECONDS,
    MOST_ROWS,
    OLDEST,
    ForgedError,
    Hello,
    Kind,
    Message,
    Proof,
    Row,
    Seal,
    State,
    Version,
    Want,
)
from knockd_conf.hashes import KeyedHash

KEY = b"k" * 32
SEAL = Seal(KEY, "home")
RUN, OTHER, NONCE = "0123456789abcdef", "fedcba9876543210", "00000000000000aa"
ROW = Row("ssh", "192.0.2.1", 60.5, Version(7, RUN))
BODIES: dict[Kind, Any] = {
    Kind.HELLO: Hello(NONCE, whole=True, every=5.0),
    Kind.ASK: NONCE,
    Kind.PROOF: Proof(NONCE, "", 1_780_000_000.5, whole=False),
    Kind.WANT: Want(own=True, after=12.25),
    Kind.STATE: State(Want(own=False, after=0.0), (ROW, ROW._replace(version=OLDEST)), 9.5, more=True),
    Kind.CHANGE: ROW,
    Kind.USED: "ab" * 32,
    Kind.BYE: None,
}
DIRECT = {Kind.ASK, Kind.PROOF, Kind.WANT, Kind.STATE}


def make(kind: Kind = Kind.CHANGE, body: Any = ROW) -> Message:
    """A message of some kind."""
    return Message(kind, RUN, "gw1", OTHER if kind in DIRECT else "", 3, 2, 99.125, body)


def sealed(text: bytes, prefix: bytes = b"knockd fleet 1 message\nhome\n") -> bytes:
    """A text that somebody with the key has sealed, whatever it says."""
    return KeyedHash(KEY, prefix).digest(text) + text


def written(kind: Kind, **changes: Any) -> bytes:
    """A message with the key's code, in which some places say something else: ``p3`` is the fourth place."""
    found = json.loads(SEAL.seal(make(kind, BODIES[kind]))[32:])
    for place, value in changes.items():
        found[int(place.removeprefix("p"))] = value
    return sealed(json.dumps(found).encode())


@pytest.mark.parametrize("kind", Kind)
def test_round_trip(kind: Kind) -> None:
    """Each kind of message is unsealed as it was sealed."""
    message = make(kind, BODIES[kind])
    assert message == SEAL.unseal(SEAL.seal(message))


def test_the_code_is_hmac_sha_256_of_what_follows() -> None:
    """Another program can check the code by RFC 2104: the key, the fleet's name in front of the text."""
    import hashlib
    import hmac

    data = SEAL.seal(make())
    assert hmac.digest(KEY, b"knockd fleet 1 message\nhome\n" + data[32:], hashlib.sha256) == data[:32]


def test_every_changed_byte_is_seen() -> None:
    """A message of which one bit is another one is forged."""
    data = SEAL.seal(make())
    for place in range(len(data)):
        with pytest.raises(ForgedError):
            SEAL.unseal(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 31, b"\0" * 32, SEAL.seal(make())[:-1], SEAL.seal(make()) + b" "]
)
def test_cut_and_lengthened(data: bytes) -> None:
    """A message without its end, or with more behind it, is forged."""
    with pytest.raises(ForgedError):
        SEAL.unseal(data)


@pytest.mark.parametrize("seal", [Seal(b"another", "home"), Seal(KEY, "other"), Seal(KEY, "lab")])
def test_another_fleet(seal: Seal) -> None:
    """What a fleet with another key or another name has sealed is forged."""
    with pytest.raises(ForgedError):
        SEAL.unseal(seal.seal(make()))


def test_a_mark_is_no_code() -> None:
    """What stands in the store for a used knock is not the code of a message of the same text."""
    text = SEAL.seal(make())[32:]
    mark = SEAL.mark(text.decode())
    assert mark != SEAL.seal(make())[:32].hex()
    with pytest.raises(ForgedError):
        SEAL.unseal(bytes.fromhex(mark) + text)


def test_marks() -> None:
    """The same knock has the same mark at all gateways, and each fleet has its own."""
    assert Seal(KEY, "home").mark("a") == SEAL.mark("a")
    assert (
        len({SEAL.mark("a"), SEAL.mark("b"), Seal(KEY, "lab").mark("a"), Seal(b"x", "home").mark("a")}) == 4
    )
    assert len(SEAL.mark("a")) == 64


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"[1,2,3,4,5,6,7,8,9]",
        b"\xff",
        b'["bye","0123456789abcdef","gw1","",3,2,NaN,null]',
        b'["bye","0123456789abcdef","gw1","",3,2,1e999,null]',
        b'["bye","0123456789abcdef","gw1","",' + b"9" * 5000 + b",2,1,null]",
        b"[" * 100_000,
    ],
    ids=lambda text: text[:20],
)
def test_another_form(text: bytes) -> None:
    """What has the key's code but not the form of a message is forged, and nothing else happens."""
    with pytest.raises(ForgedError):
        SEAL.unseal(sealed(text))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.BYE, {"p0": "open"}),
        (Kind.BYE, {"p1": "0123456789ABCDEF"}),
        (Kind.BYE, {"p1": "0123"}),
        (Kind.BYE, {"p2": ""}),
        (Kind.BYE, {"p2": "x" * (MAX_NAME + 1)}),
        (Kind.BYE, {"p3": OTHER}),
        (Kind.WANT, {"p3": ""}),
        (Kind.WANT, {"p3": None}),
        (Kind.BYE, {"p4": -1}),
        (Kind.BYE, {"p4": 1.5}),
        (Kind.BYE, {"p4": True}),
        (Kind.BYE, {"p4": 1 << 62}),
        (Kind.BYE, {"p5": "1"}),
        (Kind.BYE, {"p6": "1"}),
        (Kind.BYE, {"p6": False}),
        (Kind.BYE, {"p7": []}),
        (Kind.HELLO, {"p7": ["", 1, 5.0]}),
        (Kind.HELLO, {"p7": ["", True, 0]}),
        (Kind.HELLO, {"p7": ["", True, 1e308]}),
        (Kind.HELLO, {"p7": ["", True]}),
        (Kind.HELLO, {"p7": ["nonce", True, 5.0]}),
        (Kind.ASK, {"p7": ""}),
        (Kind.PROOF, {"p7": ["", "", 1.0, True]}),
        (Kind.WANT, {"p7": [1, 2.0]}),
        (Kind.STATE, {"p7": [[True, 0.0], [["ssh", "192.0.2.1", 1, 1, RUN]] * (MOST_ROWS + 1), 0.0, False]}),
        (Kind.USED, {"p7": "ab"}),
        (Kind.USED, {"p7": "AB" * 32}),
        (Kind.CHANGE, {"p7": ["", "192.0.2.1", 1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "192.0.2.01", 1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "2001:DB8::1", 1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "fe80::1%;reboot;", 1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "host.example", 1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", 3221225985, 1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "192.0.2.1", -1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "192.0.2.1", MAX_SECONDS + 1, 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "192.0.2.1", "1", 1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "192.0.2.1", 1, -1, RUN]}),
        (Kind.CHANGE, {"p7": ["ssh", "192.0.2.1", 1, 1, "run"]}),
        (Kind.CHANGE, {"p7": ["ssh", "192.0.2.1", 1, 1]}),
    ],
)
def test_parts(kind: Kind, changes: dict[str, Any]) -> None:
    """Each part of a message has its form and its bounds."""
    with pytest.raises(ForgedError):
        SEAL.unseal(written(kind, **changes))


def test_an_address_has_no_zone() -> None:
    """What goes into a command line is an address and nothing else: any text may stand behind a %."""
    with pytest.raises(ForgedError):
        SEAL.unseal(SEAL.seal(make(body=ROW._replace(address="fe80::1%$(reboot)"))))


def test_the_longest_message() -> None:
    """A message with the most rows of the longest names fits, whatever script the names are in."""
    row = Row(
        "\U0001f6aa" * MAX_NAME, "2001:db8:1111:2222:3333:4444:5555:6666", MAX_SECONDS, Version(1 << 61, RUN)
    )
    message = make(Kind.STATE, State(Want(own=True, after=1.5), (row,) * MOST_ROWS, 2.5, more=True))
    data = SEAL.seal(message)
    assert len(data) <= MAX_RECORD
    assert message == SEAL.unseal(data)


def test_a_message_that_is_too_long() -> None:
    """A longer one is not looked at."""
    with pytest.raises(ForgedError, match="code"):
        SEAL.unseal(sealed(b" " * MAX_RECORD))
