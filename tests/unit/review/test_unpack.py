"""Packed logs: what comes out, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import os
import sys
from collections.abc import Callable

import pytest

from knockd.review import unpack
from knockd.review.unpack import unpack_chunks
from knockd.review.unreadable import Unreadable

TEXT = b"".join(b"[2026-11-02 20:%02d] shutting down\n" % (at % 60) for at in range(10_000))

packed_by = pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"]
)


def unpacked(data: bytes, size: int = 1000) -> bytes:
    """What comes out of bytes that come in chunks of a size."""
    return b"".join(unpack_chunks(data[at : at + size] for at in range(0, len(data), size)))


@packed_by
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_unpacks(pack: Callable[[bytes], bytes], size: int) -> None:
    """The format is known by the first bytes, however few come at once; parts that were joined are one."""
    data = pack(TEXT[:1000]) + pack(TEXT[1000:])
    assert TEXT == unpacked(data, size)


def test_padding() -> None:
    """Zeros behind packed data are no damage."""
    assert TEXT == unpacked(gzip.compress(TEXT) + bytes(2000))


@pytest.mark.parametrize("data", [b"", b"\x1f", b"BZ", b"[2026-11-02 20:13] shutting down\n"])
def test_plain(data: bytes) -> None:
    """What is not packed comes as it is."""
    assert data == unpacked(data, 3)


@packed_by
def test_cut_off(pack: Callable[[bytes], bytes]) -> None:
    """What is there is read before the end that is missing is told."""
    data = pack(os.urandom(1 << 18))[: 1 << 17]
    found: list[bytes] = []
    with pytest.raises(Unreadable, match="data ends early: cut off, or still being written"):
        found.extend(unpack_chunks(iter([data])))
    assert found or pack is bz2.compress  # of which one block is 900 kB


@packed_by
def test_damaged(pack: Callable[[bytes], bytes]) -> None:
    """Damage is told by the unpacker's own words."""
    data = bytearray(pack(TEXT))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(Unreadable, match=r"damaged (gzip|bzip2|xz), not read to its end: ."):
        unpacked(bytes(data))


@packed_by
def test_bomb(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes out of a small file without end, and little at once."""
    monkeypatch.setattr(unpack, "FREE_SIZE", 1 << 20)
    sizes: list[int] = []
    with pytest.raises(Unreadable, match=r"not read any further; if that is no trap: .*cat FILE"):
        sizes.extend(len(chunk) for chunk in unpack_chunks(iter([pack(bytes(1 << 24))])))
    assert sum(sizes) < 1 << 22
    assert max(sizes) <= unpack.CHUNK


def test_a_large_log_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes less than 200 times its size is read."""
    monkeypatch.setattr(unpack, "FREE_SIZE", 1 << 10)
    assert TEXT == unpacked(gzip.compress(TEXT))


def test_no_file_is_unpacked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an end to the largest log, too."""
    monkeypatch.setattr(unpack, "MOST_UNPACKED", len(TEXT) - 1)
    with pytest.raises(Unreadable, match="not read any further"):
        unpacked(gzip.compress(TEXT))


def test_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python has no zstd, the message says which has, and how to read the file all the same."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(unpack, "import_module", missing)
    with pytest.raises(Unreadable) as refused:
        unpacked(b"\x28\xb5\x2f\xfd....")
    expected = "this Python cannot read zstd, only Python 3.14 and newer: zstdcat FILE | knockctl log -"
    assert expected == str(refused.value)
    assert os.EX_UNAVAILABLE == refused.value.status


def test_zstd_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.14 reads zstd by itself; for older ones the tests install the same module, as a package."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    zstd = importlib.import_module(name)
    monkeypatch.setattr(unpack, "import_module", {"compression.zstd": zstd}.__getitem__)
    assert TEXT == unpacked(zstd.compress(TEXT))


def test_xz_that_wants_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """xz may not ask for as much memory as it likes."""
    monkeypatch.setattr(unpack, "XZ_MEMORY", 1 << 20)
    with pytest.raises(Unreadable, match="needs too much memory to be unpacked: xzcat FILE"):
        unpacked(lzma.compress(TEXT))
