"""A program on a disk that is not the system's is looked at by another process, for a moment only."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from knockd.leases import executables
from knockd.leases.executables import can_run, collect_looks
from tests.support.lab.waiting import wait_until


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is a disk of its own; PATH's programs are on that of the shell, and so is tmp_path."""
    made = tmp_path / "disk"
    made.mkdir()
    table = f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / {made} rw - nfs server:/ rw\n"
    monkeypatch.setattr(executables, "read_mounts", table.encode)
    monkeypatch.setattr(executables, "ANSWER", 5.0)
    monkeypatch.setattr(os.path, "realpath", lambda _: "/usr/bin/dash")
    yield made
    (tmp_path / "go-on").touch()
    wait_until(nobody_looks, 10, "all looks have come back")


def make(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
    """A program."""
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_there(disk: Path) -> None:
    """It is there, by its path and in a folder of PATH."""
    made = make(disk / "tool")
    assert can_run(made, None) is True
    assert can_run("tool", f"/usr/bin:{disk}") is True


def test_not_there(disk: Path) -> None:
    """It is not there, is a folder, nobody may execute it, or what runs it is not there."""
    (disk / "folder").mkdir()
    assert can_run(str(disk / "none"), None) is False
    assert can_run(str(disk / "folder"), None) is False
    assert can_run(make(disk / "text", mode=0o644), None) is False
    assert can_run(make(disk / "windows", "#!/bin/sh\r\n"), None) is False
    assert can_run("none", f"/usr/bin:{disk}") is False


def hang(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The disk hangs until the file is there that is returned; who waits writes a line into ``count``."""
    go_on, answer = disk.parent / "go-on", executables._answer

    def wait(file: str) -> int:
        with (disk.parent / "new").open("a") as count:
            count.write(f"{file}\n")
        os.link(disk.parent / "new", disk.parent / "count")  # a second look would fail here
        wait_until(go_on.exists, 60, "the disk answers")
        return answer(file)

    monkeypatch.setattr(executables, "ANSWER", 0.01)
    monkeypatch.setattr(executables, "_answer", wait)
    return go_on


def nobody_looks() -> bool:
    """Whether all looks have come back."""
    collect_looks()
    return not executables._looking


def test_no_answer(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process waits for a disk that hangs, however often it is asked for; later it is looked at anew."""
    made = make(disk / "tool")
    go_on = hang(disk, monkeypatch)
    assert [can_run(made, None) for _ in range(3)] == [None] * 3
    assert can_run("tool", f"/usr/bin:{disk}") is None
    wait_until((disk.parent / "count").exists, 10, "somebody looks")
    assert (disk.parent / "count").read_text() == f"{made}\n"
    os.unlink(made)
    go_on.touch()
    wait_until(nobody_looks, 10, "it has come back")
    monkeypatch.setattr(executables, "ANSWER", 5.0)
    assert can_run(made, None) is False


def test_interpreter_on_a_disk_that_hangs(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs a script counts, too."""
    shell = make(disk / "shell")
    script = make(disk.parent / "script", f"#!{shell}\n")
    assert can_run(script, None) is True
    hang(disk, monkeypatch)
    assert can_run(script, None) is None


def test_no_process(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for another process nobody knows."""
    refused = Mock(side_effect=OSError(errno.EAGAIN, "Resource temporarily unavailable"))
    monkeypatch.setattr(executables, "fork_child", refused)
    assert can_run(make(disk / "tool"), None) is None


def test_at_home(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on the system's disk is looked at here, and everything where /proc is missing."""
    monkeypatch.setattr(executables, "fork_child", Mock(side_effect=AssertionError))
    assert can_run(make(disk.parent / "tool"), None) is True
    monkeypatch.setattr(executables, "read_mounts", Mock(side_effect=FileNotFoundError))
    assert can_run(make(disk / "tool"), None) is True
