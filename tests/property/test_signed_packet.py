"""Packets of signed knocks: what was sealed is read again, ours and the slow model's are the same bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from knockd_conf.signed_packet import (
    LAST_MINUTE,
    MinuteKeys,
    Request,
    blob_of,
    derive_host,
    derive_minute,
    message_of,
    nonce_of,
    select_door,
)
from knockd_conf.signed_sizes import SIZE
from tests.support.oracles import signed_model as model

secrets = st.binary(min_size=32, max_size=32)
minutes = st.one_of(st.integers(0, LAST_MINUTE), st.sampled_from([0, 1, 29_934_720, 2**32, LAST_MINUTE]))
nonces = st.binary(min_size=16, max_size=16)
publics = st.binary(min_size=32, max_size=32)
doors = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)

requests = st.builds(
    Request,
    verb=st.integers(0, 255),
    bound=st.integers(0, 255),
    selector=st.binary(min_size=8, max_size=8),
    sk_flags=st.integers(0, 255),
    sk_counter=st.integers(0, 2**32 - 1),
    reserved=st.integers(0, 255),
    address=st.binary(min_size=16, max_size=16),
    signature=st.binary(min_size=64, max_size=64),
)


@given(secret=secrets, minute=minutes, public=publics, nonce=nonces, request=requests)
def test_there_and_back(secret: bytes, minute: int, public: bytes, nonce: bytes, request: Request) -> None:
    """Whoever has the secret reads what was sealed, whatever is in it."""
    keys = MinuteKeys(minute, derive_minute(secret, minute))
    packet = keys.seal(public, nonce, request)
    assert len(packet) == SIZE
    assert packet[:4] == keys.tag
    assert nonce_of(packet) == nonce
    assert keys.unmask_hint(packet) == keys.hint_of(public)
    assert keys.unmask(packet) == request


@given(
    secret=secrets,
    public=publics,
    nonce=nonces,
    request=requests,
    bits=st.sets(st.integers(32, 8 * SIZE - 1), min_size=1, max_size=900),
)
def test_any_change_makes_it_a_packet_of_nobody(
    secret: bytes, public: bytes, nonce: bytes, request: Request, bits: set[int]
) -> None:
    """However many bits behind the tag are turned, the hint is that of no key then."""
    keys = MinuteKeys(7, derive_minute(secret, 7))
    packet = keys.seal(public, nonce, request)
    turned = int.from_bytes(packet, "big") ^ sum(1 << 8 * SIZE - 1 - bit for bit in bits)
    changed = turned.to_bytes(SIZE, "big")
    assert changed[:4] == packet[:4]
    assert keys.unmask_hint(changed) != keys.hint_of(public)


@given(packet=st.binary(min_size=SIZE, max_size=SIZE), secret=secrets)
def test_any_bytes_can_be_read(packet: bytes, secret: bytes) -> None:
    """Nothing raises for any bytes of the right length; what is read is sealed to the same bytes again."""
    keys = MinuteKeys(7, derive_minute(secret, 7))
    request = keys.unmask(packet)
    again = keys.seal(bytes(32), nonce_of(packet), request)
    assert again[12:] == packet[12:]
    opened = model.open_packet(keys.key, packet)
    assert request == Request(
        opened.verb,
        opened.bound,
        opened.door_digest,
        opened.flags,
        opened.counter,
        opened.reserved,
        opened.address,
        opened.signature,
    )
    assert keys.unmask_hint(packet) == opened.hint


@given(
    secret=secrets,
    minute=minutes,
    public=publics,
    nonce=nonces,
    door=doors,
    request=requests,
    application=st.sampled_from([None, "ssh:", "ssh:knocks"]),
)
def test_equals_the_slow_model(
    secret: bytes,
    minute: int,
    public: bytes,
    nonce: bytes,
    door: str,
    request: Request,
    application: str | None,
) -> None:
    """Host, keys, message, blob and packet are those that were written from the page."""
    request = request._replace(selector=select_door(door))
    signer = model.Signer(public, "", application)
    knock = model.Knock(
        secret,
        signer,
        minute,
        nonce,
        door,
        request.verb,
        request.bound,
        request.address,
        request.sk_flags,
        request.sk_counter,
        request.reserved,
    )
    expected = model.make_packet(knock, request.signature)
    keys = MinuteKeys(minute, derive_minute(secret, minute))
    host = derive_host(secret)
    message = message_of(host, minute, nonce, request, door)
    assert message == expected.message
    assert blob_of(message) == expected.blob
    assert keys.seal(signer.public, nonce, request) == expected.packet


@given(
    st.lists(
        st.tuples(minutes, nonces, doors, st.integers(1, 3), st.integers(0, 1), nonces),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_no_two_requests_are_one_message(
    both: list[tuple[int, bytes, str, int, int, bytes]],
) -> None:
    """Whatever differs in what is asked for, other bytes are signed."""
    one, other = (
        message_of(
            bytes(32),
            minute,
            nonce,
            Request(verb, bound, select_door(door), 0, 0, 0, address, bytes(64)),
            door,
        )
        for minute, nonce, door, verb, bound, address in both
    )
    assert one != other
