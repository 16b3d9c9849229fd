"""Logs that cannot be written, in every way: doors work, nothing is silent, no line is half."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemon import OURS, STAMP, Daemon
from tests.support.disks import Disk, with_devlog
from tests.support.doors import SERVER, config, door
from tests.support.services import send_knock
from tests.support.waiting import wait_until

F_SETPIPE_SZ = 1031
"""Size of a pipe, linux/fcntl.h."""

STARTED = "starting up, listening on eth0"


@dataclass(frozen=True)
class Scene:
    """A daemon with one door, whose command notes each opening, and which logs to ``log``."""

    pair: Pair
    start: Start
    directory: Path

    @property
    def opened(self) -> Path:
        """A line for each opening."""
        return self.directory / "opened"

    def begin(self, log: Path | None, *options: str, said: str = "", **given: object) -> Daemon:
        """Starts the daemon; the command of its door says ``said``."""
        command = f"echo open >> {self.opened}; echo {said}"
        text = config(door("secret", "700,800", start_command=command), **given)
        logs = () if log is None else ("-g", str(log))
        state = ("--state-dir", str(self.directory / "state"))
        daemon = self.start(self.pair.server, text, *logs, *state, *options, ready=None)
        if log is not None:
            daemon.log_path = log
        return daemon

    def knock(self, times: int = 1) -> None:
        """Knocks until the door has opened so many times more."""
        before = self.count()
        for number in range(before + 1, before + times + 1):
            send_knock(self.pair.client, SERVER[4], "700", "800")
            wait_until(partial(self.has_opened, number), 10, "the door opens")

    def has_opened(self, times: int) -> bool:
        """Whether the door has opened so often."""
        return self.count() >= times

    def count(self) -> int:
        """How often the door has opened."""
        return len(self.opened.read_text().splitlines()) if self.opened.exists() else 0


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
    """How many openings a log tells of."""
    return sum("OPEN SESAME" in line for line in lines)


def test_directory_gone_and_back(scene: Scene) -> None:
    """A log directory that vanishes is named once, its lines are counted, and told when it is back."""
    folder = scene.directory / "log"
    folder.mkdir()
    log = folder / "knockd.log"
    daemon = scene.begin(log)
    daemon.wait_for(STARTED)
    log.unlink()
    folder.rmdir()
    scene.knock(2)
    problem = f"could not write to log file {log}: No such file or directory"
    lines = said(daemon, "OPEN SESAME", times=2)
    said(daemon, f"knockd: {problem}")
    folder.mkdir()
    scene.knock()
    daemon.wait_for("OPEN SESAME")
    found = whole(log)
    lost = re.fullmatch(
        rf"(\d+) lines could not be written to log file {log} \(No such file or directory\)", found[0]
    )
    assert lost is not None
    assert (sum(line == problem for line in lines), opened(found)) == (1, 1)
    everything = said(daemon, lost[0])
    ours = [line for line in everything if "could not" not in line]
    assert int(lost[1]) == len(ours) - 1 - (len(found) - 1)


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
    (told,) = [number for number, line in enumerate(lines) if "could not be written" in line]
    assert lines[told].endswith(f"lines could not be written to log file {log} (No space left on device)")
    cut_off = STAMP.sub("", lines[told - 1])
    assert any(line.startswith(cut_off) for line in daemon.output().splitlines())
    assert sum(line == f"knockd: {problem}" for line in said(daemon, "could not be written")) == 1


def test_read_only_file_system(disk: Disk, scene: Scene) -> None:
    """A read-only log file is named at once, and written when it can be."""
    log = disk.path / "knockd.log"
    disk.read_only(True)
    daemon = scene.begin(log)
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
    daemon = scene.begin(log)
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
    daemon = scene.begin(log)
    daemon.wait_for(STARTED)
    scene.knock(2)
    daemon.wait_for("command said", times=2)
    os.truncate(log, 0)
    scene.knock(3)
    daemon.wait_for("command said", times=3)
    assert opened(whole(log)) == 3


@pytest.fixture
def syslogd(tmp_path: Path) -> Iterator[Callable[[], socket.socket]]:
    """Starts a syslog daemon that takes nothing until it is read."""
    made: list[socket.socket] = []

    def begin() -> socket.socket:
        (tmp_path / "devlog").unlink(missing_ok=True)
        for old in made:
            old.close()
        made.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        made[-1].bind(str(tmp_path / "devlog"))
        made[-1].settimeout(10)
        return made[-1]

    yield begin
    for one in made:
        one.close()


def hear(syslogd: socket.socket, text: str) -> list[str]:
    """Messages up to the first with ``text``, without what libc puts in front of them."""
    found: list[str] = []
    while not found or text not in found[-1]:
        message = syslogd.recv(10_000).decode()
        head = re.match(r"<13>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d knockd: ", message)
        assert head is not None
        found.append(message[head.end() :])
    return found


def test_syslog(scene: Scene, syslogd: Callable[[], socket.socket], tmp_path: Path) -> None:
    """Syslog missing, come, restarted, hanging and awake: doors open, and every lost line is counted."""
    program = with_devlog(OURS, tmp_path)
    log = tmp_path / "log"
    command = f"echo open >> {scene.opened}"
    text = config(door("secret", "700,800", start_command=command), UseSyslog="yes")
    state = ("--state-dir", str(tmp_path / "state"))
    daemon = scene.start(scene.pair.server, text, "-g", str(log), *state, program=program, ready=None)
    daemon.log_path = log
    daemon.wait_for("could not write to syslog: No such file or directory")
    scene.knock()
    first = syslogd()
    scene.knock()
    heard = hear(first, "running command")
    # Its start, and stage 1, stage 2, open, command of the first knock.
    assert (heard[0], len(heard)) == (
        "5 lines could not be written to syslog (No such file or directory)",
        5,
    )
    second = syslogd()
    scene.knock()
    assert len(hear(second, "running command")) == 4
    knocks = 0
    while "(Resource temporarily unavailable)" not in daemon.output() + log.read_text():
        scene.knock()
        knocks += 1
        if "could not write to syslog: Resource temporarily unavailable" in log.read_text():
            break
    taken = len(hear_all(second))
    scene.knock()
    back = hear(second, "running command")
    lost = int(back[0].partition(" ")[0])
    assert (back[0].partition(" ")[2], taken + lost) == (
        "lines could not be written to syslog (Resource temporarily unavailable)",
        knocks * 4,
    )
    assert daemon.stop() == 0


def hear_all(syslogd: socket.socket) -> list[str]:
    """What waits in a syslog daemon's queue."""
    found = []
    syslogd.setblocking(False)
    try:
        while True:
            found.append(syslogd.recv(10_000).decode())
    except BlockingIOError:
        syslogd.settimeout(10)
        return found


