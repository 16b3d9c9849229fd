"""knockd in a lab host: ours or Debian's 0.8, with a config text and a log file in a temp directory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.lab.hosts import Host
from tests.support.lab.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
OURS = (sys.executable, "-m", "knockd")
PEER = ("/usr/sbin/knockd",)
"""Debian's knockd 0.8, the daemon that ours replaces."""

LISTENING = "starting up, listening on"
NOTE = '"event": "config-note"'
OWN_READER = ("reading packets without libpcap: ", '"event": "own-reader"')
"""The line that a daemon logs at its start where there is no pcapy-ng."""
STAMP = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d\] ")


def environment() -> dict[str, str]:
    """The environment for a Python process that has to find this project in a bare checkout."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("", "bpf", "conf"))}


class Daemon:
    """One knockd in the foreground (``-v``), started on entering and stopped on leaving the context.

    ``config`` is the text of its configuration, ``directory`` an empty directory for its files,
    ``program`` the command (OURS or PEER), ``options`` what else goes on the command line.
    Entering waits until it listens (at most 10 seconds) unless ``ready`` is None. ``reader`` is ``Capture``
    in its configuration, if that has options.
    """

    def __init__(
        self,
        host: Host,
        config: str,
        directory: Path,
        *options: str,
        program: tuple[str, ...] = OURS,
        interface: str | None = "eth0",
        ready: str | None = LISTENING,
        reader: str | None = None,
    ) -> None:
        self.host = host
        self._reader = reader
        self.directory = directory
        self.config_path = directory / "knockd.conf"
        self.log_path = directory / "knockd.log"
        self.output_path = directory / "output"
        self.control_path = directory / "control"
        self._ready = ready
        self.write_config(config)
        chosen = ("-i", interface) if interface else ()
        files: tuple[str, ...] = ("-c", str(self.config_path), "-g", str(self.log_path))
        ours = program[-len(OURS) :] == OURS  # also behind env or sh
        if program == OURS or (ours and "StateDir" not in config):
            files = (*files, "--state-dir", str(directory / "state"))
        if ours or "--state-dir" in options:
            files = (*files, "--control-socket", str(self.control_path))
        self.argv = (*program, *chosen, *files, "-v", *options)
        self.process: subprocess.Popen[Any]

    def write_config(self, text: str) -> None:
        """Replace the configuration file (a reload is the caller's to ask for)."""
        if self._reader is not None:
            text = text.replace("[options]\n", f"[options]\nCapture = {self._reader}\n", 1)
        self.config_path.write_text(text, "utf-8")
        self.config_path.chmod(0o600)

    def __enter__(self) -> Daemon:
        with self.output_path.open("wb") as output:
            self.process = self.host.popen(
                *self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment()
            )
        if self._ready is not None:
            self.wait_for(self._ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the daemon itself (no wrapper is in between)."""
        return self.process.pid

    def log_lines(self) -> list[str]:
        """The log so far, a message a line, without time stamps, empty lines and notes of the start."""
        lines = self._all_lines()
        return [line for line in lines if line not in self._notes(lines)]

    def notes(self) -> list[str]:
        """What the log says of the configuration before the daemon listens."""
        return self._notes(self._all_lines())

    def _all_lines(self) -> list[str]:
        text = self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""
        lines = [STAMP.sub("", line) for line in text.splitlines() if line]
        return [line for line in lines if not any(one in line for one in OWN_READER)]

    def _notes(self, lines: list[str]) -> list[str]:
        before = takewhile(lambda line: LISTENING not in line, lines)
        return [line for line in before if line.startswith(f"{self.config_path}:") or NOTE in line]

    def output(self) -> str:
        """What it wrote to standard output and error so far."""
        return self.output_path.read_text("utf-8", "replace")

    def count(self, text: str) -> int:
        """How many log lines hold ``text``."""
        return sum(text in line for line in self.log_lines())

    def wait_for(self, text: str, timeout: float = 10.0, times: int = 1) -> list[str]:
        """Wait until ``times`` log lines hold ``text`` and return all lines.

        Raises WaitTimeout after ``timeout`` seconds, or AssertionError at once when the daemon
        has ended; the text of either shows log and output.
        """

        def seen() -> list[str] | None:
            ended = self.process.poll()
            lines = self.log_lines()
            if sum(text in line for line in lines) >= times:
                return lines
            if ended is not None:
                raise AssertionError(f"ended with {ended} before {text!r}")
            return None

        try:
            return wait_until(seen, timeout, f"{times} log line(s) with {text!r}")
        except AssertionError as error:
            error.add_note(self._evidence())
            raise

    def _evidence(self) -> str:
        return "\n".join(["log:", *self.log_lines(), "output:", self.output()])

    def signal(self, number: int) -> None:
        """Send a signal to the daemon."""
        os.kill(self.pid, number)

    def stop(self, timeout: float = 40.0) -> int:
        """Ask it to end (TERM) and wait; its status. Killed, and an error, when it does not end."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired as error:
                self.process.kill()
                self.process.wait()
                error.add_note(self._evidence())
                raise
        return int(self.process.returncode)
