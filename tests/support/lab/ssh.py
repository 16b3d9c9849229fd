"""A real OpenSSH server on a lab host, with keys of its own, and sessions of a real client."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.lab.hosts import Host, execute
from tests.support.lab.services import can_reach
from tests.support.lab.tools import lacking, need
from tests.support.lab.waiting import wait_until

SETTINGS = """
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
PidFile none
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PrintMotd no
"""
CLIENT = (
    "-F",
    "none",
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
)

PREPARE = 'mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 755 /run/sshd && exec "$@"'
"""A /run of its own: in /run/sshd it shuts its unprivileged part in, and a machine without sshd has none."""


class SshServer:
    """sshd on a host, port 22; whoever has the key logs in as the user who runs the tests."""

    def __init__(self, host: Host, directory: Path) -> None:
        self.key = directory / "user"
        """The private key of whoever may log in."""
        for name in ("host", "user"):
            execute(need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name))
        settings = directory / "sshd_config"
        settings.write_text(SETTINGS.format(directory=directory))
        log = directory / "sshd.log"
        command = (need("sshd"), "-D", "-f", str(settings), "-E", str(log))
        host.popen("sh", "-c", PREPARE, "sh", *command)
        wait_until(lambda: can_reach(host, "127.0.0.1", 22), 10, "sshd listens")

    @contextmanager
    def session(self, client: Host, address: str) -> Iterator[subprocess.Popen[Any]]:
        """A shell on the server, logged in to; it ends as a user ends it, when the block does."""
        command = (need("ssh"), *CLIENT, "-i", str(self.key), f"root@{address}", "echo in; exec cat")
        process = client.popen(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"in\n"
            yield process
            process.stdin.close()
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()


def need_ssh() -> None:
    """Leave the test where no OpenSSH server can run: it changes to users that a user namespace may lack."""
    need("sshd")
    need("ssh")
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"] or os.geteuid() != 0:
        lacking("sshd needs root, and not that of a user namespace")
