"""Messages of a fleet: sealed and unsealed they are the same, and no other bytes are a message."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from knockd.fleet.records import (
    DIRECT,
    MAX_NAME,
    MAX_SECONDS,
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

KEY = b"some key of a fleet"
SEAL = Seal(KEY, "home")

ids = st.integers(0, (1 << 64) - 1).map(lambda number: f"{number:016x}")
nonces = ids | st.just("")
names = st.text(min_size=1, max_size=MAX_NAME)
whole = st.integers(0, (1 << 62) - 1)
times = st.floats(allow_nan=False, allow_infinity=False)
addresses = (
    st.integers(0, (1 << 32) - 1).map(IPv4Address) | st.integers(0, (1 << 128) - 1).map(IPv6Address)
).map(str)
rows = st.builds(
    Row, names, addresses, st.none() | st.floats(0, MAX_SECONDS), st.builds(Version, whole, nonces)
)
wants = st.builds(Want, st.booleans(), times)
BODIES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.HELLO: st.builds(Hello, nonces, st.booleans(), st.floats(0.1, 3600)),
    Kind.ASK: ids,
    Kind.PROOF: st.builds(Proof, ids, nonces, times, st.booleans()),
    Kind.WANT: wants,
    Kind.STATE: st.builds(State, wants, st.lists(rows, max_size=5).map(tuple), times, st.booleans()),
    Kind.CHANGE: rows,
    Kind.USED: st.binary(min_size=32, max_size=32).map(bytes.hex),
    Kind.BYE: st.none(),
}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message that a gateway can make."""
    kind = draw(st.sampled_from(Kind))
    to = draw(ids) if kind in DIRECT else ""
    return Message(
        kind, draw(ids), draw(names), to, draw(whole), draw(whole), draw(times), draw(BODIES[kind])
    )


@given(messages())
def test_round_trip(message: Message) -> None:
    """What is sealed is unsealed as it was, by the same key and name only."""
    data = SEAL.seal(message)
    assert message == SEAL.unseal(data)
    for other in (Seal(KEY, "lab"), Seal(KEY[1:], "home")):
        assert not opens(other, data)


@given(messages(), st.data())
def test_changed(message: Message, data: st.DataObject) -> None:
    """A message of which any byte is another one is forged."""
    sealed = bytearray(SEAL.seal(message))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    assert not opens(SEAL, bytes(sealed))


@given(st.binary(max_size=400))
@example(b"")
def test_any_bytes(data: bytes) -> None:
    """Without the key any bytes are forged, and nothing else is raised."""
    assert not opens(SEAL, data)


texts = st.recursive(
    st.none() | st.booleans() | st.integers() | times | st.text(max_size=20) | names | ids | addresses,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(texts | messages().map(lambda message: [message.kind.value, *message[1:]]), texts, st.integers(0, 8))
def test_another_form(found: Any, other: Any, place: int) -> None:
    """With the key, whatever stands in it: it is a message in its bounds, the same again, or forged."""
    if isinstance(found, list) and place < len(found):
        found[place] = other
    text = json.dumps(found).encode()
    data = KeyedHash(KEY, b"knockd fleet 1 message\nhome\n").digest(text) + text
    try:
        message = SEAL.unseal(data)
    except ForgedError:
        return
    assert message == SEAL.unseal(SEAL.seal(message))


def opens(seal: Seal, data: bytes) -> bool:
    """Whether these bytes are a message."""
    try:
        seal.unseal(data)
    except ForgedError:
        return False
    return True
