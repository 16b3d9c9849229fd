"""Whatever the packet process sends is refused, or is what its message would be written as.

The input is one message.
"""

from __future__ import annotations

from ipaddress import ip_address

from knockd.process.verbs import MAX_EVENT, MalformedError, decode, encode

DOORS, INTERFACES = 100, 4


def check(data: bytes) -> None:
    """Read one message as the keeper does."""
    try:
        message = decode(data, DOORS, INTERFACES)
    except MalformedError:
        return
    assert len(data) <= MAX_EVENT
    fields = message._asdict()
    assert 0 <= fields.get("door", 0) < DOORS
    assert 0 <= fields.get("interface", 0) < INTERFACES
    assert 0 <= fields.get("stage", 0) <= 32
    addresses = [ip_address(fields[name]) for name in ("source", "destination") if name in fields]
    assert len({address.version for address in addresses}) <= 1
    assert encode(message) == data
