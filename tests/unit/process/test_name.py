"""The names of our processes: what pidof, ps and pgrep see of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.process import name
from knockd.process.fork import fork_child

CHANGE = "import sys; from knockd.process.name import *; {}; print(open('/proc/self/comm').read(), end='');"
SHOW = "sys.stdout.buffer.write(open('/proc/self/cmdline', 'rb').read())"


def names(call: str, *argv: str) -> tuple[str, bytes]:
    """The kernel's name and the command line of a process with these arguments, after a call."""
    code = CHANGE.format(call) + "sys.stdout.flush();" + SHOW
    path = os.pathsep.join(str(Path(*Path(__file__).parts[:-4]) / part) for part in ("", "bpf", "conf"))
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, check=True, env={"PYTHONPATH": path}
    )
    comm, _, line = done.stdout.partition(b"\n")
    return comm.decode(), line


@pytest.mark.parametrize(
    ("program", "shown"),
    [("/usr/local/bin/knockd", b"/usr/local/bin/knockd"), ("/x/knockd/__main__.py", b"knockd")],
)
def test_daemon(program: str, shown: bytes) -> None:
    """The daemon is knockd, by its path where it has one, and then come its options, as in 0.8."""
    comm, line = names(f"name_daemon(['{program}', '-i', 'eth0'])")
    assert comm == "knockd"
    assert line.rstrip(b"\0").split(b"\0") == [shown, b"-i", b"eth0"]


def test_other_processes() -> None:
    """Of the options that it was started with, a child shows none."""
    comm, line = names("name_process(PACKETS)", "-c", "/etc/knockd.conf")
    assert (comm, line.rstrip(b"\0")) == ("knock-packets", b"knock-packets")


def test_too_long() -> None:
    """A command line that is longer than the one before is cut off, and ends where that did."""
    _, line = names("name_process('knockd', ['knockd', 'x' * 9_000])", "last")
    assert line.startswith(b"knockd\0xxx")
    assert line.endswith(b"x\0")


@pytest.mark.parametrize("one", [name.PACKETS, name.HELPER, name.INIT, name.STARTER])
def test_no_part_of_a_name(one: str) -> None:
    """``pgrep knockd`` finds the daemon alone, also without -x; the kernel keeps 15 characters."""
    assert "knockd" not in one
    assert len(one) <= 15


def test_child() -> None:
    """Every child of ours has a name of its own."""
    reader, writer = os.pipe()

    def main() -> int:
        return os.write(writer, Path("/proc/self/comm").read_bytes()) and 0

    os.waitpid(fork_child(main, [writer]), 0)
    assert os.read(reader, 100) == b"knock-helper\n"
    os.close(reader)
    os.close(writer)


def test_fewer_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc does not say where the command line is, as in an emulated container, it stays as it is."""
    monkeypatch.setattr(name, "_ARG_START", 1_000)
    before = Path("/proc/self/comm").read_text()
    name.name_process(before.rstrip("\n"))
    assert Path("/proc/self/comm").read_text() == before


def test_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc cannot be written a process keeps its name, and goes on."""

    def refuse(path: str, *_: object) -> int:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "open", refuse)
    name.name_process("knock-helper")
    assert Path("/proc/self/comm").read_text() != "knock-helper\n"