def test_stuck_reader(scene: Scene, tmp_path: Path) -> None:
    """A full pipe of -v holds up nothing; its reader is told what it missed."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, F_SETPIPE_SZ, 16_384)
    program = ("sh", "-c", f'exec "$@" > {fifo}', "sh", *OURS)
    text = config(door("secret", "700,800", start_command=f"echo open >> {scene.opened}; echo {'x' * 900}"))
    state = ("--state-dir", str(tmp_path / "state"))
    daemon = scene.start(scene.pair.server, text, *state, program=program)
    daemon.wait_for(STARTED)
    scene.knock(15)
    daemon.wait_for("could not write to standard output: nobody reads it")
    before = os.read(reader, 1_000_000).decode().splitlines()
    scene.knock()
    lines = daemon.wait_for("command said", times=16)
    after = wait_until(lambda: os.read(reader, 1_000_000).decode().splitlines(), 10, "lines come")
    (told,) = [line for line in after if "could not be written to standard output" in line]
    lost = int(told.partition(" ")[0])
    ours = [line for line in lines if "standard output" not in line]
    shown = [*before, *(line for line in after if line != told)]
    assert (lost + len(shown), shown[-1]) == (len(ours), ours[-1])
    assert daemon.count("could not write to standard output") == 1
    os.close(reader)
    assert daemon.stop() == 0


@pytest.mark.parametrize("to", [">&-", "2>&- >&- <&-", "> fifo"], ids=["closed", "all closed", "reader gone"])
def test_nobody_reads(scene: Scene, to: str, tmp_path: Path) -> None:
    """Standard output that is closed, or whose reader leaves, changes nothing else."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    program = ("sh", "-c", f'exec "$@" {to.replace("fifo", str(fifo))}', "sh", *OURS)
    text = config(door("secret", "700,800", start_command=f"echo open >> {scene.opened}"))
    state = ("--state-dir", str(tmp_path / "state"))
    daemon = scene.start(scene.pair.server, text, *state, "-D", program=program)
    scene.knock()
    os.close(reader)
    scene.knock(2)
    lines = daemon.wait_for("running command", times=3)
    expected = ["could not write to standard output: Broken pipe"] if to == "> fifo" else []
    assert [line for line in lines if "could not" in line] == expected
    assert daemon.stop() == 0


def test_log_is_standard_output(scene: Scene) -> None:
    """LogFile = /dev/stdout, as in containers, is a log like any other."""
    daemon = scene.begin(Path("/dev/stdout"))
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
