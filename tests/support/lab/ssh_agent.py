"""A real ssh-agent, and real keys of ssh-keygen."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until


def make_key(path: Path, comment: str = "laptop", passphrase: str = "", kind: str = "ed25519") -> Path:
    """Makes a key pair; the path of the private one."""
    short = ("-b", "1024") if kind == "rsa" else ()
    command = (need("ssh-keygen"), "-q", "-t", kind, *short, "-N", passphrase, "-C", comment, "-f", str(path))
    subprocess.run(command, check=True, timeout=60)
    return path


def print_fingerprint(path: Path) -> str:
    """The fingerprint of a key as ssh-keygen prints it."""
    command = (need("ssh-keygen"), "-l", "-f", str(path))
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()[1]


class SshAgent:
    """An agent that listens at a path in ``folder``, from entering the context to leaving it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "agent"

    def __enter__(self) -> SshAgent:
        """Waits until it listens."""
        command = (need("ssh-agent"), "-D", "-a", str(self.path))
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self.path.exists, 20, "the agent listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)

    def add(self, *argv: str | Path, environ: dict[str, str] | None = None) -> None:
        """Runs ssh-add with these arguments."""
        command = (need("ssh-add"), "-q", *map(str, argv))
        variables = {**os.environ, "SSH_AUTH_SOCK": str(self.path), **(environ or {})}
        subprocess.run(
            command, env=variables, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60
        )
