"""One program is started: where it is looked for, what it inherits, and how it fails."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from knockd.leases.spawn import SILENT, spawn

PATH = {b"PATH": os.fsencode(os.defpath)}


def run(*argv: str, environment: dict[bytes, bytes] = PATH) -> tuple[int, str]:
    """How a program ends, and what it prints."""
    reader, writer = os.pipe()
    try:
        pid = spawn([os.fsencode(word) for word in argv], environment, writer)
    finally:
        os.close(writer)
    with open(reader, encoding="utf-8") as file:
        printed = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), printed


def test_output_and_status() -> None:
    """Both outputs go to the descriptor that was given."""
    assert (3, "out\nerr\n") == run("/bin/sh", "-c", "echo out; echo err >&2; exit 3")


def test_output_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a descriptor it writes to where we do; silent, to nowhere."""
    for output in (None, SILENT):
        pid = spawn((b"/bin/sh", b"-c", b"echo out; echo err >&2"), PATH, output)
        os.waitpid(pid, 0)
        assert (("out\n", "err\n") if output is None else ("", "")) == capfd.readouterr()


def test_nothing_to_read() -> None:
    """It reads the end of the file at once."""
    assert (1, "") == run("/bin/sh", "-c", "read line")


def test_session() -> None:
    """It leads a session, so a signal reaches all that it starts, and none of ours reaches it."""
    status, printed = run("/bin/sh", "-c", "echo $$; cut -d' ' -f6 /proc/$$/stat")
    assert status == 0
    assert 1 == len(set(printed.split()))


def test_environment() -> None:
    """It has the environment that was given, bytes and all."""
    name, value = b"N\xff", b"\xfe value"
    reader, writer = os.pipe()
    pid = spawn((b"env",), {**PATH, name: value}, writer)
    os.close(writer)
    with open(reader, "rb") as file:
        assert name + b"=" + value in file.read().splitlines()
    os.waitpid(pid, 0)


def test_signals_that_python_ignores() -> None:
    """A broken pipe ends it, as it ends any program."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python does at its start
    status, _ = run("/bin/sh", "-c", "kill -PIPE $$; exit 0")
    assert status == -signal.SIGPIPE


@pytest.mark.parametrize(("inheritable", "proc"), [(True, True), (False, True), (True, False)])
def test_descriptors(monkeypatch: pytest.MonkeyPatch, inheritable: bool, proc: bool) -> None:
    """No descriptor of ours is open in it, though one was left open for whoever comes; also without /proc."""

    def refuse(path: str) -> list[str]:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    if not proc:
        monkeypatch.setattr(os, "listdir", refuse)
    stray = os.open("/", os.O_RDONLY)
    os.set_inheritable(stray, inheritable)
    try:
        _, printed = run("/bin/sh", "-c", "ls /proc/$$/fd")
    finally:
        os.close(stray)
    assert ["0", "1", "2"] == printed.split()


def program(folder: Path, text: str = "#!/bin/sh\necho found\n", mode: int = 0o755) -> Path:
    """A folder with a program in it."""
    folder.mkdir()
    (folder / "tool").write_text(text)
    (folder / "tool").chmod(mode)
    return folder


def test_path(tmp_path: Path) -> None:
    """The first folder of PATH that has it counts; what has it not, or is no folder, does not."""
    (tmp_path / "file").touch()
    first, second = program(tmp_path / "a", "#!/bin/sh\necho first\n"), program(tmp_path / "b")
    path = f"{tmp_path}/none:{tmp_path}/file:{first}:{second}"
    assert (0, "first\n") == run("tool", environment={b"PATH": path.encode()})


def test_path_of_who_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own PATH is not asked."""
    monkeypatch.setenv("PATH", str(program(tmp_path / "a")))
    with pytest.raises(FileNotFoundError):
        run("tool", environment={b"PATH": b"/nowhere"})


def test_refused_first(tmp_path: Path) -> None:
    """What may not be run is passed over for one that may; with none, it is the reason."""
    refused, good = program(tmp_path / "a", mode=0o644), program(tmp_path / "b")
    assert (0, "found\n") == run("tool", environment={b"PATH": f"{refused}:{good}".encode()})
    with pytest.raises(PermissionError):
        run("tool", environment={b"PATH": f"{refused}:/nowhere".encode()})


@pytest.mark.parametrize(
    ("text", "number"),
    [("echo no line of an interpreter\n", errno.ENOEXEC), ("#!/nowhere/sh\n", errno.ENOENT)],
)
def test_what_cannot_be_run(tmp_path: Path, text: str, number: int) -> None:
    """The error is that of execve(2), and no process is left."""
    folder = program(tmp_path / "a", text)
    with pytest.raises(OSError, match="tool") as raised:
        run(str(folder / "tool"))
    assert number == raised.value.errno


def test_null_byte() -> None:
    """A word with a null byte is refused."""
    with pytest.raises(ValueError, match="null"):
        run("/bin/echo", "a\0b")
