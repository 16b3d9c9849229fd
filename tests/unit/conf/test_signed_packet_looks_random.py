"""Packets of signed knocks say nothing to who lacks the secret: behind the tag every bit looks tossed.

All numbers are drawn from a seed, so the outcome is always the same; the bounds are such that of as many
random packets one in millions would be beyond them.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import cache

from nacl.signing import SigningKey

from knockd_conf.signed_packet import (
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
from knockd_conf.signed_sizes import HINT, NONCE, SIZE, TAG

PACKETS = 4_096
SECRET, MINUTE = bytes(range(32)), 29_934_720
KEYS = MinuteKeys(MINUTE, derive_minute(SECRET, MINUTE))
SIGNER = SigningKey(bytes(range(32, 64)))
PUBLIC = SIGNER.verify_key.encode()
ADDRESS = pack_bound(bytes((192, 0, 2, 7)))

FREEDOM = 255
"""Values of a byte less one: the mean of chi-square; its variance is twice that."""

WORST = FREEDOM + 7 * (2 * FREEDOM) ** 0.5
"""Chi-square of one place in a packet, or of all of them: seven standard deviations above the mean."""


@cache
def make_packets() -> tuple[tuple[bytes, bytes], ...]:
    """Packets of one key for one door, half of them bound, and what they hold unmasked."""
    generator = random.Random(15)
    made = []
    for number in range(PACKETS):
        nonce = generator.randbytes(NONCE)
        address = ADDRESS if number % 2 else UNBOUND
        request = Request(Verb.OPEN, number % 2, select_door("ssh"), 0, 0, 0, address, b"")
        message = message_of(derive_host(SECRET), MINUTE, nonce, request, "ssh")
        signature = SIGNER.sign(blob_of(message)).signature
        packet = KEYS.seal(PUBLIC, nonce, request._replace(signature=signature))
        made.append((packet, b"".join((KEYS.hint_of(PUBLIC), nonce, address, signature))))
    return tuple(made)


def hidden() -> list[bytes]:
    """Of each packet all that is behind the tag."""
    return [packet[TAG:] for packet, _ in make_packets()]


def chi_square(seen: Sequence[int]) -> float:
    """How far bytes are from being all as frequent."""
    expected = len(seen) / 256
    counts = Counter(seen)
    return sum((counts[value] - expected) ** 2 / expected for value in range(256))


def find_worst(rows: Sequence[bytes]) -> float:
    """The highest chi-square of a place over all rows."""
    return max(chi_square(column) for column in zip(*rows, strict=True))


def test_the_tag_is_the_same_for_all() -> None:
    """Whoever hears several packets of a minute sees that they are for one server, as the page says."""
    assert {packet[:TAG] for packet, _ in make_packets()} == {KEYS.tag}


def test_every_byte_value_is_as_frequent() -> None:
    """At each place behind the tag, and over all of them."""
    assert find_worst(hidden()) < WORST
    assert chi_square(b"".join(hidden())) < WORST


def test_what_is_not_masked_would_be_seen() -> None:
    """The same test finds a constant hint, an address and the high bits of a signature, which are zero."""
    plain = [one for _, one in make_packets()]
    assert find_worst([one[:1] for one in plain]) > 100 * WORST
    assert find_worst([one[HINT + NONCE :][:1] for one in plain]) > 100 * WORST
    assert find_worst([one[-1:] for one in plain]) > 10 * WORST


def test_every_bit_is_set_in_half_of_all() -> None:
    """Six standard deviations are the bound for each of 960 bits, and for each pair of neighbours."""
    numbers = [int.from_bytes(one, "big") for one in hidden()]
    bits = 8 * (SIZE - TAG)
    bound = 6 * (PACKETS / 4) ** 0.5
    for shift in range(bits):
        assert abs(sum(number >> shift & 1 for number in numbers) - PACKETS / 2) < bound
    for shift in range(bits - 1):
        alike = sum((number >> shift ^ number >> shift + 1) & 1 for number in numbers)
        assert abs(alike - PACKETS / 2) < bound


def test_packets_have_nothing_in_common() -> None:
    """Two packets one after the other differ in half of their bits, also two of the same request."""
    numbers = [int.from_bytes(one, "big") for one in hidden()]
    bits = 8 * (SIZE - TAG)
    for apart in (1, 2):
        pairs = list(zip(numbers, numbers[apart:], strict=False))
        total = sum((one ^ other).bit_count() for one, other in pairs)
        assert abs(total - bits * len(pairs) / 2) < 6 * (bits * len(pairs) / 4) ** 0.5
        assert min((one ^ other).bit_count() for one, other in pairs) > bits / 2 - 7 * (bits / 4) ** 0.5


def test_packets_cannot_be_compressed() -> None:
    """Half a megabyte of them gets no smaller; unmasked it would."""
    assert len(zlib.compress(b"".join(hidden()), 9)) > (SIZE - TAG) * PACKETS
    assert len(zlib.compress(b"".join(one for _, one in make_packets()), 9)) < 0.9 * (SIZE - TAG) * PACKETS
