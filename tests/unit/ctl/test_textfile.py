"""The file that node_exporter reads: whole at every moment, and readable by another user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.ctl.textfile import write_textfile


def test_new_file(tmp_path: Path) -> None:
    """It has the text and is readable by all, whatever the umask is."""
    old = os.umask(0o077)
    try:
        write_textfile(str(tmp_path / "knockd.prom"), "knockd_up 1\n")
    finally:
        os.umask(old)
    assert "knockd_up 1\n" == (tmp_path / "knockd.prom").read_text()
    assert 0o644 == (tmp_path / "knockd.prom").stat().st_mode & 0o7777


def test_nothing_else_stays(tmp_path: Path) -> None:
    """Neither beside a file that was written, nor where a killed process left half of one."""
    (tmp_path / f".knockd.prom.{os.getpid()}").write_text("kno")
    write_textfile(str(tmp_path / "knockd.prom"), "knockd_up 1\n")
    assert ["knockd.prom"] == os.listdir(tmp_path)


def test_the_old_file_stays_whole(tmp_path: Path) -> None:
    """Who has opened the old file reads on in it: it is replaced, not written over."""
    path = tmp_path / "knockd.prom"
    path.write_text("old\n")
    with path.open() as reading:
        write_textfile(str(path), "new\n")
        assert "old\n" == reading.read()
    assert "new\n" == path.read_text()


def test_a_link_is_replaced(tmp_path: Path) -> None:
    """What a link at the path leads to is not touched."""
    (tmp_path / "other").write_text("secret\n")
    (tmp_path / "knockd.prom").symlink_to("other")
    write_textfile(str(tmp_path / "knockd.prom"), "new\n")
    assert "secret\n" == (tmp_path / "other").read_text()
    assert not (tmp_path / "knockd.prom").is_symlink()


def test_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the file cannot be replaced the old one is there still, and no half of a new one."""

    def refuse(_old: str, _new: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    (tmp_path / "knockd.prom").write_text("old\n")
    with pytest.raises(OSError, match="No space"):
        write_textfile(str(tmp_path / "knockd.prom"), "new\n")
    assert ["knockd.prom"] == os.listdir(tmp_path)
    assert "old\n" == (tmp_path / "knockd.prom").read_text()


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there is told."""
    with pytest.raises(FileNotFoundError):
        write_textfile(str(tmp_path / "gone" / "knockd.prom"), "new\n")


def test_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is a file of the current folder."""
    monkeypatch.chdir(tmp_path)
    write_textfile("knockd.prom", "new\n")
    assert ["knockd.prom"] == os.listdir(tmp_path)
