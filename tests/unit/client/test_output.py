"""Lines on standard output and standard error."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from knockd.client.output import announcer, say, tell


def test_lines(capfd: pytest.CaptureFixture[str]) -> None:
    """What is said goes to standard output as it is; what is told goes to standard error with our name."""
    say("one\ntwo\n")
    tell("three")
    assert ("one\ntwo\n", "knock: three\n") == tuple(capfd.readouterr())


@pytest.mark.parametrize(
    ("verbose", "command", "printed"),
    [
        (False, False, ("", "")),
        (False, True, ("", "")),
        (True, False, ("a\n", "")),
        (True, True, ("", "knock: a\n")),
    ],
)
def test_what_v_prints(
    verbose: bool, command: bool, printed: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """With -v lines are printed, where a command follows on standard error."""
    announcer(verbose=verbose, command=command)("a")
    assert printed == tuple(capfd.readouterr())


def test_characters_that_a_terminal_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a console without them, letters are written as escapes and nothing fails."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp437"))
    say("büro 家")
    assert b"b\x81ro \\u5bb6\n" == raw.getvalue()


@pytest.mark.parametrize(("function", "descriptor"), [("say", 1), ("tell", 2)])
def test_a_reader_that_has_gone_away(function: str, descriptor: int) -> None:
    """Writing to a pipe that nobody reads neither fails nor fails at the end of the process."""
    read, write = os.pipe()
    os.close(read)
    code = (
        f"import os; os.dup2({write}, {descriptor}); from knockd.client.output import {function}; "
        f"{function}('one'); {function}('two')"
    )
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, pass_fds=[write], check=False)
    os.close(write)
    assert 0 == done.returncode
