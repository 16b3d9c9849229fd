"""What a view says of signed knocks, as values that JSON has.

Who has none of them does without this file: it is imported with the first such view.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd_conf.access import Access
from knockd_conf.signed_sizes import HINT

NONE_LIVE: Final = SignedWatch((), ())
"""Nothing is watched of signed knocks yet."""


def pack_signed(signed: SignedWatch, accesses: dict[Access, int]) -> list[Any]:
    """Ports and minutes; of who may knock the numbers in ``accesses``, to which new ones are added."""
    ports = [
        (
            one.port,
            sorted(address.hex() for address in one.target),
            None if one.access is None else accesses.setdefault(one.access, len(accesses)),
        )
        for one in signed.ports
    ]
    minutes = [
        (one.minute, one.key.hex(), one.tag.hex(), b"".join(one.hints).hex()) for one in signed.minutes
    ]
    return [ports, minutes]


def unpack_signed(packed: Iterable[Any], accesses: Sequence[Access]) -> SignedWatch:
    """Reads what ``pack_signed`` made; ``accesses`` are those with the numbers from 0 on."""
    ports, minutes = packed
    return SignedWatch(
        tuple(
            SignedPort(
                port,
                frozenset(map(bytes.fromhex, target)),
                None if access is None else accesses[access],
            )
            for port, target, access in ports
        ),
        tuple(
            SignedMinute(minute, bytes.fromhex(key), bytes.fromhex(tag), _hints(bytes.fromhex(hints)))
            for minute, key, tag, hints in minutes
        ),
    )


def _hints(packed: bytes) -> tuple[bytes, ...]:
    return tuple(packed[at : at + HINT] for at in range(0, len(packed), HINT))
