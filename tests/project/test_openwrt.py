"""The init script for OpenWrt under the shell that runs it there; functions that note calls play procd."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.lab.tools import need

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "conf/openwrt/knockd.init"

PLAYED = """
for call in open_instance set_param close_instance send_signal add_reload_trigger; do
    eval "procd_$call() { echo procd_$call \\"\\$@\\"; }"
done
start() { echo start; }
procd_running() { [ ! -e "$host/given-up" ]; }
host=$2
. "$1"
PROG=$2/knockd
DEFAULTS=$2/default
shift 2
"$@"
"""
"""What rc.common does around the script: procd's functions, the script, then one of its own functions."""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder with a knockd that accepts any configuration, and no defaults."""
    program = tmp_path / "knockd"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    return tmp_path


def call(host: Path, function: str) -> tuple[int, list[str]]:
    """Run a function of the script; its status and the calls of procd."""
    command = [need("busybox"), "ash", "-c", PLAYED, "ash", str(SCRIPT), str(host), function]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_syntax() -> None:
    """ash reads it without complaint."""
    done = subprocess.run([need("busybox"), "ash", "-n", str(SCRIPT)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_start(host: Path) -> None:
    """procd holds one instance in the foreground, starts it again for ever and lets it close doors."""
    assert call(host, "start_service") == (
        0,
        [
            "procd_open_instance",
            f"procd_set_param command {host}/knockd -c /etc/knockd.conf",
            "procd_set_param respawn 3600 1 0",
            "procd_set_param term_timeout 30",
            "procd_set_param no_new_privs 1",
            "procd_set_param stderr 1",
            "procd_close_instance",
        ],
    )


def test_options(host: Path) -> None:
    """KNOCKD_OPTS goes on the command line, word by word."""
    (host / "default").write_text('START_KNOCKD=1\nKNOCKD_OPTS="-i pppoe-wan -4"\n')
    calls = call(host, "start_service")[1]
    assert f"procd_set_param command {host}/knockd -c /etc/knockd.conf -i pppoe-wan -4" in calls


def test_old_options(host: Path) -> None:
    """-d is left out: procd would take the daemon's going into the background for its end."""
    (host / "default").write_text('KNOCKD_OPTS="-d -i br-lan --daemon"\n')
    calls = call(host, "start_service")[1]
    assert f"procd_set_param command {host}/knockd -c /etc/knockd.conf -i br-lan" in calls


def test_wrong_options(host: Path) -> None:
    """With wrong options there is no instance: procd would start it over and over."""
    (host / "knockd").write_text("#!/bin/sh\nexit 64\n")
    assert call(host, "start_service") == (1, [])


def test_bad_configuration(host: Path) -> None:
    """With a bad configuration it may have a last good one; if it has none, procd gives it up."""
    (host / "knockd").write_text("#!/bin/sh\nexit 78\n")
    status, calls = call(host, "start_service")
    assert (status, calls[2]) == (0, "procd_set_param respawn 3600 1 5")


@pytest.mark.parametrize("status", [75, 1, 127])
def test_not_now(host: Path, status: int) -> None:
    """What may be better in a moment, like a name that cannot be looked up yet, is no reason not to start."""
    (host / "knockd").write_text(f"#!/bin/sh\nexit {status}\n")
    assert call(host, "start_service")[1][-1] == "procd_close_instance"


def test_what_is_checked(host: Path) -> None:
    """What is checked is what will be started."""
    (host / "default").write_text('KNOCKD_OPTS="-c /etc/other.conf"\n')
    (host / "knockd").write_text(f'#!/bin/sh\necho "$@" > {host}/checked\n')
    call(host, "start_service")
    assert (host / "checked").read_text() == "-c /etc/knockd.conf -c /etc/other.conf --dry-run\n"


def test_reload(host: Path) -> None:
    """A reload is a HUP, not a restart."""
    assert call(host, "reload_service") == (0, ["procd_send_signal knockd * HUP"])


def test_reload_of_what_does_not_run(host: Path) -> None:
    """What procd has given up is started: so it is after the first door was written."""
    (host / "given-up").touch()
    assert call(host, "reload_service") == (0, ["start"])


def test_reload_of_a_bad_configuration(host: Path) -> None:
    """A bad configuration is not reloaded: the reload fails."""
    (host / "knockd").write_text("#!/bin/sh\nexit 78\n")
    assert call(host, "reload_service") == (1, [])


def test_triggers(host: Path) -> None:
    """A change of its settings reloads it."""
    assert call(host, "service_triggers") == (0, ["procd_add_reload_trigger knockd"])
