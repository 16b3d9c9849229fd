"""The command that follows a knock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.client import command
from knockd.client.command import run_command
from knockd.client.status import NOT_EXECUTABLE, NOT_FOUND, Refused


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A Python process that calls the function, which may become another program."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = f"import os, sys; from knockd.client.command import run_command; {code}"
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def test_the_process_becomes_the_command() -> None:
    """No process of ours is left beside it, and its exit status is the command's."""
    done = run("print(os.getpid()); run_command(['sh', '-c', 'echo $$; exit 7'])")
    mine, its = done.stdout.split()
    assert mine == its
    assert 7 == done.returncode


def test_the_command_has_its_signals() -> None:
    """SIGPIPE, which Python ignores, ends the command as it would have ended it in a shell."""
    done = run("run_command(['grep', 'SigIgn', '/proc/self/status'])")
    ignored = int(done.stdout.split()[1], 16)
    assert 0 == ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))


def test_where_no_process_can_become_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows it is run, and its exit status returned."""
    monkeypatch.setattr(command, "BECOMES", False)
    assert 7 == run_command([sys.executable, "-c", "raise SystemExit(7)"])


@pytest.mark.parametrize("becomes", [True, False])
def test_a_command_that_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: bool) -> None:
    """The statuses are those of shells: 127 where there is none, 126 where it is no program."""
    monkeypatch.setattr(command, "BECOMES", becomes)
    with pytest.raises(Refused, match="expected a program, found none of this name") as caught:
        run_command(["no-such-program"])
    assert NOT_FOUND == caught.value.status
    text = tmp_path / "text"
    text.write_text("no program")
    with pytest.raises(Refused, match="cannot be run: Permission denied") as caught:
        run_command([str(text)])
    assert NOT_EXECUTABLE == caught.value.status
    assert signal.SIG_IGN is signal.getsignal(signal.SIGPIPE)
