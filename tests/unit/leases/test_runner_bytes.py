"""What commands are as bytes: UTF-8 whatever the locale is, and what cannot be run at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.leases.runner import NOT_EXECUTABLE, inherited
from tests.support.daemons.daemon import environment
from tests.support.doubles.run_commands import CommandRuns

ASCII = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
"""A locale that has no character above 127."""

PROGRAM = """
import sys
from knockd.leases.runner import inherited
from tests.support.doubles.run_commands import CommandRuns
runs = CommandRuns()
assert sys.getfilesystemencoding() == "ascii"
runs.run(sys.stdin.buffer.read().decode(), environment={**inherited(), "NAME": "\\u00fc"})
sys.stdout.buffer.write("|".join(runs.wait()[0].output).encode())
runs.close()
"""


def test_locale_without_characters() -> None:
    """Command line and environment are UTF-8 in any locale; what was inherited stays as it was."""
    line = 'printf "%s|%s|%s\\n" "täglich" "$NAME" "$OLD" | od -An -tx1 -w99'
    variables = {os.fsencode(name): os.fsencode(value) for name, value in (environment() | ASCII).items()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=line.encode(),
        env={**variables, b"OLD": b"\xf6\xc3"},
        capture_output=True,
        check=False,
    )
    expected = " ".join(f"{byte:02x}" for byte in "täglich|ü|".encode() + b"\xf6\xc3\n")
    assert expected == done.stdout.decode().strip()
    assert b"" == done.stderr


def test_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was inherited is there, also what is not UTF-8."""
    monkeypatch.setitem(os.environb, b"OLD", b"\xf6")
    assert inherited()["OLD"] == "\udcf6"


@pytest.mark.parametrize("line", ["echo a\0b", "echo \ud800"], ids=["null", "half a character"])
def test_what_cannot_be_run(runs: CommandRuns, line: str) -> None:
    """What no program can be given ends as not run and says why, and the next command runs."""
    before = os.listdir("/proc/self/fd")
    runs.run(line)
    (ended,) = runs.wait()
    runs.run("true")
    assert [NOT_EXECUTABLE, 0] == [one.status for one in runs.wait(2)]
    assert 1 == len(ended.output)
    assert before == os.listdir("/proc/self/fd")


def test_program_with_a_name_beyond_ascii(runs: CommandRuns, tmp_path: Path) -> None:
    """A program in a directory whose name is not ASCII runs."""
    script = tmp_path / os.fsdecode("öffne".encode())
    script.write_text("#!/bin/sh\necho opened\n")
    script.chmod(0o755)
    runs.run(f"{tmp_path}/öffne now")
    assert ("opened",) == runs.wait()[0].output
