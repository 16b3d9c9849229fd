"""A restart with open doors: knocked at again, changed or removed meanwhile, rebooted, beside another."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from knockd.leases.journal import parse
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

HOUR = 3600
BOOT_ID = "/proc/sys/kernel/random/boot_id"
REBOOTED = "8c3e5b0e-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Scene:
    """A daemon that comes and goes, with doors whose commands note what they do."""

    pair: Pair
    start: Start
    directory: Path

    @property
    def done(self) -> Path:
        """A line for each command."""
        return self.directory / "done"

    @property
    def journal(self) -> Path:
        """The journal of the daemon's state directory."""
        return self.directory / "daemon" / "state" / "leases"

    def note(self, word: str) -> str:
        """A command that notes a word."""
        return f"echo {word} >> {self.done}"

    def door(self, name: str = "secret", cmd_timeout: int = HOUR, **keys: object) -> str:
        """A door to knock at 700 and 800."""
        commands = {"start_command": self.note("open"), "stop_command": self.note("close"), **keys}
        return door(name, "700,800", cmd_timeout=cmd_timeout, **commands)

    def begin(
        self,
        *doors: str,
        wrapper: tuple[str, ...] = (),
        name: str = "daemon",
        also: bool = False,
        **options: object,
    ) -> Daemon:
        """Starts the daemon, with what the one before it has left; ``also``: beside another one."""
        folder = self.directory / name
        runtime = f"RUNTIME_DIRECTORY={folder / 'runtime'}"
        state = ("--state-dir", str(self.directory / "daemon" / "state"))
        with suppress(FileNotFoundError):
            (folder / "knockd.log").unlink()
        return self.start(
            self.pair.server,
            config(*(doors or (self.door(),)), **options),
            *("-g", str(folder / "knockd.log"), *state),
            *(("--also",) if also else ()),
            program=("env", runtime, *wrapper, *OURS),
            directory=folder,
        )

    def commands(self) -> list[str]:
        """What was run so far."""
        return self.done.read_text().split() if self.done.exists() else []

    def until(self, *commands: str) -> None:
        """Waits until these and no other commands were run."""
        wait_until(lambda: self.commands() == list(commands), 10, f"the commands {commands}")

    def knock(self) -> None:
        """Knocks once."""
        send_knock(self.pair.client, SERVER[4], "700", "800")

    def killed_when_open(self, *doors: str) -> None:
        """Starts it, knocks, and kills it when the door is open and noted as that."""
        daemon = self.begin(*doors)
        self.knock()
        self.until("open")
        wait_until(lambda: '"state":"open"' in self.journal.read_text(), 10, "it is noted as open")
        daemon.signal(signal.SIGKILL)
        daemon.process.wait(10)


@pytest.fixture
def scene(pair: Pair, start: Start, tmp_path: Path) -> Scene:
    """Nobody has knocked."""
    return Scene(pair, start, tmp_path)


def test_knock_renews_it(scene: Scene) -> None:
    """After a restart a knock renews the door: one stop command, one start command."""
    scene.killed_when_open()
    scene.begin()
    scene.knock()
    scene.until("open", "close", "open")


def test_changed_meanwhile(scene: Scene) -> None:
    """What the old file's door opened is closed with its stop command; then the new door's commands count."""
    scene.killed_when_open()
    scene.begin(scene.door(stop_command=scene.note("shut"), start_command=scene.note("unlock")))
    scene.knock()
    scene.until("open", "close", "unlock")


def test_removed_meanwhile(scene: Scene) -> None:
    """A door that the new file does not have any more is closed when its time is over."""
    scene.killed_when_open(scene.door(cmd_timeout=1))
    scene.begin(scene.door("other"))
    scene.until("open", "close")


def test_rule_that_the_reboot_has_taken(scene: Scene, tmp_path: Path) -> None:
    """After a reboot a stop command that fails, for its rule is gone, is not tried again."""
    scene.killed_when_open(scene.door(stop_command=f"{scene.note('close')}; exit 1"))
    (tmp_path / "boot_id").write_text(f"{REBOOTED}\n")
    # A name space of mounts is what each command in a lab host has to itself.
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    scene.begin(wrapper=("sh", "-c", script, str(tmp_path / "boot_id"), BOOT_ID))
    scene.until("open", "close")
    wait_until(lambda: not parse(scene.journal.read_bytes()).journal.records, 10, "it is forgotten")
    assert REBOOTED in scene.journal.read_text()


def test_knock_while_the_last_run_s_stop_command_is_going_on(scene: Scene) -> None:
    """What a killed daemon was closing is closed before a knock opens again, and not after."""
    slow = f"{scene.note('closing')}; sleep 1; {scene.note('closed')}"
    daemon = scene.begin(scene.door(cmd_timeout=1, stop_command=slow))
    scene.knock()
    scene.until("open", "closing")
    daemon.signal(signal.SIGKILL)
    daemon.process.wait(10)
    scene.begin()
    scene.knock()
    scene.until("open", *("closing", "closed") * 2, "open")  # nobody knows whether the first one worked


def test_two_daemons(scene: Scene) -> None:
    """A second daemon of one StateDir hears which key to set, and its doors open and close all the same."""
    scene.begin()
    commands = {"start_command": scene.note("in"), "stop_command": scene.note("out"), "cmd_timeout": 1}
    second = scene.begin(door("other", "1700,1800", **commands), name="second", also=True)
    before = scene.journal.read_bytes()
    send_knock(scene.pair.client, SERVER[4], "1700", "1800")
    scene.until("in", "out")
    assert scene.journal.read_bytes() == before
    assert second.count("another knockd uses it, give each its own with StateDir or --state-dir") == 1
