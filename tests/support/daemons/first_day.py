"""What knockd --init printed, part by part, and an owner's shell in which it is typed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.support.lab.hosts import Host

PREPARE, START, TRY = "Tell the firewall", "Start knockd", "Try it"
CLOSE, KEEP = "THE DOOR PROTECTS NOTHING YET", "From the other host connect"
"""How the titles of steps begin."""


class Printed(NamedTuple):
    """What --init printed: the head, and title and command lines of each step."""

    head: str
    steps: tuple[tuple[str, str], ...]

    def lines(self, begins: str) -> str:
        """The command lines of the step whose title begins so; empty: there is no such step."""
        return next((lines for title, lines in self.steps if title.startswith(begins)), "")


def parse_report(text: str) -> Printed:
    """The parts of a report."""
    head, *rest = re.split(r"^\d+\. ", text, flags=re.MULTILINE)
    steps = []
    for step in rest:
        prose = [line for line in step.splitlines() if not line.startswith("     ")]
        commands = [line[5:] for line in step.splitlines() if line.startswith("     ")]
        steps.append((" ".join(" ".join(prose).split()), "\n".join(commands)))
    return Printed(" ".join(head.split()), tuple(steps))


class Shell:
    """A shell of an owner, in which lines are typed."""

    def __init__(self, host: Host, *path: Path) -> None:
        paths = ":".join((*map(str, path), os.environ["PATH"]))
        process = host.popen(
            "env", f"PATH={paths}", "sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    def type(self, lines: str) -> list[str]:
        """Runs lines and waits for them; each has to work. Returns what they print."""
        self._stdin.write(f"set -e\n{lines}\nset +e; echo done\n")
        self._stdin.flush()
        said: list[str] = []
        for line in iter(self._stdout.readline, ""):
            if line == "done\n":
                return said
            said.append(line.rstrip("\n"))
        raise AssertionError(f"a line failed: {lines}\n{said}")


def knock_lines(printed: Printed) -> tuple[str, str]:
    """The rehearsal and the client's line."""
    rehearse, knock = printed.lines(TRY).split("\n")
    return rehearse, knock
