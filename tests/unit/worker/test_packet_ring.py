"""Frames out of the ring of a packet socket: as they are, tagged, cooked, block by block."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from knockd.worker.packet_ring import LEAST, PacketRing
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW
from tests.support.samples.rings import BLOCK, OTHER_STATUS, OUTGOING, Held, fill_block, is_ours

MACS = bytes(range(12))
FRAME = MACS + b"\x08\x00" + b"packet"
MANY = 3 * LEAST


@dataclass
class Filled:
    """A ring with these blocks, and how often the reader has made its system call."""

    blocks: Sequence[Sequence[Held]]
    linktype: int = DLT_EN10MB
    calls: list[tuple[bool, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = bytearray().join(fill_block(frames) for frames in self.blocks)
        self.ring = PacketRing(memoryview(self.memory), BLOCK, self.linktype, self._settle)

    def _settle(self) -> None:
        self.calls.append(self.ours())

    def ours(self) -> tuple[bool, ...]:
        """Which blocks are the reader's."""
        return tuple(is_ours(self.memory, number) for number in range(len(self.blocks)))

    def fill(self, number: int, frames: Sequence[Held]) -> None:
        """The kernel fills a block."""
        assert not self.ours()[number]
        self.memory[number * BLOCK : (number + 1) * BLOCK] = fill_block(frames)

    def read(self, most: int = 1_024) -> list[tuple[int, int, bytes]]:
        """Frames with their seconds and microseconds."""
        data, records = self.ring.read(most)
        found, end = [], 0
        for seconds, microseconds, offset, length in struct.iter_unpack("=IIII", records):
            assert offset == end
            end = offset + length
            found.append((seconds, microseconds, data[offset:end]))
        assert end == len(data)
        return found

    def frames(self) -> list[bytes]:
        """Frames alone."""
        return [frame for _, _, frame in self.read()]


def test_nothing() -> None:
    """Without a block of ours there is nothing, and no system call."""
    filled = Filled([[Held(FRAME)]])
    filled.memory[8:12] = bytes(4)
    assert filled.read() == []
    assert filled.calls == []


def test_stamps_and_order() -> None:
    """Frames come in order, with the kernel's stamps in microseconds."""
    filled = Filled([[Held(FRAME, 7, 1_999), Held(FRAME + b"!", 8, 999_999_999)], [Held(b"x" * 60, 9)]])
    assert filled.read() == [(7, 1, FRAME), (8, 999_999, FRAME + b"!"), (9, 0, b"x" * 60)]


def test_blocks_are_given_back() -> None:
    """A block is the kernel's again once it is read, and the next turn begins where this one has ended."""
    filled = Filled([[Held(FRAME)], [Held(FRAME)]])
    assert len(filled.read()) == 2
    assert filled.ours() == (False, False)
    filled.fill(0, [Held(b"again" * 10)])
    assert filled.frames() == [b"again" * 10]
    filled.fill(1, [Held(b"and on" * 10)])
    assert filled.frames() == [b"and on" * 10]


def test_system_calls() -> None:
    """One call stands between the head of a block and its frames, one between these and giving it back."""
    filled = Filled([[Held(FRAME)] * MANY, [Held(FRAME)]])
    assert len(filled.read()) == MANY + 1
    assert filled.calls == [(True, True), (True, True), (False, True), (False, True)]


def test_at_most() -> None:
    """No more than asked for come at once, and a block is kept until all of it is read."""
    filled = Filled([[Held(FRAME, number) for number in range(MANY)], [Held(FRAME, MANY)]])
    seconds = []
    for most in (1, LEAST + 1, LEAST, 2):
        part = filled.read(most)
        assert len(part) == most
        assert filled.ours()[0]
        seconds += [one[0] for one in part]
    rest = filled.read()
    assert [*seconds, *(one[0] for one in rest)] == list(range(MANY + 1))


