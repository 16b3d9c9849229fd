"""Whatever the packet process sends is refused, or encodes back and names only doors that there are.

The input is one message.
"""

from __future__ import annotations

from ipaddress import ip_address

from knockd.edge.link import MAX_EVENT, Kind, MalformedError, decode

DOORS, INTERFACES = 100, 4
ABOUT_SOURCES = {Kind.STAGE, Kind.OPENED, Kind.SPOILED, Kind.EXPIRED, Kind.GUARDED}


def check(data: bytes) -> None:
    """Read one message as the keeper does."""
    try:
        message = decode(data, DOORS, INTERFACES)
    except MalformedError:
        return
    assert len(data) <= MAX_EVENT
    assert 0 <= message.door < DOORS
    assert 0 <= message.interface < INTERFACES
    assert message.source or message.kind not in ABOUT_SOURCES
    if message.source:
        assert ip_address(message.source).version == ip_address(message.destination).version
        assert 0 <= message.stage <= 32
    assert decode(message.encode(), DOORS, INTERFACES) == message
