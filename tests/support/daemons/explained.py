"""knockd --explain in a lab host: live, with tcpdump beside it, and then of what tcpdump recorded."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.daemons.daemon import OURS, environment
from tests.support.lab.hosts import Host
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

READY = "nothing is run; end with Ctrl-C"


class Explained:
    """Explains a source live from entering the context to ``end``, or to leaving it."""

    def __init__(
        self, host: Host, config: str, source: str, folder: Path, *options: str, interface: str = "eth0"
    ) -> None:
        self._host = host
        self._folder = folder
        self._source = source
        self.config = folder / "explained.conf"
        self.config.write_text(config)
        self.config.chmod(0o600)
        command = [*OURS, "-c", str(self.config), "--explain", source]
        self._live = [*command, "-i", interface, *options]
        self._replay = [*command, "--replay", str(folder / "eth0.pcap"), *options]
        self._errors = folder / "errors"
        self._lines = folder / "lines"
        self.process: subprocess.Popen[Any]
        self._tcpdump: subprocess.Popen[Any]

    def __enter__(self) -> Explained:
        need("tcpdump")
        with self._lines.open("wb") as lines, self._errors.open("wb") as errors:
            self.process = self._host.popen(*self._live, stdout=lines, stderr=errors, env=environment())
        record = [
            "tcpdump",
            "-i",
            "eth0",
            "-Q",
            "in",
            "--immediate-mode",
            "-U",
            "-n",
            "-w",
            str(self._folder / "eth0.pcap"),
        ]
        with (self._folder / "tcpdump").open("wb") as said:
            self._tcpdump = self._host.popen(*record, stdout=said, stderr=said)
        wait_until(lambda: READY in self._errors.read_text(), 10, "knockd --explain listens")
        wait_until(lambda: "listening on" in (self._folder / "tcpdump").read_text(), 10, "tcpdump listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.process, self._tcpdump):
            if process.poll() is None:
                process.terminate()
                process.wait(10)

    def lines(self) -> list[str]:
        """What it has said so far."""
        return self._lines.read_text().splitlines()

    def joined(self) -> list[str]:
        """The same, with what was wrapped put back behind its line."""
        joined: list[str] = []
        for line in self.lines():
            if line.startswith(" ") and joined:
                joined[-1] += f" {line.strip()}"
            else:
                joined.append(line)
        return joined

    def wait_for(self, text: str) -> None:
        """Waits until it has said something."""
        wait_until(lambda: any(text in line for line in self.joined()), 10, f"{text!r} in {self.lines()}")

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Ends it by a signal, as Ctrl-C does; its exit status and the sentence at its end."""
        before = len(self.lines())
        self.process.send_signal(number)
        status = self.process.wait(10)
        return status, " ".join(self.lines()[before:])

    def replay(self, *options: str) -> list[str]:
        """What is said of the same packets as tcpdump has recorded them."""
        self._tcpdump.terminate()
        self._tcpdump.wait(10)
        done = subprocess.run(
            [*self._replay, *options],
            capture_output=True,
            text=True,
            env=environment(),
            check=True,
            timeout=60,
        )
        return done.stdout.splitlines()
