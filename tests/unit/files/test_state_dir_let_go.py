"""A state directory that cannot be taken is let go: no descriptor and no lock of it is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.files.state_dir import StateDir

both_locks = pytest.mark.parametrize("mode", [0o700, 0o755], ids=["lock on it", "lock in it"])
"""Where others can open the directory a file in it is locked."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the directory is to be."""
    return tmp_path / "state"


def refused(path: Path) -> StateDir:
    """Tries to take a directory that cannot be taken; nothing is open afterwards that was not before."""
    store = StateDir(str(path))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError):  # noqa: PT011 - which one is other tests' business
        store.take(create=True)
    assert os.listdir("/proc/self/fd") == before
    assert not store.held
    return store


@both_locks
def test_held_by_another(path: Path, mode: int) -> None:
    """A directory that another daemon holds is let go, and can be taken when that has ended."""
    path.mkdir(mode)
    other = StateDir(str(path))
    other.take(create=True)
    store = refused(path)
    other.release()
    assert store.take(create=True) is None
    store.release()


@both_locks
def test_journal_that_cannot_be_read(path: Path, mode: int) -> None:
    """A directory whose journal cannot be read is let go, and can be taken when that is put right."""
    path.mkdir(mode)
    (path / "leases").mkdir()
    store = refused(path)
    (path / "leases").rmdir()
    assert store.take(create=True) is None
    store.release()


def test_unsafe(path: Path) -> None:
    """A directory that others can write to is let go before it is locked."""
    path.mkdir()
    path.chmod(0o777)
    refused(path)
