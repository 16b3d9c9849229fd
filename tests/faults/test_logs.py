"""Log files that cannot be written, in every way: doors work, nothing is silent, no line is half."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import STAMP, Daemon
from tests.support.daemons.logged import Scene
from tests.support.lab.disks import Disk
from tests.support.lab.waiting import wait_until

STARTED = "starting up, listening on eth0"


@pytest.fixture
def scene(pair: Pair, start: Start, tmp_path: Path) -> Scene:
    """A door to knock at."""
    return Scene(pair, start, tmp_path)


def said(daemon: Daemon, text: str, times: int = 1) -> list[str]:
    """What the daemon said on standard output and error, as soon as it said ``text`` so often."""

    def enough() -> list[str] | None:
        lines = daemon.output().splitlines()
        return lines if sum(text in line for line in lines) >= times else None

    return wait_until(enough, 10, f"{times} lines with {text!r}")


def whole(path: Path) -> list[str]:
    """The lines of a log without stamps; fails unless each is whole."""
    text = path.read_text()
    lines = text.splitlines()
    assert (text[-1:], [line for line in lines if not STAMP.match(line)]) == ("\n", [])
    return [STAMP.sub("", line) for line in lines]


def opened(lines: list[str]) -> int:
    """The number of openings in a log."""
    return sum("OPEN SESAME" in line for line in lines)


def test_directory_gone_and_back(scene: Scene) -> None:
    """A log directory that vanishes is named once; when it is back the log says how many lines were lost."""
    folder = scene.directory / "log"
    folder.mkdir()
    log = folder / "knockd.log"
    daemon = scene.begin(log, said="hello")
    daemon.wait_for(STARTED)
    log.unlink()
    folder.rmdir()
    scene.knock(2)
    problem = f"could not write to log file {log}: No such file or directory"
    said(daemon, "command said", times=2)
    folder.mkdir()
    scene.knock()
    shown = said(daemon, "command said", times=3)
    assert daemon.stop() == 0
    found = whole(log)
    lost = re.fullmatch(
        rf"(\d+) lines could not be written to log file {log} \(No such file or directory\)", found[0]
    )
    assert lost is not None
    assert (opened(found), found[-1]) == (1, "shutting down")
    assert [shown.count(line) for line in (problem, f"knockd: {problem}", lost[0])] == [1, 1, 1]
    about_knocks = [sum("secret: " in line for line in lines) for lines in (shown, found)]
    assert int(lost[1]) == about_knocks[0] - about_knocks[1]


def test_full_disk(disk: Disk, scene: Scene) -> None:
    """A disk that fills up costs lines, which are counted, and leaves no half line once there is room."""
    log = disk.path / "knockd.log"
    daemon = scene.begin(log, said="x" * 900)
    daemon.wait_for(STARTED)
    disk.fill()
    problem = f"could not write to log file {log}: No space left on device"
    while problem not in daemon.output():
        scene.knock()
    scene.knock(3)
    disk.free()
    scene.knock()
    daemon.wait_for("lines could not be written")
    scene.knock()
    text = log.read_text()
    lines = text.splitlines()
    assert (text[-1], [line for line in lines if not STAMP.match(line)]) == ("\n", [])
    (found,) = [number for number, line in enumerate(lines) if "could not be written" in line]
    assert lines[found].endswith(f"lines could not be written to log file {log} (No space left on device)")
    cut_off = STAMP.sub("", lines[found - 1])
    assert any(line.startswith(cut_off) for line in daemon.output().splitlines())
    assert sum(line == f"knockd: {problem}" for line in said(daemon, "could not be written")) == 1


def test_read_only_file_system(disk: Disk, scene: Scene) -> None:
    """A read-only log file is named at once, and written when it can be."""
    log = disk.path / "knockd.log"
    disk.read_only(True)
    daemon = scene.begin(log, said="hello")
    said(daemon, f"knockd: could not write to log file {log}: Read-only file system")
    said(daemon, STARTED)
    scene.knock()
    disk.read_only(False, daemon.pid)
    scene.knock()
    daemon.wait_for("OPEN SESAME")
    found = whole(log)
    assert "(Read-only file system)" in found[0]
    assert opened(found) == 1


def test_rotated_by_renaming(scene: Scene) -> None:
    """Without any signal new lines go to a new file, and none is lost."""
    log, rotated = scene.directory / "log", scene.directory / "log.1"
    daemon = scene.begin(log, said="hello")
    daemon.wait_for(STARTED)
    scene.knock(2)
    daemon.wait_for("command said", times=2)
    log.rename(rotated)
    scene.knock(3)
    daemon.wait_for("command said", times=3)
    assert (opened(whole(rotated)), opened(whole(log))) == (2, 3)


def test_rotated_by_copying(scene: Scene) -> None:
    """After copytruncate lines begin at the start of the file, without a hole."""
    log = scene.directory / "log"
    daemon = scene.begin(log, said="hello")
    daemon.wait_for(STARTED)
    scene.knock(2)
    daemon.wait_for("command said", times=2)
    os.truncate(log, 0)
    scene.knock(3)
    daemon.wait_for("command said", times=3)
    assert opened(whole(log)) == 3


def test_log_is_standard_output(scene: Scene) -> None:
    """LogFile = /dev/stdout, as in containers, is a log like any other."""
    daemon = scene.begin(Path("/dev/stdout"), said="hello")
    said(daemon, STARTED)
    scene.knock()
    lines = said(daemon, "command said")
    assert [line for line in lines if "could not" in line] == []


def test_nothing_can_be_written(disk: Disk, scene: Scene) -> None:
    """With no log, no output and no room the door opens all the same, and TERM ends the daemon."""
    disk.fill()
    daemon = scene.begin(disk.path / "knockd.log")
    said(daemon, STARTED)
    scene.knock(3)
    assert daemon.stop() == 0
