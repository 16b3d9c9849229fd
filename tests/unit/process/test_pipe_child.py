"""Children that say through a pipe what came of something: what they leave behind, and how they end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.process.fork import fork_child
from knockd.process.pipe_child import PipeChild


def test_no_process_left() -> None:
    """When it cannot be forked no descriptor stays behind."""

    def fork(*_: object) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="temporarily unavailable"):
        PipeChild(fork, lambda _: 0)
    assert before == os.listdir("/proc/self/fd")


def test_no_core() -> None:
    """A child that crashes leaves no core, whatever the limits of its parent."""

    def tell(write: Callable[[bytes], None]) -> int:
        write(Path("/proc/self/limits").read_bytes())
        return 0

    made = PipeChild(fork_child, tell)
    limits = b""
    while part := os.read(made.fileno(), 65_536):
        limits += part
    made.close()
    assert os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]) == 0
    (core,) = (line.split() for line in limits.decode().splitlines() if line.startswith("Max core file size"))
    assert core[4:6] == ["0", "0"]


def test_parent_that_does_not_read() -> None:
    """A child whose parent reads no more ends without a complaint."""

    def write_all(write: Callable[[bytes], None]) -> int:
        write(b"x" * 1_000_000)
        return 3

    made = PipeChild(fork_child, write_all)
    made.close()
    assert os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]) == 3
