"""The life of a service under systemd itself: started, watched, reloaded, upgraded, killed, stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.conftest import Pair
from tests.support.daemons.daemon import STAMP
from tests.support.daemons.doors import CLIENT, SERVER, door
from tests.support.lab.booted import PROGRAMS
from tests.support.lab.services import send_knock
from tests.support.lab.systemd_unit import Unit
from tests.support.lab.waiting import wait_until


@pytest.fixture
def running(unit: Unit) -> Unit:
    """knockd under systemd, with a door that opens the secret for an hour."""
    unit.begin(
        door("ssh", "700,800", start_command="env > /var/log/opened", stop_command="true", cmd_timeout=3600)
    )
    return unit


@pytest.fixture
def journal(unit: Unit) -> Callable[[], list[str]]:
    """Lets journald run, and reads what it has of the unit."""
    for name in ("systemd-journald.service", "systemd-journald.socket"):
        unit.path(f"/run/systemd/system/{name}").unlink()
    unit.run("systemctl", "daemon-reload")
    unit.run("systemctl", "start", "systemd-journald.socket", "systemd-journald.service")
    return lambda: unit.run("journalctl", "-u", "knockd", "-o", "cat", "--no-pager").splitlines()


def test_status(running: Unit, pair: Pair) -> None:
    """``systemctl status`` shows doors, interfaces and who is in for how long."""
    before = running.state()
    send_knock(pair.client, SERVER[4], "700", "800")
    shown = {f"1 door on eth0; 1 open; ssh: {CLIENT[4]}, {left} left" for left in ("1 h", "59 min")}
    wait_until(lambda: running.state()[1] in shown, 10, "the status shows the open door")
    assert before == ("active", "1 door on eth0; 0 open")


def test_commands_cannot_speak_for_us(running: Unit, pair: Pair) -> None:
    """What a door runs does not see the service manager's variables."""
    send_knock(pair.client, SERVER[4], "700", "800")
    opened = running.path("/var/log/opened")
    wait_until(lambda: opened.exists() and "KNOCKD_IP" in opened.read_text(), 10, "the command has run")
    names = {line.partition("=")[0] for line in opened.read_text().splitlines()}
    assert names & {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} == set()


def test_reload(running: Unit, pair: Pair) -> None:
    """``systemctl reload`` takes a new file into effect, in the same process."""
    before = running.main_pid()
    running.configure(door("other", "500,600", start_command="true"))
    running.run("systemctl", "reload", "knockd")
    wait_until(lambda: running.log().count("listening on eth0") == 2, 10, "the new doors are live")
    send_knock(pair.client, SERVER[4], "500", "600")
    running.wait_for("other: OPEN SESAME")
    assert (running.main_pid(), running.state()[0]) == (before, "active")


BAD = "[options]\nLogFil = /var/log/knockd.log\n"
PROBLEM = "/etc/knockd.conf:2: LogFil: expected a known key"
KEPT = "config bad (knockd.conf:2), the old one is kept; 1 door on eth0; "


def test_reload_of_a_bad_file(running: Unit, journal: Callable[[], list[str]]) -> None:
    """``systemctl reload`` fails; journal, status and log have file and line, and what is in effect stays."""
    running.run("systemctl", "restart", "knockd")  # its output goes to the journal now
    before = running.main_pid()
    running.write("/etc/knockd.conf", BAD, mode=0o600)
    with pytest.raises(AssertionError, match="systemctl reload knockd: 1"):
        running.run("systemctl", "reload", "knockd")
    wait_until(lambda: any(line.startswith(PROBLEM) for line in journal()), 10, "the journal says why")
    wait_until(lambda: running.state()[1].startswith(KEPT), 10, "the status says why")
    wait_until(lambda: PROBLEM in running.log(), 10, "the log says why")
    assert (running.main_pid(), running.state()[0]) == (before, "active")


@pytest.mark.parametrize("path", ["none", "/run/knockd/other.sock"])
def test_reload_without_the_usual_control_socket(running: Unit, path: str) -> None:
    """Where knockd cannot be asked at the usual place the file is checked, and HUP sent."""
    good = running.path("/etc/knockd.conf").read_text()
    good = good.replace("[options]\n", f"[options]\nControlSocket = {path}\n")
    running.write("/etc/knockd.conf", good, mode=0o600)
    running.run("systemctl", "restart", "knockd")
    running.write("/etc/knockd.conf", BAD, mode=0o600)
    with pytest.raises(AssertionError, match="systemctl reload knockd: 1"):
        running.run("systemctl", "reload", "knockd")
    wait_until(lambda: running.state()[1].startswith(KEPT), 10, "the status says why")
    running.write("/etc/knockd.conf", good, mode=0o600)
    running.run("systemctl", "reload", "knockd")
    wait_until(lambda: running.state()[1] == "1 door on eth0; 0 open", 10, "the status is good again")


