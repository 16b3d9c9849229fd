"""What the journal says is run as commands: nobody else may have written it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from knockd.files.state_dir import JOURNAL, StateDir
from tests.support.lab.other_user import give_away


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a journal in it, both ours alone."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    (folder / JOURNAL).write_bytes(b"ours")
    (folder / JOURNAL).chmod(0o600)
    return folder


def test_ours_is_read(place: Path) -> None:
    """A journal that is ours alone is what the store returns."""
    assert StateDir(str(place)).take(create=False) == b"ours"


def test_of_another_user(place: Path) -> None:
    """A journal that belongs to somebody else is refused: he can write it whatever its directory is now."""
    give_away(place / JOURNAL)
    with pytest.raises(PermissionError, match="can be written by others"):
        StateDir(str(place)).take(create=False)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_that_others_can_write(place: Path, mode: int) -> None:
    """So is one that its group or everybody can write."""
    (place / JOURNAL).chmod(mode)
    with pytest.raises(PermissionError, match="can be written by others"):
        StateDir(str(place)).take(create=False)


def test_lock_of_a_stranger(place: Path) -> None:
    """In a directory that others can open, one of them who locks it keeps nobody out."""
    place.chmod(0o755)
    stranger = os.open(place, os.O_RDONLY)
    fcntl.flock(stranger, fcntl.LOCK_EX)
    store = StateDir(str(place))
    assert store.take(create=False) == b"ours"
    assert (place / "leases.lock").stat().st_mode & 0o777 == 0o600
    os.close(stranger)
    store.release()


def test_only_one_where_others_look(place: Path) -> None:
    """There too a second daemon is refused, until the first one has let go."""
    place.chmod(0o755)
    first, second = StateDir(str(place)), StateDir(str(place))
    first.take(create=False)
    with pytest.raises(BlockingIOError, match="another knockd uses it"):
        second.take(create=False)
    first.release()
    assert second.take(create=False) == b"ours"
    second.release()
