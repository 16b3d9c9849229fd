"""Damaged or whole, the frames of a batch come to one outcome packet by packet and in batches, and no error.

The input is six bytes a frame: what kind it is, its source, its port, its flags, and a place and what is
changed there. The highest bit of the first byte begins a new batch.
"""

from __future__ import annotations

from knockd_bpf.wire import TCP, UDP
from tests.property.test_batch import frame, play

PORTS = (10, 11, 20, 30, 40, 41, 50, 51, 59, 60, 61, 99)
SOURCES = (1, 2, 3, 0, 223, 224, 255)
FLAGS = (0x02, 0x12, 0x10, 0x00)
MAX_FRAMES = 40


def batches(data: bytes) -> list[list[bytes]]:
    """The frames that the input asks for."""
    made: list[list[bytes]] = [[]]
    for at in range(0, min(len(data) - 5, 6 * MAX_FRAMES), 6):
        kind, source, port, flags, place, change = data[at : at + 6]
        if kind & 0x80:
            made.append([])
        protocol = (TCP, TCP, UDP, 1)[kind >> 1 & 3]
        version = 6 if kind & 1 else 4
        one = frame(
            version,
            SOURCES[source % len(SOURCES)],
            PORTS[port % len(PORTS)],
            protocol,
            FLAGS[flags % len(FLAGS)],
            kind >> 3 & 7,
        )
        place %= len(one)
        made[-1].append(one[:place] + bytes([one[place] ^ change]) + one[place + 1 :])
    return made


def check(data: bytes) -> None:
    """Play the batches both ways; an odd length leaves room for two lines, an even one for none."""
    sent, tokens = batches(data), 2 * (len(data) % 2)
    assert play(sent, tokens, batched=False, ipv6=True) == play(sent, tokens, batched=True, ipv6=True)
