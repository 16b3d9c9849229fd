"""Look-ups read what a stranger's name server sent: they have nothing that he could take."""

from __future__ import annotations

import os
import socket

import pytest

from knockd.process.privileges import packet_user
from knockd.process.unprivileged import fork_unprivileged

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has nothing to give up")


def status_of_child() -> dict[str, str]:
    """/proc/self/status as a unprivileged child reads its own."""
    reader, writer = os.pipe()

    def main() -> int:
        with open("/proc/self/status", "rb") as status:
            os.write(writer, status.read())
        return 0

    pid = fork_unprivileged(lambda: packet_user(None))(main, [writer])
    os.close(writer)
    with os.fdopen(reader, encoding="ascii") as answer:
        lines = answer.read().splitlines()
    assert os.waitpid(pid, 0) == (pid, 0)
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_a_look_up_is_not_root_and_may_nothing() -> None:
    """Another user, no group, no capability in any set, and no way to new ones."""
    found = status_of_child()
    assert "0" not in found["Uid"].split()
    assert "0" not in found["Gid"].split()
    assert found["Groups"].strip() == ""
    assert {"0" * 16} == {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
    assert found["NoNewPrivs"] == "1"


def test_it_can_still_ask() -> None:
    """What a look-up needs of Python is there, wherever Python is installed."""
    reader, writer = os.pipe()

    def main() -> int:
        os.write(writer, socket.gethostbyaddr("127.0.0.1")[0].encode())
        return 0

    pid = fork_unprivileged(lambda: packet_user(None))(main, [writer])
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == "localhost"
    assert os.waitpid(pid, 0) == (pid, 0)