def test_reload_after_an_upgrade(unit: Unit) -> None:
    """A file that is good, but not for the version that runs, fails ``systemctl reload``, too."""
    copied = " ".join(f"/opt/knockd/source/{part}" for part in ("knockd", "bpf", "conf"))
    unit.run("sh", "-c", f"mkdir /opt/copy && cp -r {copied} /opt/copy")
    for path in (f"/usr/local/bin/{name}" for name in PROGRAMS):
        unit.write(path, unit.path(path).read_text().replace("/opt/knockd/source", "/opt/copy"), mode=0o755)
    unit.begin(door("ssh", "700,800", start_command="true"))
    before = unit.main_pid()
    unit.write("/opt/copy/knockd/__init__.py", '__version__ = "99.0"\n')
    with pytest.raises(AssertionError, match="systemctl reload knockd: 1"):
        unit.run("systemctl", "reload", "knockd")
    kept = "config bad (knockd.conf), the old one is kept; 1 door on eth0; 0 open"
    wait_until(lambda: unit.state() == ("active", kept), 10, "the status says so")
    unit.wait_for("knockd 99.0 is installed and")
    assert unit.main_pid() == before


def test_hup_with_a_bad_file(running: Unit) -> None:
    """A HUP that systemd knows nothing of: the status has file and line, until a good file is in effect."""
    good = running.path("/etc/knockd.conf").read_text()
    running.write("/etc/knockd.conf", BAD, mode=0o600)
    running.run("kill", "-HUP", running.main_pid())
    wait_until(lambda: running.state()[1].startswith(KEPT), 10, "the status")
    running.write("/etc/knockd.conf", good, mode=0o600)
    running.run("systemctl", "reload", "knockd")
    wait_until(
        lambda: running.state() == ("active", "1 door on eth0; 0 open"), 10, "the status is good again"
    )


def test_restart_with_a_bad_file(running: Unit, pair: Pair) -> None:
    """The last good configuration opens its doors; log and status say what is wrong with the file."""
    running.write("/etc/knockd.conf", BAD, mode=0o600)
    running.run("systemctl", "restart", "knockd")
    state, status = running.state()
    assert state == "active"
    assert status.startswith(KEPT)
    running.wait_for("problem, using the last good one, kept in /var/lib/knockd/config-")
    assert PROBLEM in running.log()
    send_knock(pair.client, SERVER[4], "700", "800")
    running.wait_for("ssh: OPEN SESAME")


