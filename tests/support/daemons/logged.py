"""A daemon with one door whose log is at stake: its command notes each opening elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until


@dataclass(frozen=True)
class Scene:
    """Two hosts, and a daemon on one of them with a door that the other knocks at."""

    pair: Pair
    start: Start
    directory: Path

    @property
    def opened(self) -> Path:
        """A line for each opening."""
        return self.directory / "opened"

    def begin(
        self,
        log: Path | None,
        *more: str,
        said: str = "",
        program: tuple[str, ...] = OURS,
        **options: object,
    ) -> Daemon:
        """Starts the daemon, without waiting; the command of its door says ``said``.

        ``log`` None: the log is where the daemon's other files are.
        """
        command = f"echo open >> {self.opened}" + (f"; echo {said}" if said else "")
        text = config(door("secret", "700,1800:udp,600", start_command=command), **options)
        logs = () if log is None else ("-g", str(log))
        state = ("--state-dir", str(self.directory / "state"))
        daemon = self.start(self.pair.server, text, *logs, *state, *more, program=program, ready=None)
        if log is not None:
            daemon.log_path = log
        return daemon

    def knock(self, times: int = 1) -> None:
        """Knocks until the door has opened so many times more."""
        before = self.count()
        for number in range(before + 1, before + times + 1):
            send_knock(self.pair.client, SERVER[4], "700", "1800:udp", "600")
            wait_until(partial(self.has_opened, number), 10, "the door opens")

    def has_opened(self, times: int) -> bool:
        """Whether the door has opened so often."""
        return self.count() >= times

    def count(self) -> int:
        """How often the door has opened."""
        return len(self.opened.read_text().splitlines()) if self.opened.exists() else 0
