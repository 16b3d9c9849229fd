"""The packet of a signed knock: made, read again, and of no known key once a bit is another one."""

from __future__ import annotations

import pytest

from knockd_conf.signed_packet import (
    LAST_MINUTE,
    UNBOUND,
    MinuteKeys,
    Request,
    Verb,
    derive_minute,
    nonce_of,
    pack_bound,
    select_door,
)
from knockd_conf.signed_sizes import SIZE

SECRET, PUBLIC, NONCE = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 80))
KEYS = MinuteKeys(29_400_000, derive_minute(SECRET, 29_400_000))
REQUEST = Request(Verb.OPEN, 0, select_door("ssh"), 0, 0, 0, UNBOUND, bytes(range(64)))
PACKET = KEYS.seal(PUBLIC, NONCE, REQUEST)


def test_there_and_back() -> None:
    """Who has the secret reads what was sealed."""
    assert len(PACKET) == SIZE
    assert PACKET[:4] == KEYS.tag
    assert nonce_of(PACKET) == NONCE
    assert KEYS.unmask(PACKET) == REQUEST
    assert KEYS.unmask_hint(PACKET) == KEYS.hint_of(PUBLIC)


def test_hints_of_many() -> None:
    """The hints of many packets are those of each, in their order; of none there are none."""
    packets = [KEYS.seal(bytes([n]) * 32, bytes([n]) * 16, REQUEST) for n in range(5)]
    assert [KEYS.hint_of(bytes([n]) * 32) for n in range(5)] == KEYS.unmask_hints(packets)
    assert [] == KEYS.unmask_hints([])


@pytest.mark.parametrize("bit", range(32, 8 * SIZE))
def test_a_changed_bit(bit: int) -> None:
    """Behind the tag no bit can be changed without making the hint another one."""
    changed = bytearray(PACKET)
    changed[bit // 8] ^= 1 << bit % 8
    assert KEYS.unmask_hint(bytes(changed)) != KEYS.hint_of(PUBLIC)


@pytest.mark.parametrize(
    ("request_", "regular"),
    [
        (REQUEST, True),
        (REQUEST._replace(verb=3), True),
        (REQUEST._replace(verb=0), False),
        (REQUEST._replace(verb=4), False),
        (REQUEST._replace(bound=1), False),
        (REQUEST._replace(bound=2), False),
        (REQUEST._replace(address=pack_bound(bytes(3) + b"\1")), False),
        (REQUEST._replace(bound=1, address=pack_bound(bytes(3) + b"\1")), True),
        (REQUEST._replace(reserved=1), False),
    ],
)
def test_regular(request_: Request, regular: bool) -> None:
    """What version 1 does not have is no request."""
    assert request_.is_regular is regular


@pytest.mark.parametrize("minute", [-1, LAST_MINUTE + 1, 2**64])
def test_minutes_that_there_are_not(minute: int) -> None:
    """A clock before the epoch has no minute, and nothing else raises for it."""
    with pytest.raises(ValueError, match=f"expected a minute from 0 to 9007199254740991, got {minute}"):
        derive_minute(SECRET, minute)
