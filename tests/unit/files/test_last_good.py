"""The last good configuration on disk: kept whole or not at all, and trusted no more than a configuration."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from knockd.files.last_good import LastGood

MAIN = "/etc/knockd.conf"
FILES = ((MAIN, b"[options]\n[a]\n"), ("/etc/knockd.d/b c", b"no new line at the end"), ("/etc/empty", b""))


@pytest.fixture
def place(tmp_path: Path) -> LastGood:
    """A place in a directory that is not there yet."""
    return LastGood(str(tmp_path / "state"), MAIN)


def test_kept(place: LastGood) -> None:
    """What is kept is found as it was; nobody else can read it."""
    assert place.find() is None
    place.keep(FILES)
    assert place.find() == FILES
    assert os.stat(place.path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(place.path)).st_mode & 0o777 == 0o700


def test_written_when_changed(place: LastGood) -> None:
    """What is kept already is not written again; what has changed replaces it whole."""
    place.keep(FILES)
    before = os.stat(place.path).st_ino
    place.keep(FILES)
    assert os.stat(place.path).st_ino == before
    place.keep(FILES[:1])
    assert place.find() == FILES[:1]
    assert len(os.listdir(os.path.dirname(place.path))) == 1


def test_another_configuration(place: LastGood) -> None:
    """Each main file has its own, also where another one has the same name on disk."""
    place.keep(FILES)
    other = LastGood(os.path.dirname(place.path), "/etc/other.conf")
    assert other.find() is None
    os.rename(place.path, other.path)
    assert other.find() is None


def test_forgotten(place: LastGood) -> None:
    """What is forgotten is gone; there need not be anything."""
    place.forget()
    place.keep(FILES)
    place.forget()
    assert place.find() is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_others_can_write(place: LastGood, mode: int) -> None:
    """A file that others can write is not used."""
    place.keep(FILES)
    os.chmod(place.path, mode)
    with pytest.raises(OSError, match="only its owner can write"):
        place.find()


def test_directory_of_others(place: LastGood) -> None:
    """In a directory that others can write nothing is used, and nothing is kept."""
    place.keep(FILES)
    os.chmod(os.path.dirname(place.path), 0o777)
    with pytest.raises(OSError, match="only its owner can write"):
        place.find()
    with pytest.raises(OSError, match="others can write to it"):
        place.keep(FILES[:1])


def test_link(place: LastGood, tmp_path: Path) -> None:
    """A link in the place of the directory is not followed to write."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to("elsewhere")
    with pytest.raises(OSError, match=r"directory|link"):
        place.keep(FILES)


@pytest.mark.parametrize("cut", [0, 10, 60, -1])
def test_damaged(place: LastGood, cut: int) -> None:
    """A file that was cut off anywhere is damaged, not a shorter configuration."""
    place.keep(FILES)
    path = Path(place.path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(OSError, match="damaged"):
        place.find()


def test_too_big(place: LastGood) -> None:
    """What could not be read again is not kept."""
    with pytest.raises(OSError, match="more than"):
        place.keep(((MAIN, bytes(2_000_000)),))
    assert place.find() is None


def test_left_over(place: LastGood) -> None:
    """What a kill in the middle has left is no obstacle."""
    place.keep(FILES[:1])
    Path(f"{place.path}.new").write_text("x")
    place.keep(FILES)
    assert place.find() == FILES


def test_full_disk(place: LastGood, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a full disk does not take leaves nothing behind, and what was kept is still there."""
    place.keep(FILES[:1])

    def no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        place.keep(FILES)
    assert place.find() == FILES[:1]
    assert len(os.listdir(os.path.dirname(place.path))) == 1
