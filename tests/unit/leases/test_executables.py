"""A program on a disk that is not the system's is looked at by another process, for a moment only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.leases import executables
from knockd.leases.executables import can_run
from tests.support.lab.waiting import wait_until


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is a disk of its own, and PATH's programs are on that of the shell."""
    table = f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / {tmp_path} rw - nfs server:/ rw\n"
    monkeypatch.setattr(executables, "read_mounts", table.encode)
    monkeypatch.setattr(executables, "ANSWER", 5.0)


def make(path: Path, mode: int = 0o755) -> str:
    """A program."""
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


def test_there(tmp_path: Path) -> None:
    """It is there, by its path and in a folder of PATH."""
    made = make(tmp_path / "tool")
    assert can_run(made, None) is True
    assert can_run("tool", f"/usr/bin:{tmp_path}") is True


def test_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not there, is a folder, or nobody may execute it."""
    monkeypatch.setattr(os.path, "realpath", lambda _: "/usr/bin/dash")
    (tmp_path / "folder").mkdir()
    assert can_run(str(tmp_path / "none"), None) is False
    assert can_run(str(tmp_path / "folder"), None) is False
    assert can_run(make(tmp_path / "text", 0o644), None) is False
    assert can_run("none", f"/usr/bin:{tmp_path}") is False


def test_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process waits for a disk that hangs, however often it is asked for, and its answer counts later."""
    monkeypatch.setattr(os.path, "realpath", lambda _: "/usr/bin/dash")
    monkeypatch.setattr(executables, "ANSWER", 0.01)
    go_on, made = tmp_path / "go-on", make(tmp_path / "tool")
    script = f'echo >> "{tmp_path}/count"; while ! [ -e "{go_on}" ]; do sleep 0.01; done'
    monkeypatch.setattr(executables, "_LOOK", (b"/bin/sh", b"-c", script.encode()))
    assert [can_run(made, None) for _ in range(3)] == [None] * 3
    assert can_run("tool", f"/usr/bin:{tmp_path}") is None
    go_on.touch()
    wait_until(lambda: can_run(made, None), 10, "the disk answers")
    assert (tmp_path / "count").read_text() == "\n"


def test_without_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the table of mounts, as without /proc, it is looked at here."""

    def refuse() -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(executables, "read_mounts", refuse)
    monkeypatch.setattr(executables, "_LOOK", (b"/bin/false",))
    assert can_run(make(tmp_path / "tool"), None) is True
