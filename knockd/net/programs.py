"""Programs that print what they know: where they are, and what they say. They change nothing.

It may take a while: call it in a process that nobody waits for.

World: other programs.
"""

from __future__ import annotations

import os
import time

FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin")
"""Where programs are looked for, in this order."""


class Patience:
    """A time that all programs have together: ``seconds`` from when it was made."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; none: less than 0."""
        return self._until - time.monotonic()


class UnreadableError(Exception):
    """Why a program did not say what it was asked for."""


def find_program(name: str) -> str | None:
    """The path of a program, None when it is not here."""
    paths = (os.path.join(folder, name) for folder in FOLDERS)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def find_loaded_tables(names: str) -> frozenset[str]:
    """The tables of the older iptables that are loaded, from ``/proc/net/ip_tables_names`` or its kin.

    Only root may read that. Raises OSError.
    """
    try:
        with open(names, encoding="ascii") as file:
            return frozenset(file.read().split())
    except FileNotFoundError:
        return frozenset()


def run_program(patience: Patience, program: str, *words: str) -> str:
    """What a program prints in the time that is left. Raises OSError and UnreadableError."""
    import subprocess  # the daemon itself, which asks in a child, has no use for it

    environment = {"PATH": ":".join(FOLDERS), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience.left,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"timed out, all programs together have {patience.seconds:g} seconds"
        raise UnreadableError(f"{os.path.basename(program)}: {reason}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[0] if said else f"status {done.returncode}"
        raise UnreadableError(f"{os.path.basename(program)}: {reason}")
    return done.stdout.decode("utf-8", "replace")
