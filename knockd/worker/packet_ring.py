"""The frames in the ring of a packet socket: TPACKET_V3 of Linux's packet_mmap.rst and linux/if_packet.h.

The ring is cut into blocks. A block is ours from when the kernel sets TP_STATUS_USER in its head until we
clear that. All numbers have fixed sizes and the machine's byte order.

Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from struct import Struct, iter_unpack

from knockd.knocks.prefilter import SNAPLEN
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, ETHERTYPE_VLAN

LEAST = 16
"""Frames from which on they are read by columns."""

_MOST = 64
"""Frames read one by one before columns are tried again."""

_WORD = 4
_BLOCK = Struct("=II")
"""Of struct tpacket_block_desc: the number of frames, and the offset of the first one."""
_STATUS_AT, _BLOCK_AT = 8, 12
_USER = 1  # TP_STATUS_USER

_FRAME = Struct("=IIII4xIH6xIH")
"""Of struct tpacket3_hdr: offset of the next frame, seconds, nanoseconds, captured length, status, offset
of the frame, VLAN tag, and that tag's EtherType."""
_NEXT, _SECONDS, _NANOSECONDS, _LENGTH, _STATUS, _OFFSET = 0, 1, 2, 3, 5, 6
"""The same in words."""
_TAGGED, _KIND_KNOWN = 1 << 4, 1 << 6  # TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID

_ADDRESS, _ADDRESS_AT = Struct("=2s4xHBB8s"), 50
"""Of the struct sockaddr_ll behind it: EtherType (big-endian), ARPHRD, packet type, length, address."""
_TYPE_AT, _OUTGOING = 58, 4  # PACKET_OUTGOING

_COOKED = Struct(">HHH8s2s")
"""A Linux cooked header (LINKTYPE_LINUX_SLL): packet type, ARPHRD, length, address, EtherType."""
_TAG = Struct(">HH")
_TAG_AT = {DLT_EN10MB: 12, DLT_LINUX_SLL: 14}
"""Where libpcap puts the tag back that the kernel has taken off."""


class PacketRing:
    """Reads the blocks in turn; the frames have the form that libpcap gives them."""

    def __init__(
        self, memory: memoryview, block_size: int, linktype: int, settle: Callable[[], object]
    ) -> None:
        """``memory`` is the writable ring.

        Python has no memory barriers. ``settle`` makes a system call that takes the lock under which the
        kernel fills and takes blocks: nothing is read before it that belongs behind it, or the other way.
        """
        self._memory = memory
        self._words = memory.cast("I")
        self._block_size = block_size
        self._linktype = linktype
        self._settle = settle
        self._block = self._at = self._left = 0

    def close(self) -> None:
        """Lets the memory go."""
        self._words.release()
        self._memory.release()

    def read(self, most: int) -> tuple[bytes, bytes]:
        """Up to ``most`` frames; fewer only when there are no more: ``(bytes, records of =IIII)``."""
        frames: list[bytes] = []
        records = array("I")
        size = 0
        while (wanted := most - len(records) // 4) and self._has_frames():
            count = min(wanted, self._left)
            if (run := self._read_columns(count, size)) is not None:
                part, added = run
            else:
                count = min(count, _MOST)
                part, added = self._read_each(count, size)
            frames.append(part)
            records += added
            size += len(part)
            self._left -= count
            if not self._left:
                self._release_block()
        return b"".join(frames), records.tobytes()

    def _has_frames(self) -> bool:
        """Whether there is a frame to read; takes the next block if need be."""
        while not self._left:
            at = self._block * self._block_size
            if not self._words[(at + _STATUS_AT) // _WORD] & _USER:
                return False
            self._settle()
            self._left, first = _BLOCK.unpack_from(self._memory, at + _BLOCK_AT)
            self._at = at + first
            if not self._left:
                self._release_block()
        return True

    def _release_block(self) -> None:
        self._settle()
        self._words[(self._block * self._block_size + _STATUS_AT) // _WORD] = 0
        self._block = (self._block + 1) % (len(self._memory) // self._block_size)

    def _read_columns(self, count: int, size: int) -> tuple[bytes, array[int]] | None:
        """The next ``count`` frames at once, when they differ in nothing but time and bytes; else None.

        ``size`` is the offset of the first one in the batch.
        """
        at, memory = self._at, self._memory
        if count < LEAST:
            return None
        step, _, _, length, status, offset, _, _ = _FRAME.unpack_from(memory, at)
        if self._linktype == DLT_LINUX_SLL or status & _TAGGED or not length or not step:
            return None

        def column(word: int, number: int = count) -> memoryview:
            begin, stride = at // _WORD + word, step // _WORD
            return self._words[begin : begin + stride * (number - 1) + 1 : stride]

        # Of the last frame in a block the offset of the next one means nothing.
        if column(_NEXT, count - 1).tobytes() != array("I", [step]).tobytes() * (count - 1):
            return None
        for word in (_LENGTH, _STATUS, _OFFSET):
            same = column(word).tobytes()
            if same != same[:_WORD] * count:
                return None
        begin, gaps = at + offset, step * (count - 1)
        if _OUTGOING in memory[at + _TYPE_AT : at + _TYPE_AT + gaps + 1 : step].tobytes():
            return None
        alike = iter_unpack(f"{length}s{step - length}x", memory[begin : begin + gaps])
        last = bytes(memory[begin + gaps : begin + gaps + length])
        records = array("I", bytes(4 * _WORD * count))
        records[0::4] = array("I", column(_SECONDS).tobytes())
        records[1::4] = array("I", [one // 1_000 for one in column(_NANOSECONDS).tolist()])
        records[2::4] = array("I", range(size, size + length * count, length))
        records[3::4] = array("I", [length]) * count
        self._at = at + gaps + self._words[(at + gaps) // _WORD]
        return b"".join(chain(chain.from_iterable(alike), (last,))), records

    def _read_each(self, count: int, size: int) -> tuple[bytes, array[int]]:
        """The next ``count`` frames one by one, without those that the host has sent."""
        frames, records = [], array("I")
        for seconds, nanoseconds, frame in self._each(count):
            records.extend((seconds, nanoseconds // 1_000, size, len(frame)))
            frames.append(frame)
            size += len(frame)
        return b"".join(frames), records

    def _each(self, count: int) -> Iterator[tuple[int, int, bytes]]:
        memory, cooked = self._memory, self._linktype == DLT_LINUX_SLL
        tag_at = _TAG_AT.get(self._linktype)
        for _ in range(count):
            at = self._at
            step, seconds, nanoseconds, length, status, offset, tag, kind = _FRAME.unpack_from(memory, at)
            self._at += step
            if memory[at + _TYPE_AT] == _OUTGOING:
                continue
            frame = bytes(memory[at + offset : at + offset + length])
            if cooked:
                ethertype, link, packet_type, size, address = _ADDRESS.unpack_from(memory, at + _ADDRESS_AT)
                # Behind the address is what happened to be in the ring.
                frame = _COOKED.pack(packet_type, link, size, address[:size], ethertype) + frame
            if status & _TAGGED and tag_at is not None and len(frame) >= tag_at:
                kind = kind if status & _KIND_KNOWN else ETHERTYPE_VLAN
                frame = frame[:tag_at] + _TAG.pack(kind, tag & 0xFFFF) + frame[tag_at:]
            yield seconds, nanoseconds, frame[:SNAPLEN]
