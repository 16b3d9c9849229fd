"""What a packet process hands to the next one, as messages."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.knocks.events import Attempt
from knockd.process.handover import (
    MAX_HANDOVER,
    MOST_IN_ONE,
    MOST_STAMPS,
    Stamps,
    decode_handover,
    encode_handover,
)
from knockd.process.verbs import MalformedError

ATTEMPTS = st.builds(
    Attempt,
    st.integers(-(2**63), 2**63 - 1),
    st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16),
    st.integers(0, 32),
    st.floats(allow_nan=False, allow_infinity=False),
)
NAMES = st.text(st.characters(codec="utf-8"), max_size=15) | st.just("v\udcff")


STAMPS = st.lists(st.integers(0, 2**64 - 1), max_size=9)


@given(st.dictionaries(NAMES, STAMPS, max_size=3), st.lists(ATTEMPTS, max_size=9))
def test_as_it_was(stamps: dict[str, list[int]], attempts: list[Attempt]) -> None:
    """Stamps and attempts come as they were, in their order."""
    found = [decode_handover(message) for message in encode_handover(stamps, attempts)]
    assert {one.interface: one.stamps for one in found if isinstance(one, Stamps)} == stamps
    assert [attempt for one in found if not isinstance(one, Stamps) for attempt in one] == attempts


def test_in_parts() -> None:
    """No message is longer than the link takes."""
    many = [Attempt(1, bytes(16), 1, float(number)) for number in range(2 * MOST_IN_ONE + 1)]
    messages = [*encode_handover({"i" * 127: [2**60] * MOST_STAMPS}, many)]
    assert [len(decode_handover(message)) for message in messages[1:]] == [MOST_IN_ONE, MOST_IN_ONE, 1]
    assert max(map(len, messages)) <= MAX_HANDOVER


@pytest.mark.parametrize("message", [b"", b"S", b"S\4eth", b"S\4eth0\1", b"S\0\1", b"X", b"Ax"])
def test_no_stamps(message: bytes) -> None:
    """What is neither stamps nor attempts is malformed."""
    with pytest.raises(MalformedError):
        decode_handover(message)


def packed(**changed: Any) -> bytes:
    """One attempt."""
    (message,) = encode_handover({}, [Attempt(1, b"anna", 1, 1.0)._replace(**changed)])
    return message


@pytest.mark.parametrize(
    "message",
    [
        packed()[:-1],
        packed(stage=33),
        packed(source=b"three"),
        packed(since=math.nan),
        packed(since=math.inf),
        packed() + packed(stage=255)[1:],
    ],
    ids=["cut", "stage", "address", "no time", "for ever", "second"],
)
def test_no_attempts(message: bytes) -> None:
    """What no packet process of ours hands over is malformed."""
    with pytest.raises(MalformedError):
        decode_handover(message)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Whatever comes is read or malformed."""
    for message in (data, b"A" + data, b"S" + data):
        try:
            decode_handover(message)
        except MalformedError:
            continue
