"""The right to build a lab: as root at once, for everyone else in a user namespace of their own.

``python -m tests.support.lab.enter COMMAND ...`` runs a command with that right.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PREPARE = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$@"'
"""First commands inside: a private /run, since ``ip netns`` keeps its names in /run/netns."""


def may_build() -> bool:
    """Whether this process can make network namespaces (root, here or in a user namespace)."""
    return os.geteuid() == 0


def wrapped(argv: list[str]) -> list[str]:
    """``argv`` as it has to be started to be able to build a lab."""
    if may_build():
        return argv
    # Programs that name temporary directories after the user must not take the real root's.
    name = f"LOGNAME=uid{os.getuid()}"
    return ["unshare", "-Urnm", "env", name, "sh", "-c", PREPARE, "sh", *argv]


def why_not() -> str | None:
    """What keeps an unprivileged user from building a lab; None when nothing does."""
    if may_build():
        return None
    if shutil.which("unshare") is None:
        return "unshare is missing (apt-get install util-linux)"
    probe = subprocess.run(wrapped(["true"]), capture_output=True, text=True, check=False)
    if probe.returncode == 0:
        return None
    return f"neither root nor allowed to make a user namespace: {probe.stderr.strip()}"


def run(argv: list[str]) -> None:
    """Become ``argv`` with the right to build a lab. Returns only by raising SystemExit."""
    reason = why_not()
    if reason is not None:
        raise SystemExit(reason)
    command = wrapped(argv)
    os.execvp(command[0], command)


if __name__ == "__main__":
    run(sys.argv[1:])
