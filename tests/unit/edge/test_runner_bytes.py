"""What commands are as bytes: UTF-8 whatever the locale is, and what cannot be run at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.edge.runner import NOT_EXECUTABLE, inherited
from tests.support.daemon import environment
from tests.support.desk import Desk

ASCII = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
"""A locale that has no character above 127."""

PROGRAM = """
import sys
from knockd.edge.runner import inherited
from tests.support.desk import Desk
desk = Desk()
assert sys.getfilesystemencoding() == "ascii"
desk.run(sys.stdin.buffer.read().decode(), environment={**inherited(), "NAME": "\\u00fc"})
sys.stdout.buffer.write("|".join(desk.wait()[0].output).encode())
desk.close()
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
    assert (expected, b"") == (done.stdout.decode().strip(), done.stderr)


def test_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was inherited is there, also what is not UTF-8."""
    monkeypatch.setitem(os.environb, b"OLD", b"\xf6")
    assert inherited()["OLD"] == "\udcf6"


@pytest.mark.parametrize("line", ["echo a\0b", "echo \ud800"], ids=["null", "half a character"])
def test_what_cannot_be_run(desk: Desk, line: str) -> None:
    """What no program can be given ends as not run and says why, and the next command runs."""
    before = os.listdir("/proc/self/fd")
    desk.run(line)
    (ended,) = desk.wait()
    desk.run("true")
    assert ([NOT_EXECUTABLE, 0], 1) == ([one.status for one in desk.wait(2)], len(ended.output))
    assert before == os.listdir("/proc/self/fd")


def test_program_with_a_name_beyond_ascii(desk: Desk, tmp_path: Path) -> None:
    """A program in a directory whose name is not ASCII runs."""
    script = tmp_path / "öffne"
    script.write_text("#!/bin/sh\necho opened\n")
    script.chmod(0o755)
    desk.run(f"{script} now")
    assert ("opened",) == desk.wait()[0].output
