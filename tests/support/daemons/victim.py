"""A daemon that is killed again and again and always started anew with the same files.

It has one door; what the door's commands do is noted (ledger.py), and so is every life of the
daemon, so that ``problems`` can tell at the end whether each opening was closed in time.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

from knockd.control.client import Control, ControlError
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.hosts import Host
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import WaitTimeout, wait_until
from tests.support.oracles import lease_checker as ledger

LISTENING = "listening on"
NAME = "door"
CMD_TIMEOUT = 1
"""Seconds that the door stays open."""

PORTS = 20
"""Ports that each victim has for itself, so that the guards of one are not knocked at by another."""


class Victim:
    """One daemon on ``server`` whose door ``client`` knocks at; ``place`` is its index among those there."""

    def __init__(
        self,
        server: Host,
        client: Host,
        directory: Path,
        place: int = 0,
        *,
        cmd_timeout: int = CMD_TIMEOUT,
        **options: object,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.client = client
        first = 2_000 + PORTS * place
        self.steps = tuple(str(first + offset) for offset in (0, 5, 10))
        self.ledger = directory / "ledger"
        note = ledger.note_script(directory / "note", self.ledger)
        commands = {"start_command": note.format("start"), "stop_command": note.format("stop")}
        section = door(NAME, ",".join(self.steps), cmd_timeout=cmd_timeout, **commands)
        self.daemon = Daemon(server, config(section, **options), directory, ready=None)
        self._argv = tuple(word for word in self.daemon.argv if word != "-v")
        self.lives: list[ledger.Life] = []
        self._offset = 0
        self.patience = cmd_timeout + 4 * ledger.SLACK
        """Seconds after which what was to happen to a lease has not happened."""

    @property
    def life(self) -> ledger.Life:
        """The present life, or the last one."""
        return self.lives[-1]

    @property
    def running(self) -> bool:
        """Whether the daemon runs."""
        return self.daemon.process.poll() is None

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.daemon.directory / "state"

    def start(self, *wrapper: str) -> None:
        """Begins a life; ``wrapper`` goes before the command line. ``wait_ready`` is to follow."""
        path = self.daemon.log_path
        self._offset = path.stat().st_size if path.exists() else 0
        self.lives.append(ledger.Life(ledger.now()))
        self.daemon.argv = (*wrapper, *self._argv)
        self.daemon.__enter__()

    def said(self) -> list[str]:
        """The lines of this life's log, without their stamps."""
        if not self.daemon.log_path.exists():
            return []
        with self.daemon.log_path.open("rb") as log:
            log.seek(self._offset)
            text = log.read().decode(errors="replace")
        return [line.partition("] ")[2] for line in text.splitlines() if line]

    def wait_said(self, text: str, times: int = 1, timeout: float = 20.0) -> None:
        """Waits until ``times`` lines of this life hold ``text``; raises AssertionError."""

        def seen() -> bool:
            ended = not self.running
            if sum(text in line for line in self.said()) >= times:
                return True
            if ended:
                raise AssertionError(f"ended with {self.daemon.process.returncode} before {text!r}")
            return False

        try:
            wait_until(seen, timeout, f"{times} log line(s) with {text!r}")
        except AssertionError as error:
            error.add_note("\n".join([*self.said(), self.daemon.output()]))
            raise

    def wait_ready(self) -> None:
        """Waits until this life can hear a knock."""
        self.wait_said(LISTENING)
        self.life.ready = ledger.now()
        self.life.read(self.said())

    def worker(self) -> int:
        """The process id of its packet process; call it when no command runs."""
        pid = self.daemon.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])

    def knock(self) -> None:
        """Knocks once."""
        send_knock(self.client, SERVER[4], *self.steps)

    def open_by_hand(self) -> None:
        """Opens the door by hand for who knocks otherwise, unless the daemon is killed meanwhile."""
        self._call("Open", door=NAME, address=CLIENT[4])

    def close_by_hand(self) -> None:
        """Closes everything by hand, unless the daemon is killed meanwhile."""
        self._call("Close", all=True)

    def _call(self, method: str, **parameters: object) -> None:
        with suppress(ControlError), Control(str(self.daemon.control_path), timeout=60.0) as control:
            control.call(method, **parameters)

    def commands(self) -> list[ledger.Command]:
        """What the door's commands have noted."""
        return ledger.read_commands(self.ledger)

    def starts(self) -> int:
        """How many start commands have run in all lives."""
        return sum(command.verb == "start" for command in self.commands())

    def stops(self) -> int:
        """How many stop commands have run in all lives."""
        return sum(command.verb == "stop" for command in self.commands())

    def wait_started(self, times: int = 1) -> None:
        """Waits until the door is open, by the ``times``-th start command of all lives."""
        wait_until(lambda: self.starts() >= times, 10, f"start command {times}")

    def settled(self) -> bool:
        """Whether nothing is open, and what this life has recovered is stopped."""
        commands = self.commands()
        self._read_log()
        stops = sum(c.verb == "stop" and c.at >= self.life.started - ledger.GRAIN for c in commands)
        return not ledger.open_doors(commands) and (stops > 0 or not self.life.recovered)

    def settle(self) -> None:
        """Waits until nothing is open any more; what stays open is the checker's to tell."""
        with suppress(WaitTimeout):
            wait_until(self.settled, self.patience, "everything is closed")

    def ended(self, *, killed: bool) -> None:
        """Notes the end of a life that is over."""
        self.daemon.process.wait(20)
        self.life.ended = ledger.now()
        self.life.killed = killed
        self._read_log()

    def kill(self) -> None:
        """Ends this life with SIGKILL."""
        self.daemon.process.kill()
        self.ended(killed=True)

    def finish(self) -> None:
        """Ends this life as an init script does; the next one shows whether it has left anything behind."""
        self.life.terminated = ledger.now()
        self.daemon.signal(signal.SIGTERM)
        self.ended(killed=False)
        self.start()
        self.wait_ready()

    def forget(self) -> None:
        """What has been is not to be judged any more: the next life is the first one."""
        if self.running:
            del self.lives[:-1]
            self.ledger.unlink(missing_ok=True)
        else:
            self.lives.clear()
            self.ledger.unlink(missing_ok=True)
            self.start()
            self.wait_ready()

    def problems(self) -> list[str]:
        """What the checker finds in all lives so far."""
        return ledger.replay(self.commands(), self.lives)

    def _read_log(self) -> None:
        self.life.read(self.said())
