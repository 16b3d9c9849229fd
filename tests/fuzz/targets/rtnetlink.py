"""Whatever bytes come in the kernel's place, reading them as rtnetlink messages ends and raises nothing.

The input is what one receive returns.
"""

from __future__ import annotations

from knockd.net.rtnetlink import Address, DefaultRoute, Link, parse_message, split_messages


def check(data: bytes) -> None:
    """Read every message of one datagram."""
    for count, (kind, payload) in enumerate(split_messages(data), 1):
        assert count * 16 <= len(data)
        found = parse_message(kind, payload)
        if found is None:
            continue
        thing, gone = found
        assert isinstance(thing, Link | Address | DefaultRoute)
        assert isinstance(gone, bool)
        if isinstance(thing, Link):
            assert not thing.name.endswith("\0")
        if isinstance(thing, DefaultRoute):
            assert len(thing.interfaces) <= 1 + len(payload) // 8
