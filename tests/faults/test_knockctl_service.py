"""knockctl beside a service under systemd, set up as docs/service.md says: who may look, who may steer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knockd.ctl.exposition import METRICS
from tests.e2e.conftest import Pair
from tests.support.daemons.doors import CLIENT, SERVER, door
from tests.support.lab.booted import need_systemd
from tests.support.lab.services import send_knock
from tests.support.lab.systemd_unit import Unit
from tests.support.lab.waiting import wait_until

CONF = Path(__file__).resolve().parents[2] / "conf"
USERS = "u alice -\nm alice knockd\nu mallory -\n"
"""alice may look: she is a member of the socket's group. mallory may not."""

FRIEND = "203.0.113.7"
SSH = door("ssh", "700,800", start_command="true", stop_command="true", cmd_timeout=3600)
STUCK = door("stuck", "500,600", start_command="true", stop_command="false", cmd_timeout=3600)
BAD = "[options]\nLogFil = /var/log/knockd.log\n"
PROBLEM = "/etc/knockd.conf:2: LogFil: expected a known key"
QUIET = "2 doors on eth0; 0 open"


class Service(Unit):
    """The host of an operator, with knockd as a service that has two doors; one of them cannot be closed."""

    def __enter__(self) -> Service:
        super().__enter__()
        for name in ("knockd", "knockd-metrics"):
            text = (CONF / f"sysusers.d/{name}.conf").read_text()
            self.write(f"/etc/sysusers.d/{name}.conf", text)
        self.write("/etc/sysusers.d/lab.conf", USERS)
        self.run("systemd-sysusers")
        self.begin(SSH, STUCK)
        return self

    def ask(self, *argv: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        """How ``knockctl`` ended for a user, and what it printed."""
        become = () if user == "root" else ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups")
        return self.attempt(*become, "/usr/local/bin/knockctl", *argv)

    def status(self) -> dict[str, Any]:
        """What ``knockctl status --json`` says."""
        found: dict[str, Any] = json.loads(self.ask("status", "--json").stdout)
        return found

    def who_is_in(self) -> list[tuple[str, str, str]]:
        """Door, address and state of each lease."""
        leases = self.status()["leases"]
        return sorted((one["door"], one["address"], one["state"]) for one in leases)

    def wait_for_leases(self, *leases: tuple[str, str, str]) -> None:
        """Wait until these are in, and nobody else."""
        try:
            wait_until(lambda: self.who_is_in() == sorted(leases), 10, f"leases: {leases}")
        except AssertionError as error:
            error.add_note(f"{self.who_is_in()}\n{self.log()}")
            raise


@pytest.fixture
def service(pair: Pair) -> Iterator[Service]:
    """The server of a pair, with knockd as a service."""
    need_systemd()
    with Service(pair.server) as made:
        yield made


def test_who_may(service: Service, pair: Pair) -> None:
    """Root and the socket's group see who knocked; only root opens; a stranger is told what is missing."""
    send_knock(pair.client, SERVER[4], "700", "800")
    service.wait_for_leases(("ssh", CLIENT[4], "open"))
    for user in ("root", "alice"):
        done = service.ask("status", user=user)
        assert f"knock at {SERVER[4]} on eth0" in done.stdout
        assert (done.returncode, done.stderr) == (0, "")
    for words in (("open", "ssh", FRIEND), ("close", "all"), ("reload",)):
        refused = service.ask(*words, user="alice")
        assert refused.returncode == 77
        assert "only root may do this" in refused.stderr
    stranger = service.ask("status", user="mallory")
    assert stranger.returncode == 77
    assert "as a member of the group knockd" in stranger.stderr
    assert [("ssh", CLIENT[4], "open")] == service.who_is_in()


def test_by_hand(service: Service) -> None:
    """Root lets somebody in for as long as he likes, gives more time, and closes; the log says who did it."""
    opened = service.ask("open", "ssh", FRIEND, "--for", "10m")
    assert (opened.returncode, opened.stdout) == (0, f"ssh for {FRIEND} is open, 10 min left\n")
    extended = service.ask("extend", "ssh", FRIEND, "1h", "--json")
    assert 4_100 < json.loads(extended.stdout)["lease"]["seconds_left"] <= 4_200
    closed = service.ask("close", FRIEND)
    assert (closed.returncode, closed.stdout) == (0, f"ssh is closed for {FRIEND}\n")
    assert [] == service.who_is_in()
    assert f"{FRIEND}: ssh: closing by hand (uid 0, process " in service.log()


def test_a_door_that_cannot_be_closed(service: Service) -> None:
    """close and status say so and exit with 1, systemctl status too; forget says what it leaves."""
    assert service.ask("open", "stuck", FRIEND).returncode == 0
    closed = service.ask("close", "stuck")
    assert closed.returncode == 1
    assert f"stuck for {FRIEND} is still open: its stop command failed 1 time" in closed.stdout
    shown = service.ask("status")
    assert shown.returncode == 1
    assert f"stuck is still open for {FRIEND}" in shown.stdout
    wait_until(lambda: f"stuck: {FRIEND}, not closed" in service.state()[1], 10, "systemd's status has it")
    forgotten = service.ask("forget", service.status()["leases"][0]["id"])
    assert forgotten.returncode == 0
    assert f"forgotten: stuck for {FRIEND}, which stays open" in forgotten.stdout
    assert "\n  false\n" in forgotten.stdout
    assert service.ask("status").returncode == 0
    wait_until(lambda: service.state()[1] == QUIET, 10, "systemd's status is good again")


def test_reload(service: Service) -> None:
    """A bad file fails both ways to reload, with file and line; a good one is in effect when they return."""
    good = service.path("/etc/knockd.conf").read_text()
    kept = f"config bad (knockd.conf:2), the old one is kept; {QUIET}"
    service.write("/etc/knockd.conf", BAD, mode=0o600)
    assert service.attempt("systemctl", "reload", "knockd").returncode == 1
    wait_until(lambda: service.state() == ("active", kept), 10, "systemd's status names the line")
    refused = service.ask("reload")
    assert refused.returncode == 78
    assert PROBLEM in refused.stderr
    shown = service.ask("status")
    assert shown.returncode == 1
    assert "/etc/knockd.conf:2:" in shown.stdout
    service.write("/etc/knockd.conf", good + door("more", "300,400", start_command="true"), mode=0o600)
    accepted = service.ask("reload")
    assert accepted.returncode == 0
    assert accepted.stdout.splitlines()[-1] == "in effect: 3 doors"
    assert ["ssh", "stuck", "more"] == [one["name"] for one in service.status()["doors"]]
    service.write("/etc/knockd.conf", good, mode=0o600)
    assert service.attempt("systemctl", "reload", "knockd").returncode == 0
    assert ["ssh", "stuck"] == [one["name"] for one in service.status()["doors"]]
    wait_until(lambda: service.state() == ("active", QUIET), 10, "systemd's status is good again")


def test_restarts(service: Service) -> None:
    """A daemon that was killed knows afterwards who is in; a restart has closed for them."""
    before = service.main_pid()
    assert service.ask("open", "ssh", FRIEND).returncode == 0
    service.run("kill", "-KILL", before)
    wait_until(lambda: service.main_pid() not in {before, "0"}, 20, "another daemon")
    wait_until(lambda: service.ask("status").returncode == 0, 20, "it answers")
    assert [("ssh", FRIEND, "open")] == service.who_is_in()
    assert service.status()["leases"][0]["by"] == "by hand, root"
    service.run("systemctl", "restart", "knockd")
    assert [] == service.who_is_in()
    service.run("systemctl", "stop", "knockd")
    gone = service.ask("status")
    assert gone.returncode == 69
    assert gone.stderr.startswith("knockctl status: no knockd serves /run/knockd/knockd.sock: start it")


def test_a_second_daemon(service: Service) -> None:
    """knockd by hand beside the service starts nothing, and names the pid and what to do instead."""
    second = service.attempt("/usr/local/bin/knockd", "-v")
    assert second.returncode == 75
    assert f"another knockd (pid {service.main_pid()})" in second.stdout
    assert '"knockctl status"' in second.stdout
    assert service.ask("status").returncode == 0


def test_metrics(service: Service) -> None:
    """The timer writes what is counted, every count has a metric; a daemon that is down is written, too."""
    for name in ("knockd-metrics.service", "knockd-metrics.timer"):
        service.write(f"/etc/systemd/system/{name}", (CONF / f"systemd/{name}").read_text())
    service.run("systemctl", "daemon-reload")
    assert service.ask("open", "ssh", FRIEND).returncode == 0
    counted = json.loads(service.ask("metrics", "--json").stdout)["counts"]
    assert set() == {one["name"] for one in counted} - METRICS.keys()
    service.run("systemctl", "start", "knockd-metrics.timer")
    file = service.path("/run/knockd-metrics/knockd.prom")
    wait_until(file.exists, 10, "the timer has run")
    assert '\nknockd_openings_total{door="ssh"} 1\n' in file.read_text()
    assert FRIEND not in file.read_text()
    service.run("systemctl", "stop", "knockd-metrics.timer", "knockd")
    service.run("systemctl", "start", "knockd-metrics.service")  # and does not count as failed
    assert file.read_text().endswith("\nknockd_up 0\n")
