"""knockctl beside a real daemon: who is in, in and out by hand, who may, and daemons that end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.other_user import STRANGER, give_away
from tests.support.lab.services import send_knock
from tests.support.lab.terminals import Terminal
from tests.support.lab.waiting import wait_until

KNOCKCTL = (sys.executable, "-m", "knockd.ctl")
OWNER = CLIENT[4]
GROUP = 65_532
"""A group of which nobody else is a member."""

DOORS = (
    door(
        "ssh",
        "700,800,900",
        seq_timeout=10,
        cmd_timeout=600,
        start_command="echo open %IP% >> DIRECTORY/noted",
        stop_command="echo close %IP% >> DIRECTORY/noted",
    ),
    door("web", "1700,1800", cmd_timeout=600, start_command="true", stop_command="exit 3"),
)


def text_of(directory: Path, **options: object) -> str:
    """A configuration with a door that notes what its commands did, and one that cannot be closed."""
    return config(*DOORS, **options).replace("DIRECTORY", str(directory))


@pytest.fixture
def daemon(pair: Pair, start: Start, tmp_path: Path) -> Daemon:
    """A daemon with both doors."""
    return start(pair.server, text_of(tmp_path))


def ask(daemon: Daemon, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What knockctl says."""
    argv = (*KNOCKCTL, verb, "--socket", str(daemon.control_path), *arguments)
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment())


def look(daemon: Daemon) -> dict[str, Any]:
    """The answer to Status."""
    done = ask(daemon, "status", "--json")
    assert "" == done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def knock(pair: Pair, daemon: Daemon) -> None:
    """The client opens ssh by knocking."""
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    daemon.wait_for("OPEN SESAME")
    wait_until(lambda: [one["state"] for one in look(daemon)["leases"]] == ["open"], 20, "ssh is open")


def test_who_is_in(pair: Pair, daemon: Daemon) -> None:
    """Who has knocked is in the list, with the time that is left, and where the knock came."""
    assert "\nNobody is in.\n" in ask(daemon, "status").stdout
    knock(pair, daemon)
    (lease,) = look(daemon)["leases"]
    assert ("ssh", OWNER, "eth0") == (lease["door"], lease["address"], lease["interface"])
    assert 500 < lease["seconds_left"] <= 600
    screen = ask(daemon, "status").stdout
    assert "\nWho is in: 1\n" in screen
    (row,) = [line for line in screen.splitlines() if OWNER in line]
    assert row.endswith(f" knock at {SERVER[4]} on eth0")
    assert "\n2 doors: ssh 1 in" in screen
    assert "\nNobody is in at web.\n" in ask(daemon, "status", "web").stdout
    assert OWNER in ask(daemon, "status", OWNER).stdout
    assert "\nNobody is in from ::1.\n" in ask(daemon, "status", "::1").stdout


def test_in_and_out_by_hand(pair: Pair, daemon: Daemon, tmp_path: Path) -> None:
    """Doors are opened, kept open and closed by hand; the commands are those of a knock."""
    done = ask(daemon, "open", "ssh", "192.0.2.7", "--for", "1h")
    assert ("ssh for 192.0.2.7 is open, 1 h left\n", "", 0) == (done.stdout, done.stderr, done.returncode)
    assert look(daemon)["leases"][0]["by"].startswith("by hand")
    assert ask(daemon, "extend", "ssh", "192.0.2.7", "2h").returncode == 0
    assert 7_000 < look(daemon)["leases"][0]["seconds_left"] <= 3 * 3_600
    done = ask(daemon, "close", "192.0.2.7")
    assert ("ssh is closed for 192.0.2.7\n", "", 0) == (done.stdout, done.stderr, done.returncode)
    knock(pair, daemon)
    assert ask(daemon, "close", "all").stdout == f"ssh is closed for {OWNER}\n"
    assert [
        "open 192.0.2.7",
        "close 192.0.2.7",
        f"open {OWNER}",
        f"close {OWNER}",
    ] == (tmp_path / "noted").read_text().splitlines()
    assert [] == look(daemon)["leases"]


def test_a_door_that_cannot_be_closed(daemon: Daemon) -> None:
    """The status says so with what to do, until it is forgotten."""
    assert ask(daemon, "open", "web", OWNER).returncode == 0
    assert ask(daemon, "close", "web").returncode == 1
    done = ask(daemon, "status")
    assert done.returncode == 1
    assert f"  web is still open for {OWNER}: its stop command failed" in done.stdout
    done = ask(daemon, "forget", look(daemon)["leases"][0]["id"])
    assert ("  exit 3", 0) == (done.stdout.splitlines()[-1], done.returncode)
    assert [] == look(daemon)["leases"]


def test_what_a_knock_would_run(daemon: Daemon, tmp_path: Path) -> None:
    """The command is shown with its address, and not run."""
    done = ask(daemon, "test", "ssh", "2001:DB8::7")
    assert f"  command      echo open 2001:db8::7 >> {tmp_path}/noted\n" in done.stdout
    assert "  run by       /bin/sh -c\n" in done.stdout
    assert not (tmp_path / "noted").exists()


