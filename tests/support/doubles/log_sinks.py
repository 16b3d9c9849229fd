"""Sinks of a log whose directory a test takes away, and a sink that fails when a test says so."""

from __future__ import annotations

import json
from pathlib import Path

from knockd.log.sinks import Sinks
from knockd_conf.model import LogFormat

GONE = "No such file or directory"


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Log:
    """Sinks with a file in a directory that a test takes away, and lines without stamps."""

    def __init__(self, directory: Path, *, echo: bool = True, use_syslog: bool = False) -> None:
        self.clock = Clock()
        self.path = directory / "log" / "knockd.log"
        self.sinks = Sinks(
            str(self.path),
            use_syslog=use_syslog,
            echo=echo,
            log_format=LogFormat.JSON,
            clock=self.clock,
        )

    def make(self) -> None:
        """The directory is there."""
        self.path.parent.mkdir()

    def take_away(self) -> None:
        """The directory and all in it is gone."""
        self.path.unlink()
        self.path.parent.rmdir()

    @property
    def problem(self) -> str:
        """What is said first, as JSON without time."""
        return f"log-problem: log file {self.path}: {GONE}"

    def lost(self, count: int) -> str:
        """What is said when it is back."""
        return f"log-lost: {count} log file {self.path}: {GONE}"


def short_lines(text: str) -> list[str]:
    """The lines of a text, those about sinks shortened."""
    return [_short(line) for line in text.splitlines()]


def _short(line: str) -> str:
    _, brace, rest = line.partition("{")
    if not brace:
        return line
    fields = json.loads(brace + rest)
    count = f"{fields['count']} " if "count" in fields else ""
    return f"{fields['event']}: {count}{fields['sink']}: {fields['reason']}"


class FailingSink:
    """A sink that fails when a test says so."""

    name = "syslog"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fails: list[bool] = []

    def write(self, line: str) -> None:
        """Notes the line, unless it is to fail; ``fails`` has a verdict for each line to come."""
        if self.fails and self.fails.pop(0):
            raise OSError(5, "Input/output error")
        self.lines.append(line)

    def close(self) -> None:
        """Holds nothing."""
