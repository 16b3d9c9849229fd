"""Why it does not start: exit statuses of sysexits.h, and messages that say what to do next."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.daemons.daemon import OURS, environment
from tests.support.daemons.doors import config, door
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.tools import need

GOOD = config(door("secret", "700,800,900"))


@pytest.fixture
def server(lab: Lab) -> Host:
    """A host with lo and eth0."""
    server = lab.host("server")
    lab.link(server, "eth0", lab.host("client"), "eth0", ("10.7.0.1/24",))
    return server


def attempt(
    server: Host, tmp_path: Path, text: str, *options: str, prefix: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Run knockd to its end on the server: (status, standard error)."""
    path = tmp_path / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    state = ("--state-dir", str(tmp_path / "state"), "--control-socket", "none")
    command = [*server.exec_prefix, *prefix, *OURS, "-c", str(path), *state, *options]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=environment(),
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stderr


def test_an_unknown_option_is_usage_64(server: Host, tmp_path: Path) -> None:
    """The message names the option and says where help is."""
    status, said = attempt(server, tmp_path, GOOD, "--colour")
    assert status == 64
    assert said.endswith("knockd: unrecognized arguments: --colour; try knockd --help\n")


def test_an_interface_that_is_not_there_is_69(server: Host, tmp_path: Path) -> None:
    """With -t, for the daemon waits; the message lists the interfaces that are there."""
    status, said = attempt(server, tmp_path, GOOD, "-t", "-i", "ppp7")
    assert (69, "knockd: no interface ppp7 here; there are: lo, eth0\n") == (status, said)


def test_no_right_to_capture_is_77(server: Host, tmp_path: Path) -> None:
    """The message names the missing capability and how to grant it."""
    need("setpriv")
    drop = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    status, said = attempt(server, tmp_path, GOOD, "-i", "eth0", prefix=drop)
    assert status == 77
    said = said.splitlines()[-1]
    assert said.startswith("knockd: eth0: no right to capture: CAP_NET_RAW is missing. ")
    assert "--cap-add NET_RAW" in said


def test_a_bad_config_is_78(server: Host, tmp_path: Path) -> None:
    """All problems come at once, each with file and line."""
    text = "[options]\nlogfle = /x\n[secret]\nsequence = 700,70000\n"
    status, said = attempt(server, tmp_path, text, "-i", "eth0")
    assert status == 78
    positions = [line.split(" ")[0] for line in said.splitlines()]
    assert positions == [f"{tmp_path}/knockd.conf:2:", f"{tmp_path}/knockd.conf:4:"]


def test_a_config_that_is_not_there_is_78(server: Host, tmp_path: Path) -> None:
    """The message names the file."""
    status, said = attempt(server, tmp_path, GOOD, "-c", str(tmp_path / "absent.conf"))
    assert status == 78
    assert f"{tmp_path}/absent.conf" in said


def test_a_config_that_others_can_write_is_78(server: Host, tmp_path: Path) -> None:
    """It holds commands that root runs; the message gives the chmod, and a switch accepts it all the same."""
    path = tmp_path / "open.conf"
    path.write_text(GOOD)
    path.chmod(0o666)
    status, said = attempt(server, tmp_path, GOOD, "-c", str(path))
    assert status == 78
    assert f"chmod go-w {path}" in said
    status, said = attempt(
        server, tmp_path, GOOD, "-c", str(path), "--allow-insecure-config", "-t", "-i", "x0"
    )
    assert status == 69


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_are_0(server: Host, tmp_path: Path, option: str) -> None:
    """Asking is no error."""
    assert attempt(server, tmp_path, GOOD, option) == (0, "")
