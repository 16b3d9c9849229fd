"""Real knocks and the moment their command starts: kernel sockets on one side, a stamp on the other."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab.hosts import Host
from tests.support.lab.services import family_of

STAMP_C = r"""
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct timespec now;
    char line[128];
    clock_gettime(CLOCK_REALTIME, &now);
    int file = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600);
    int length = snprintf(line, sizeof line, "%lld%09ld %s\n", (long long)now.tv_sec, now.tv_nsec, argv[2]);
    return write(file, line, length) == length ? 0 : 1;
}
"""
STAMP_SH = """#!/bin/sh
echo "$(date +%s%N) $2" >> "$1"
"""


class Stamps:
    """A command that notes the time as the first thing it does, and the knocker's address.

    In C where there is a compiler (0.3 ms from exec to the stamp), else a shell script (2 ms).
    """

    def __init__(self, directory: Path) -> None:
        self._program = directory / "stamp"
        self._directory = directory
        self.compiled = self._compile()
        if not self.compiled:
            self._program.write_text(STAMP_SH)
            self._program.chmod(0o755)

    def _compile(self) -> bool:
        compiler = shutil.which("cc")
        if compiler is None:
            return False
        command = [compiler, "-O2", "-static", "-x", "c", "-o", str(self._program), "-"]
        done = subprocess.run(command, input=STAMP_C, text=True, capture_output=True, check=False)
        return done.returncode == 0

    def command(self, name: str) -> str:
        """The command line of a door; ``name`` identifies the daemon that runs it."""
        return f"{self._program} {self._directory / name} %IP%"

    def read(self, name: str) -> list[tuple[float, str]]:
        """(seconds since the epoch, knocker's address) of every start of ``command(name)`` so far."""
        path = self._directory / name
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]) / 1e9, line.split()[1]) for line in lines]


@dataclass(frozen=True)
class Knock:
    """One knock that was sent: by whom, and when its last packet went out (seconds since the epoch)."""

    source: str
    sent: float

    def delay(self, stamps: Sequence[tuple[float, str]]) -> float | None:
        """Seconds from the last packet to the first instruction of the command; None: it never ran."""
        after = [at - self.sent for at, source in stamps if source == self.source and at >= self.sent]
        return min(after, default=None)


def knock(host: Host, source: str, address: str, steps: Sequence[str], pause: float) -> Knock:
    """Knock with plain sockets bound to ``source``; ``pause`` is in seconds between two packets.

    A TCP step is one SYN: its socket is closed before it is sent again.
    """
    sent = 0.0
    for number, step in enumerate(steps):
        if number:
            time.sleep(pause)
        port, _, protocol = step.partition(":")
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        with host.socket(family_of(address), kind) as sock:
            sock.setblocking(False)
            sock.bind((source, 0))
            sent = time.time()
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                sock.connect((address, int(port)))
                if kind == socket.SOCK_DGRAM:
                    sock.send(b"\0")
    return Knock(source, sent)
