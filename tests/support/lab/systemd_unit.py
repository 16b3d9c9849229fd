"""Our unit under a real systemd: the server of a pair on which ``systemctl start knockd`` works."""

from __future__ import annotations

from pathlib import Path

from tests.support.daemons.doors import config
from tests.support.lab.booted import Booted
from tests.support.lab.waiting import wait_until

UNIT = Path(__file__).resolve().parents[3] / "conf/systemd/knockd.service"
LOG = "/var/log/knockd.log"


class Unit(Booted):
    """A host with systemd and conf/systemd/knockd.service; knockd is not started yet."""

    def __enter__(self) -> Unit:
        super().__enter__()
        self.write("/etc/systemd/system/knockd.service", UNIT.read_text())
        self.run("systemctl", "daemon-reload")
        return self

    def begin(self, *doors: str) -> None:
        """Configure and start knockd; returns once systemd has heard READY."""
        self.configure(*doors)
        self.write(LOG, "")
        try:
            self.run("systemctl", "start", "knockd")
        except AssertionError as error:
            error.add_note(self.run("systemctl", "status", "knockd", check=False) + self.log())
            raise

    def configure(self, *doors: str) -> None:
        """Write knockd's configuration."""
        self.write("/etc/knockd.conf", config(*doors, logfile=LOG, interface="eth0"), mode=0o600)

    def log(self) -> str:
        """knockd's log so far."""
        path = self.path(LOG)
        return path.read_text() if path.exists() else ""

    def wait_for(self, text: str) -> None:
        """Wait for a line of the log."""
        try:
            wait_until(lambda: text in self.log(), 10, text)
        except AssertionError as error:
            error.add_note(self.log())
            raise

    def main_pid(self) -> str:
        """The keeper, as a process of the host."""
        return self.show("knockd", "MainPID")["MainPID"]

    def state(self) -> tuple[str, str]:
        """What ``systemctl status`` says first, and knockd's own line."""
        shown = self.show("knockd", "ActiveState", "StatusText")
        return shown["ActiveState"], shown["StatusText"]
