"""Whatever comes from the packet process before is malformed, or is what it would be handed over as.

The input is one message.
"""

from __future__ import annotations

from knockd.process.handover import MAX_HANDOVER, Stamps, decode_handover, encode_handover
from knockd.process.verbs import MalformedError


def check(data: bytes) -> None:
    """Read one message as the packet process does that takes over."""
    try:
        found = decode_handover(data)
    except MalformedError:
        return
    if isinstance(found, Stamps):
        assert [*encode_handover({found.interface: found.stamps}, ())] == [data]
        return
    assert all(len(one.source) in {4, 16} and one.stage <= 32 for one in found)
    if len(data) <= MAX_HANDOVER:
        assert [decode_handover(message) for message in encode_handover({}, found)] == (
            [found] if found else []
        )