def test_an_empty_block() -> None:
    """Old kernels hand over blocks without a frame."""
    filled = Filled([[], [Held(FRAME)]])
    assert filled.frames() == [FRAME]
    assert filled.ours() == (False, False)


def test_alike() -> None:
    """Many frames of one length come as one by one."""
    sent = [Held(MACS + number.to_bytes(60, "big"), number, number * 1_000) for number in range(MANY)]
    filled = Filled([sent])
    assert filled.read() == [(number, number, one.data) for number, one in enumerate(sent)]


ODD = {
    "longer": Held(FRAME + b"longer"),
    "farther": Held(FRAME + bytes(40)),
    "elsewhere": Held(FRAME, link_header=12),
    "another status": Held(FRAME, status=1 | OTHER_STATUS),
    "empty": Held(b""),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", [0, 1, LEAST, MANY - 1])
def test_almost_alike(odd: str, place: int) -> None:
    """One among many that differs comes as it is, wherever it is."""
    sent = [Held(MACS + number.to_bytes(8, "big")) for number in range(MANY)]
    sent[place] = ODD[odd]
    assert Filled([sent]).frames() == [one.data for one in sent]


@pytest.mark.parametrize("count", [1, MANY])
def test_what_the_host_sends(count: int) -> None:
    """It is left out, where an old kernel shows it."""
    filled = Filled([[*[Held(FRAME)] * count, Held(FRAME + b"out", packet_type=OUTGOING), Held(FRAME)]])
    assert filled.frames() == [FRAME] * (count + 1)


@pytest.mark.parametrize("count", [1, MANY])
def test_only_what_the_host_sends(count: int) -> None:
    """A block of nothing else gives nothing, and the next one counts."""
    filled = Filled([[Held(FRAME, packet_type=OUTGOING)] * count, [Held(b"in" * 30)]])
    assert filled.frames() == [b"in" * 30]


@pytest.mark.parametrize("count", [1, MANY])
@pytest.mark.parametrize(("kind", "shown"), [(None, b"\x81\x00"), (0x88A8, b"\x88\xa8")])
def test_tags(count: int, kind: int | None, shown: bytes) -> None:
    """A tag that the kernel has taken off is where it was; without its kind it is of 802.1Q."""
    filled = Filled([[Held(FRAME, tag=0x2064, kind=kind)] * count])
    assert filled.frames() == [MACS + shown + b"\x20\x64" + FRAME[12:]] * count


def test_tag_of_a_short_frame() -> None:
    """Where there is no room for a tag there is none."""
    assert Filled([[Held(b"short", tag=5)]]).frames() == [b"short"]


def test_most_of_a_frame() -> None:
    """With its tag a frame is no longer than one may be."""
    long = MACS + bytes(244)
    assert Filled([[Held(long, tag=5)]]).frames() == [MACS + b"\x81\x00\x00\x05" + bytes(240)]


def test_raw() -> None:
    """IP alone has no place for a tag."""
    sent = [Held(b"E" + bytes(40), tag=5, link_header=0)] * MANY
    assert Filled([sent], DLT_RAW).frames() == [one.data for one in sent]


@pytest.mark.parametrize("count", [1, MANY])
def test_cooked(count: int) -> None:
    """A cooked header says what the kernel knows of the link; a tag comes before its EtherType."""
    held = Held(b"E" + bytes(40), link_header=0, arphrd=512, address=b"\1\2\3", packet_type=1)
    head = bytes.fromhex("0001 0200 0003 0102030000000000 ")
    filled = Filled([[held] * count, [held._replace(tag=7)]], DLT_LINUX_SLL)
    assert filled.frames() == [
        *[head + b"\x08\x00" + held.data] * count,
        head + b"\x81\x00\x00\x07\x08\x00" + held.data,
    ]


def test_close() -> None:
    """Nothing is left that keeps the memory."""
    filled = Filled([[Held(FRAME)] * MANY])
    filled.read()
    filled.ring.close()
    filled.memory.append(0)  # raises BufferError as long as somebody looks into it
