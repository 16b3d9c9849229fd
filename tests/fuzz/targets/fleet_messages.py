"""Whatever a gateway with the key seals is a message in its bounds, sealed again the same, or forged.

The input is what stands behind the code.
"""

from __future__ import annotations

from ipaddress import ip_address

from knockd.fleet.records import MAX_NAME, MAX_SECONDS, ForgedError, Kind, Message, Row, Seal
from knockd_conf.hashes import KeyedHash

KEY = bytes(32)
SEAL = Seal(KEY, "lab")
CODE = KeyedHash(KEY, b"knockd fleet 1 message\n\n")


def check(data: bytes) -> None:
    """Unseals it, with the code of the key and without."""
    assert _unseal(data) is None
    message = _unseal(CODE.digest(data) + data)
    if message is None:
        return
    assert SEAL.unseal(SEAL.seal(message)) == message
    assert 0 < len(message.gateway) <= MAX_NAME
    if message.kind is Kind.CHANGE:
        _check_row(message.body)
    elif message.kind is Kind.STATE:
        for row in message.body.rows:
            _check_row(row)


def _unseal(data: bytes) -> Message | None:
    try:
        return SEAL.unseal(data)
    except ForgedError:
        return None


def _check_row(row: Row) -> None:
    assert 0 < len(row.door) <= MAX_NAME
    assert row.address == str(ip_address(row.address))
    assert set(row.address) <= set("0123456789abcdef.:")
    assert row.seconds is None or 0 <= row.seconds <= MAX_SECONDS
