"""The pid file of the daemon: held, moved, kept where a move fails, removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from knockd.files.pid_file import PidFile
from knockd.keeper.held_pid_file import HeldPidFile

Logged = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def logged() -> Logged:
    """Events so far."""
    return []


@pytest.fixture
def held(logged: Logged) -> HeldPidFile:
    """No pid file is held yet."""
    return HeldPidFile(lambda event, **fields: logged.append((event, fields)))


def test_hold(held: HeldPidFile, tmp_path: Path) -> None:
    """The file names us, and goes at the end."""
    path = tmp_path / "pid"
    assert held.hold(str(path)) == ""
    assert f"{os.getpid()}\n" == path.read_text()
    held.remove()
    assert not path.exists()


def test_another_daemon_holds_it(held: HeldPidFile, tmp_path: Path, logged: Logged) -> None:
    """The reason is returned and logged, and the other daemon's file stays."""
    path = str(tmp_path / "pid")
    other = PidFile(path)
    other.write()
    assert "another knockd holds it" == held.hold(path)
    held.remove()
    assert os.path.exists(path)
    assert [("pid-file", {"path": path, "reason": "another knockd holds it"})] == logged
    other.remove()


def test_move(held: HeldPidFile, tmp_path: Path) -> None:
    """At another path the file before is removed."""
    old, new = tmp_path / "old", tmp_path / "new"
    held.hold(str(old))
    held.move(str(new))
    assert new.exists()
    assert not old.exists()
    held.remove()


def test_move_to_where_it_is(held: HeldPidFile, tmp_path: Path) -> None:
    """The same path, or none, changes nothing."""
    path = tmp_path / "pid"
    held.hold(str(path))
    number = path.stat().st_ino
    held.move(str(path))
    held.move(None)
    assert number == path.stat().st_ino
    held.remove()


def test_a_move_that_fails(held: HeldPidFile, tmp_path: Path, logged: Logged) -> None:
    """The file before stays, and the log says why."""
    old, new = tmp_path / "old", tmp_path / "nowhere" / "pid"
    held.hold(str(old))
    held.move(str(new))
    assert old.exists()
    assert [("pid-file", {"path": str(new), "reason": "No such file or directory"})] == logged
    held.remove()


def test_possible_later(held: HeldPidFile, tmp_path: Path) -> None:
    """A pid file that could not be created is, at a reload, when it can."""
    path = tmp_path / "run" / "pid"
    assert held.hold(str(path)) == "No such file or directory"
    path.parent.mkdir()
    held.move(str(path))
    assert f"{os.getpid()}\n" == path.read_text()
    held.remove()


def test_nothing_to_move(held: HeldPidFile, tmp_path: Path) -> None:
    """A daemon in the foreground has no pid file, also after a reload that names one."""
    held.move(str(tmp_path / "pid"))
    held.remove()
    assert [] == list(tmp_path.iterdir())