def test_stop(running: Unit, pair: Pair) -> None:
    """``systemctl stop`` closes the open door, and counts as success."""
    send_knock(pair.client, SERVER[4], "700", "800")
    running.wait_for("running command: env")
    running.run("systemctl", "stop", "knockd")
    assert "running command: true" in running.log()
    assert running.show("knockd", "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}


def test_stop_that_takes_longer_than_the_unit_gives(unit: Unit, pair: Pair) -> None:
    """With an Exit_Patience beyond TimeoutStopSec systemd is asked for more time, and waits."""
    unit.write("/etc/systemd/system/knockd.service.d/short.conf", "[Service]\nTimeoutStopSec=1\n")
    unit.run("systemctl", "daemon-reload")
    slow = "sleep 4; : > /var/log/closed"
    unit.begin(door("ssh", "700,800", start_command="true", stop_command=slow, cmd_timeout=3600))
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_until(lambda: "; 1 open; " in unit.state()[1], 10, "the door is open")
    unit.run("systemctl", "stop", "knockd")
    assert unit.path("/var/log/closed").exists()
    assert unit.show("knockd", "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}


def test_killed(running: Unit, pair: Pair) -> None:
    """A keeper that is killed is started again, and takes over what was open."""
    before = running.main_pid()
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_until(lambda: "; 1 open; " in running.state()[1], 10, "the door is open")
    running.run("kill", "-KILL", before)
    wait_until(lambda: running.main_pid() not in {before, "0"}, 10, "another keeper")
    wait_until(lambda: "; 1 open; " in running.state()[1], 10, "it knows the open door")
    running.wait_for("recovered an open door")


def test_upgrade(running: Unit, pair: Pair) -> None:
    """USR1 ends it without closing anything, and the next start goes on with what is open."""
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_until(lambda: "; 1 open; " in running.state()[1], 10, "the door is open")
    running.run("systemctl", "kill", "--kill-who=main", "--signal=USR1", "knockd")
    wait_until(lambda: running.show("knockd", "ActiveState") == {"ActiveState": "inactive"}, 10, "it ends")
    running.run("systemctl", "start", "knockd")
    state, status = running.state()
    assert state == "active"
    assert "; 1 open; " in status
    assert "running command: true" not in running.log()


def test_old_options(unit: Unit, pair: Pair) -> None:
    """With -d and a comment among the options, as in old set-ups, it stays systemd's."""
    unit.write("/etc/default/knockd", 'START_KNOCKD=1\nKNOCKD_OPTS="-d -i eth0 # my card"\n')
    unit.begin(door("ssh", "700,800", start_command="true"))
    send_knock(pair.client, SERVER[4], "700", "800")
    unit.wait_for("ssh: OPEN SESAME")
    assert unit.state()[0] == "active"


@pytest.mark.parametrize("options", ["", "-v"])
def test_journal(unit: Unit, pair: Pair, journal: Callable[[], list[str]], options: str) -> None:
    """The journal has each line of the log once, though the file alone is named."""
    unit.write("/etc/default/knockd", f"KNOCKD_OPTS={options}\n")
    unit.begin(door("ssh", "700,800", start_command="true"))
    send_knock(pair.client, SERVER[4], "700", "800")
    unit.wait_for("running command: true")
    log = [STAMP.sub("", line) for line in unit.log().splitlines()]
    wait_until(lambda: [line for line in journal() if line in log] == log, 10, "the journal has them")


def test_no_journal(unit: Unit, pair: Pair, journal: Callable[[], list[str]]) -> None:
    """Without an output the journal has no line of the log; the file has them all."""
    unit.write("/etc/systemd/system/knockd.service.d/quiet.conf", "[Service]\nStandardOutput=null\n")
    unit.run("systemctl", "daemon-reload")
    unit.begin(door("ssh", "700,800", start_command="true"))
    send_knock(pair.client, SERVER[4], "700", "800")
    unit.wait_for("running command: true")
    log = [STAMP.sub("", line) for line in unit.log().splitlines()]
    assert [line for line in journal() if line in log] == []


FORKING = """
[Service]
Type=forking
PIDFile=/run/knockd.pid
ExecStart=/usr/local/bin/knockd -d
"""


def test_forking(unit: Unit, pair: Pair) -> None:
    """Under a unit of one's own with Type=forking -d goes into the background."""
    unit.write("/etc/systemd/system/knockd.service", FORKING)
    unit.run("systemctl", "daemon-reload")
    unit.begin(door("ssh", "700,800", start_command="true"))
    send_knock(pair.client, SERVER[4], "700", "800")
    unit.wait_for("ssh: OPEN SESAME")
    assert unit.path("/run/knockd.pid").read_text() == f"{unit.main_pid()}\n"


def test_bad_configuration(unit: Unit) -> None:
    """With a configuration that cannot be read it is not started over and over."""
    unit.write("/etc/knockd.conf", "[options]\nnonsense = 1\n", mode=0o600)
    unit.run("systemctl", "start", "knockd", check=False)
    assert unit.show("knockd", "ActiveState", "ExecMainStatus", "NRestarts") == {
        "ActiveState": "failed",
        "ExecMainStatus": "78",
        "NRestarts": "0",
    }


def test_packet_process_hangs(unit: Unit, pair: Pair) -> None:
    """The keeper ends a packet process that hangs, though it is another user's; nothing is restarted."""
    unit.write("/etc/systemd/system/knockd.service.d/quick.conf", "[Service]\nWatchdogSec=6\n")
    unit.run("systemctl", "daemon-reload")
    unit.begin(door("ssh", "700,800", start_command="true"))
    keeper = unit.main_pid()
    children = f"/proc/{keeper}/task/{keeper}/children"
    hanging = unit.run("cat", children).split()
    unit.run("kill", "-STOP", *hanging)
    unit.wait_for("has not answered")
    wait_until(lambda: set(unit.run("cat", children).split()).isdisjoint({*hanging, ""}), 10, "it is gone")
    wait_until(lambda: unit.log().count("listening on eth0") == 2, 10, "another one listens")
    send_knock(pair.client, SERVER[4], "700", "800")
    unit.wait_for("OPEN SESAME")
    assert (unit.main_pid(), unit.show("knockd", "NRestarts")) == (keeper, {"NRestarts": "0"})


def test_keeper_hangs(unit: Unit, pair: Pair) -> None:
    """A keeper that hangs is ended by the watchdog and started again."""
    unit.write("/etc/systemd/system/knockd.service.d/quick.conf", "[Service]\nWatchdogSec=2\n")
    unit.run("systemctl", "daemon-reload")
    unit.begin(door("ssh", "700,800", start_command="true"))
    before = unit.main_pid()
    unit.run("kill", "-STOP", before)
    wait_until(lambda: unit.main_pid() not in {before, "0"}, 15, "another keeper")
    wait_until(lambda: unit.state()[0] == "active", 10, "it listens")
    send_knock(pair.client, SERVER[4], "700", "800")
    unit.wait_for("OPEN SESAME")
