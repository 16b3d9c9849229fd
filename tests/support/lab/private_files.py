"""A lab host with an /etc and a /run of its own: what programs write there is gone with the test."""

from __future__ import annotations

import subprocess

from tests.support.lab.hosts import Host

_SET_UP = """
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
mount -t tmpfs tmpfs /run
mkdir /run/lock
echo ready
exec cat
"""


def give_private_files(host: Host) -> None:
    """From now on every command on ``host`` sees /etc as it is, changes a copy, and finds /run empty.

    systemd is not to be seen, so nothing reaches that of the machine. Raises AssertionError where the kernel
    has no overlays.
    """
    holder = host.popen(
        "unshare",
        "-m",
        "sh",
        "-ec",
        _SET_UP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert holder.stdout is not None
    said = holder.stdout.readline()
    assert said == "ready\n", f"no private files: {said}{holder.stdout.read()}"
    host.exec_prefix = ("nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", f"--net=/proc/{holder.pid}/ns/net")
