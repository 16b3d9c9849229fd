"""Syslog and standard output that nobody reads: doors work, and every lost line is counted."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, OURS
from tests.support.daemons.doors import door
from tests.support.daemons.logged import Scene
from tests.support.lab.disks import with_devlog
from tests.support.lab.waiting import wait_until

F_SETPIPE_SZ = 1031
"""Size of a pipe, linux/fcntl.h."""


@pytest.fixture
def scene(pair: Pair, start: Start, tmp_path: Path) -> Scene:
    """A door to knock at."""
    return Scene(pair, start, tmp_path)


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
        head = re.match(r"<29>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d knockd: ", message)
        assert head is not None
        found.append(message[head.end() :])
    return found


def test_facility(
    pair: Pair, start: Start, either: tuple[str, ...], syslogd: Callable[[], socket.socket], tmp_path: Path
) -> None:
    """Lines are sent with facility daemon and priority notice, as rules of rsyslog know knockd 0.8."""
    received = syslogd()
    program = with_devlog(either, tmp_path)
    text = f"[options]\nUseSyslog\n{door('secret', '700')}"
    daemon = start(pair.server, text, program=program, ready=None)
    lines = (received.recv(10_000).decode() for _ in range(10))
    started = next(line for line in lines if "starting up" in line)  # ours says first what may surprise
    assert re.match(r"<29>.*knockd.*: starting up, listening on eth0", started)
    daemon.process.kill()  # 0.8 does not end on TERM here
    daemon.process.wait()


def test_syslog(scene: Scene, syslogd: Callable[[], socket.socket], tmp_path: Path) -> None:
    """Syslog missing, come, restarted, hanging and awake: doors open, and every lost line is counted."""
    log = tmp_path / "log"
    daemon = scene.begin(log, program=with_devlog(OURS, tmp_path), UseSyslog="yes")
    daemon.wait_for("could not write to syslog: No such file or directory")
    scene.knock()
    missed = [line for line in daemon.log_lines() if "could not" not in line]
    first = syslogd()
    scene.knock()
    # Lost lines, three stages, open, command.
    heard = hear(first, "running command")
    assert (heard[0], len(heard)) == (
        f"{len(missed)} lines could not be written to syslog (No such file or directory)",
        6,
    )
    second = syslogd()
    scene.knock()
    assert len(hear(second, "running command")) == 5
    knocks = 0
    while not daemon.count("could not write to syslog: Resource temporarily unavailable"):
        scene.knock()
        knocks += 1
    taken = len(hear_all(second))
    scene.knock()
    back = hear(second, "running command")
    lost = int(back[0].partition(" ")[0])
    assert (back[0].partition(" ")[2], taken + lost) == (
        "lines could not be written to syslog (Resource temporarily unavailable)",
        knocks * 5,
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
    """A full pipe of -v holds up nothing; later a line says how many its reader missed."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, F_SETPIPE_SZ, 16_384)
    program = ("sh", "-c", f'exec "$@" > {fifo}', "sh", *OURS)
    daemon = scene.begin(None, said="x" * 900, program=program)
    daemon.wait_for(LISTENING)
    scene.knock(15)
    daemon.wait_for("could not write to standard output: nobody reads it")
    before = os.read(reader, 1_000_000).decode().splitlines()
    scene.knock()
    lines = daemon.wait_for("command said", times=16)
    after = wait_until(lambda: os.read(reader, 1_000_000).decode().splitlines(), 10, "lines come")
    (loss,) = [line for line in after if "could not be written to standard output" in line]
    lost = int(loss.partition(" ")[0])
    ours = [line for line in lines if "standard output" not in line]
    shown = [*before, *(line for line in after if line != loss)]
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
    daemon = scene.begin(None, "-D", program=program)
    daemon.wait_for(LISTENING)
    scene.knock()
    os.close(reader)
    scene.knock(2)
    lines = daemon.wait_for("running command", times=3)
    expected = ["could not write to standard output: Broken pipe"] if to == "> fifo" else []
    assert [line for line in lines if "could not" in line] == expected
    assert daemon.stop() == 0
