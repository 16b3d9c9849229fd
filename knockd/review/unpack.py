"""Packed logs (gzip, bzip2, xz, zstd) unpacked chunk by chunk, in bounded memory and to a bounded size.

World: the unpackers that this Python has.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import chain
from typing import Protocol

from knockd.review.unreadable import Unreadable

CHUNK = 1 << 17
"""Bytes that are unpacked at once."""

FREE_SIZE = 256 << 20
"""Bytes that may come out of a file however small it is."""

MOST_RATIO = 200
"""How many times its size a file may become beyond that: a log gives 10 to 50, a bomb 1,000 and more."""

MOST_UNPACKED = 8 << 30
"""Bytes that may come out of any packed file: over 100 million lines."""

XZ_MEMORY = 80 << 20
"""Bytes that xz may ask for; a file of ``xz -9`` asks for 65 MiB."""

MAGIC: Mapping[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
CAT: Mapping[str, str] = {"gzip": "zcat", "bzip2": "bzcat", "xz": "xzcat", "zstd": "zstdcat"}
"""The program that unpacks a format to its standard output."""


class Unpacker(Protocol):
    """What lzma, bz2 and compression.zstd offer, and ``_Gzip`` here."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's unpacker in the form of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        done = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = not self._inner.unconsumed_tail and len(done) < max_length
        return done


def unpack_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of a file, unpacked where its first bytes say that it is packed, whatever its name is.

    Raises Unreadable where it is damaged, ends early, or becomes too large; what was good came before.
    """
    head = b""
    for chunk in chunks:
        head += chunk
        if not any(magic.startswith(head) for magic in MAGIC):  # else a pipe gave less than is needed
            break
    packing = next((packing for magic, packing in MAGIC.items() if head.startswith(magic)), None)
    if packing is None:
        if head:
            yield head
        yield from chunks
    else:
        yield from _unpack(chain([head], chunks), packing)


def _unpack(chunks: Iterator[bytes], packing: str) -> Iterator[bytes]:
    make, errors = _unpacker(packing)
    packed = unpacked = 0
    machine: Unpacker | None = None
    for chunk in chunks:
        packed += len(chunk)
        data = chunk
        while machine is not None or data:
            if machine is None:
                data = data.lstrip(b"\0")  # tapes and xz pad with zeros
                if not data:
                    break
                machine = make()
            try:
                done = machine.decompress(data, CHUNK)
            except errors as error:
                if "memory" in str(error).lower() or isinstance(error, MemoryError):
                    raise Unreadable(
                        f"it needs too much memory to be unpacked: {CAT[packing]} FILE | knockctl log -"
                    ) from error
                raise Unreadable(f"damaged {packing}, not read to its end: {error}") from error
            data = b""
            unpacked += len(done)
            if unpacked > MOST_UNPACKED or unpacked > max(FREE_SIZE, MOST_RATIO * packed):
                raise Unreadable(
                    f"{packed:,} bytes of {packing} became more than {unpacked:,}, not read any further;"
                    f" if that is no trap: {CAT[packing]} FILE | knockctl log -"
                )
            if done:
                yield done
            if machine.eof:
                data, machine = machine.unused_data, None
            elif machine.needs_input:
                break
    if machine is not None:
        raise Unreadable(f"its {packing} data ends early: cut off, or still being written")


def _unpacker(packing: str) -> tuple[Callable[[], Unpacker], tuple[type[Exception], ...]]:
    """What makes an unpacker, and what it raises. Raises Unreadable where this Python has none."""
    if packing == "gzip":
        return _Gzip, (zlib.error,)
    try:
        if packing == "bzip2":
            return import_module("bz2").BZ2Decompressor, (OSError, ValueError)
        if packing == "xz":
            lzma = import_module("lzma")
            return lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY), (lzma.LZMAError, MemoryError)
        zstd = import_module("compression.zstd")
        return zstd.ZstdDecompressor, (zstd.ZstdError, MemoryError)
    except ImportError as error:
        since = ", only Python 3.14 and newer" if packing == "zstd" else ""
        raise Unreadable(
            f"this Python cannot read {packing}{since}: {CAT[packing]} FILE | knockctl log -",
            os.EX_UNAVAILABLE,
        ) from error
