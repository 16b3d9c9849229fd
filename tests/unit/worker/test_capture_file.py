"""Frames out of capture files: both forms, stamps, and where a file breaks off."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.worker.capture_file import CaptureFile, CaptureFileError, CutCaptureError, Frame
from tests.support.lab.tools import need_pcapy
from tests.support.samples.captures import BEGIN, pcap, pcapng

need_pcapy()

US = round(BEGIN * 1e6)
A, B = bytes(60), bytes(range(64))


def read(path: Path, data: bytes) -> list[Frame]:
    """All frames of a file with this content."""
    path.write_bytes(data)
    return list(CaptureFile(str(path)).read_frames())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap(tmp_path: Path, order: str, nano: bool) -> None:
    """Frames come in order with stamps in microseconds, whatever precision and byte order the file has."""
    data = pcap([(0.5, A), (1.000001, B)], order=order, nano=nano)
    assert [Frame(US + 500_000, A, 60), Frame(US + 1_000_001, B, 64)] == read(tmp_path / "f", data)


def test_pcapng(tmp_path: Path) -> None:
    """Frames of several interfaces of one link type come in the order of the file."""
    data = pcapng([(0, 1.0, A), (1, 0.5, B)], (1, 1))
    assert [Frame(US + 1_000_000, A, 60), Frame(US + 500_000, B, 64)] == read(tmp_path / "f", data)


def test_link_type(tmp_path: Path) -> None:
    """The link type is the file's."""
    (tmp_path / "f").write_bytes(pcap([], 113))
    assert 113 == CaptureFile(str(tmp_path / "f")).linktype


def test_snaplen(tmp_path: Path) -> None:
    """A frame that was cut says how long it was."""
    assert [Frame(US, B[:20], 64)] == read(tmp_path / "f", pcap([(0, B)], snaplen=20))


def test_empty_frame(tmp_path: Path) -> None:
    """A frame without bytes ends nothing."""
    assert [Frame(US, b"", 0), Frame(US, A, 60)] == read(tmp_path / "f", pcap([(0, b""), (0, A)]))


def test_late_stamp(tmp_path: Path) -> None:
    """Seconds and microseconds beyond 31 bits stay what they are."""
    data = bytearray(pcap([(0, A)]))
    data[24:32] = b"\xff" * 8
    assert 0xFFFFFFFF * 1_000_000 + 0xFFFFFFFF == read(tmp_path / "f", bytes(data))[0].stamp


@pytest.mark.parametrize("left", [1, 15, 16, 40, 75])
def test_cut(tmp_path: Path, left: int) -> None:
    """Where a file breaks off in a record, all frames before it have come."""
    whole = pcap([(0, A)])
    path = tmp_path / "f"
    path.write_bytes(whole + pcap([(0, A)])[24:][:left])
    frames = CaptureFile(str(path)).read_frames()
    assert A == next(frames).data
    with pytest.raises(CutCaptureError, match="truncated dump file"):
        next(frames)


def test_mixed_link_types(tmp_path: Path) -> None:
    """libpcap reads a file up to the first frame after an interface of another link type."""
    (tmp_path / "f").write_bytes(pcapng([(0, 0, A)], (1, 101)))
    with pytest.raises(CutCaptureError, match="type 101 different"):
        list(CaptureFile(str(tmp_path / "f")).read_frames())


@pytest.mark.parametrize("data", [b"#", b"Nov 29 17:00 knockd: opened\n" * 9, pcap([])[:23]])
def test_no_capture(tmp_path: Path, data: bytes) -> None:
    """What is no capture is refused with libpcap's words."""
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(CaptureFileError, match=r"truncated dump file|unknown file format"):
        CaptureFile(str(tmp_path / "f"))


def test_empty(tmp_path: Path) -> None:
    """An empty file is called so."""
    (tmp_path / "f").touch()
    with pytest.raises(CaptureFileError, match="an empty file"):
        CaptureFile(str(tmp_path / "f"))
