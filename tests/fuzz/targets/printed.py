"""What -D prints of a frame that decode takes is one line of printable text, whatever the frame holds.

The first byte of the input chooses the link type; the rest is the frame.
"""

from __future__ import annotations

from knockd.knocks.decode import decode
from knockd.worker.packet_printer import packet_printer
from tests.support.samples.headers import LINKTYPES

packet_line = packet_printer()


def check(data: bytes) -> None:
    """Print one frame."""
    linktype = list(LINKTYPES.values())[data[0] % len(LINKTYPES)] if data else LINKTYPES["raw"]
    if decode(linktype, data[1:]) is not None:
        line = packet_line(linktype, data[1:], 0)
        assert line.isprintable()
        assert len(line) < 200