def test_reload(daemon: Daemon, tmp_path: Path) -> None:
    """A bad file is refused with its line, and the status says so until a good one is in effect."""
    good = daemon.config_path.read_text()
    daemon.write_config(good.replace("700,800,900", "700,80000"))
    done = ask(daemon, "reload")
    assert os.EX_CONFIG == done.returncode
    assert f"knockctl reload: {daemon.config_path}:" in done.stderr
    assert "got '80000'" in done.stderr
    done = ask(daemon, "status")
    assert done.returncode == 1
    assert f"{daemon.config_path}" in done.stdout
    assert "    -> mend it, then: knockctl reload\n" in done.stdout
    daemon.write_config(text_of(tmp_path).replace("[web]", "[web2]"))
    done = ask(daemon, "reload")
    assert done.returncode == 0
    assert done.stdout.endswith("in effect: 2 doors\n")
    assert "mend it" not in ask(daemon, "status").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("open", "shh", OWNER), 64, "there is no door 'shh'; did you mean 'ssh'? All doors: ssh, web"),
        (("status", "shh"), 64, "there is no door 'shh'; did you mean 'ssh'?"),
        (("test", "shh", OWNER), 64, "there is no door 'shh'"),
        (("extend", "ssh", OWNER, "10m"), 1, "is not open; see: knockctl status"),
        (("close", "ssh"), 1, "is not open; see: knockctl status"),
        (("forget", "0123"), 1, "there is no lease '0123'; knockctl status names"),
    ],
)
def test_what_is_not_there(arguments: tuple[str, ...], status: int, text: str, daemon: Daemon) -> None:
    """Unknown doors, addresses and leases have a sentence each."""
    done = ask(daemon, *arguments)
    assert (status, "") == (done.returncode, done.stdout)
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_over_ssh(pair: Pair, daemon: Daemon) -> None:
    """Without a terminal, with a closed standard input and in the C locale it says the same."""
    knock(pair, daemon)
    argv = ("/bin/sh", "-c", 'exec "$@" <&-', "sh", *KNOCKCTL, "status", "--socket", str(daemon.control_path))
    env = {**environment(), "LC_ALL": "C", "TERM": "xterm-256color"}
    done = subprocess.run(argv, capture_output=True, env=env, check=False, timeout=60)
    assert b"" == done.stderr
    assert OWNER.encode() in done.stdout
    assert b"\x1b" not in done.stdout


def test_the_daemon_is_killed(pair: Pair, daemon: Daemon) -> None:
    """Who watches sees who comes in, and is told when the daemon is gone; who asks later, too."""
    argv = (*KNOCKCTL, "status", "--watch", "--socket", str(daemon.control_path))
    with Terminal(argv, {**environment(), "TERM": "xterm", "NO_COLOR": "1"}) as terminal:
        terminal.wait_for("Nobody is in.")
        knock(pair, daemon)
        terminal.wait_for("Who is in: 1")
        daemon.process.kill()
        daemon.process.wait()
        assert terminal.wait_for_end() == os.EX_UNAVAILABLE
        assert "knockctl status: " in terminal.said.rpartition("\x1b[?1049l")[2]
    done = ask(daemon, "status")
    assert os.EX_UNAVAILABLE == done.returncode
    assert str(daemon.control_path) in done.stderr


AS_ANOTHER = """
import gettext, locale, os, sys
from knockd.ctl import asking, cli, complaints, reload, status
user, group = map(int, sys.argv[1:3])
os.setgroups([])
os.setresgid(group, group, group)
os.setresuid(user, user, user)
sys.exit(cli.main(sys.argv[3:]))
"""
"""All is imported before: another user may not read where Python is."""


@pytest.fixture
def shared(pair: Pair, start: Start, tmp_path: Path) -> Iterator[Callable[[str, int], tuple[int, str]]]:
    """Asks, as a user of some group, a daemon whose socket a group may use: exit status and errors."""
    with tempfile.TemporaryDirectory() as directory:
        (tmp_path / "given").mkdir()
        give_away(tmp_path / "given")  # who may not do this cannot become another user either
        os.chmod(directory, 0o711)
        path = f"{directory}/socket"
        start(pair.server, text_of(tmp_path), "--control-socket", path)
        os.chown(path, -1, GROUP)
        os.chmod(path, 0o660)

        def run(verb: str, group: int) -> tuple[int, str]:
            argv = (sys.executable, "-c", AS_ANOTHER, str(STRANGER), str(group), verb, "--socket", path)
            done = subprocess.run(
                argv, capture_output=True, text=True, check=False, timeout=60, env=environment()
            )
            return done.returncode, done.stderr

        yield run


def test_who_may(shared: Callable[[str, int], tuple[int, str]]) -> None:
    """A member of the group may look and change nothing, a stranger may not even look."""
    status, said = shared("status", GROUP)
    assert status in {0, 1}
    assert "" == said
    status, said = shared("reload", GROUP)
    assert (os.EX_NOPERM, "knockctl reload: only root may do this; try it with sudo\n") == (status, said)
    status, said = shared("status", STRANGER)
    assert os.EX_NOPERM == status
    assert said.count("\n") == 1
