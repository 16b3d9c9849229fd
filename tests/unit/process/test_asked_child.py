"""A child that answers lines."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from knockd.process.asked_child import AskedChild
from knockd.process.fork import fork_child


def test_asks() -> None:
    """What was begun once answers each question, in another process."""

    def begin() -> object:
        begun = [0]

        def answer(line: bytes) -> bytes:
            begun[0] += 1
            return b"%d %d %s" % (os.getpid(), begun[0], line[::-1])

        return answer

    child = AskedChild(fork_child, begin)  # type: ignore[arg-type]
    assert [child.ask(line, 100).split()[1:] for line in (b"abc", b"")] == [[b"1", b"cba"], [b"2"]]
    assert child.ask(b"", 100).split()[0] == str(child.pid).encode() != str(os.getpid()).encode()
    child.close()
    assert not Path(f"/proc/{child.pid}").exists()


def test_long_answer() -> None:
    """One with more bytes than were asked for is none."""
    child = AskedChild(fork_child, lambda: lambda _: b"x" * 1_000)
    assert len(child.ask(b"", 1_000)) == 1_000
    with pytest.raises(OSError, match="no whole answer"):
        child.ask(b"", 999)
    child.close()


def test_leaves_no_core() -> None:
    """It may have keys in its memory."""
    child = AskedChild(fork_child, lambda: bytes)
    child.ask(b"", 10)
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
    child.close()


def test_ended() -> None:
    """One that has ended answers nothing, and is closed all the same."""
    child = AskedChild(fork_child, lambda: bytes)
    child.ask(b"", 10)
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(OSError, match=r"no whole answer|Broken pipe"):
        child.ask(b"again", 10)
    child.close()


def test_no_process() -> None:
    """When no process can be had, that is said and no descriptor stays."""

    def refuse(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        AskedChild(refuse, lambda: bytes)
    assert os.listdir("/proc/self/fd") == before
