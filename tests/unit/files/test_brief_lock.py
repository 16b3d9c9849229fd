"""Locks that two daemons hold for moments."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.files import brief_lock
from knockd.files.brief_lock import lock_openers, lock_writers


@pytest.fixture
def descriptor(tmp_path: Path) -> int:
    """A file that is open for writing."""
    return os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)


def fail(monkeypatch: pytest.MonkeyPatch, lock: str, *errors: OSError) -> list[OSError]:
    """Lets the next locks fail; returns what is left of the errors."""
    left = list(errors)

    def once(*_: object) -> None:
        if left:
            raise left.pop(0)

    monkeypatch.setattr(f"knockd.files.brief_lock.fcntl.{lock}", once)
    return left


def test_lock_of_openers(descriptor: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another opening of the file is kept out until the first is closed, for a second at most."""
    monkeypatch.setattr(brief_lock, "PATIENCE", 0.05)
    lock_openers(descriptor)
    with (tmp_path / "file").open() as other:
        with pytest.raises(OSError, match="another process has locked it"):
            lock_openers(other.fileno())
        os.close(descriptor)
        lock_openers(other.fileno())


def test_readers_lock_no_writer_out(descriptor: int, tmp_path: Path) -> None:
    """Who can only read the file cannot keep us from it."""
    with (tmp_path / "file").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        lock_writers(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize(("lock", "name"), [(lock_writers, "lockf"), (lock_openers, "flock")])
def test_another_is_soon_ready(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, lock: Callable[[int], None], name: str
) -> None:
    """Who finds it locked waits a moment."""
    left = fail(monkeypatch, name, BlockingIOError(), BlockingIOError())
    lock(descriptor)
    assert [] == left


def test_without_locks(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks keeps nobody out."""
    left = fail(monkeypatch, "lockf", OSError(37, "No locks available"))
    lock_writers(descriptor)
    assert [] == left
