"""The control socket of a real daemon: other implementations of varlink, other users, moves and ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import varlink

from knockd.control.client import CallError, Control, ControlError
from knockd.control.idl import check_fields, read_interface
from knockd.control.interface import DESCRIPTION, NAME
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, OURS, Daemon, environment
from tests.support.daemons.doors import config, door
from tests.support.lab.packages import find
from tests.support.lab.waiting import wait_until

DOOR = door("secret", "700,800,900", start_command="true")
GROUP = 4_242
"""The group whose members may look, in the daemon's own list of groups."""

STRANGER = 65_533
NOBODY = 65_534
"""Who the packet process is in ``shared``."""

AS = """
import os, sys
from knockd.control.client import CallError, Control, ControlError
user, group = map(int, sys.argv[2:4])
os.setgroups([group])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
try:
    with Control(sys.argv[1]) as control:
        print(sorted(control.call(sys.argv[4])))
except CallError as error:
    print(error.name, dict(error.parameters))
except ControlError as error:
    print(error.status, error.text)
"""
"""Calls a method as another user, in one group besides his own."""


def ask(path: Path, user: int, group: int, method: str) -> str:
    """What another user gets."""
    command = [sys.executable, "-c", AS, str(path), str(user), str(group), method]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=True, timeout=60, cwd="/"
    )
    return done.stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that others may pass."""
    if os.geteuid() != 0 or Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        pytest.skip("other users need root, outside of user namespaces")
    with tempfile.TemporaryDirectory(prefix="knockd-control-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def with_groups(folder: Path, *more: str) -> tuple[str, ...]:
    """Our program on a host that has these groups, and no other group knockd."""
    groups = folder / "group"
    lines = Path("/etc/group").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("knockd:")]
    groups.write_text("\n".join([*lines, *more, ""]))
    return ("sh", "-c", f'mount --bind {groups} /etc/group && exec "$@"', "sh", *OURS)


@pytest.fixture
def shared(pair: Pair, start: Start, tmp_path: Path, folder: Path) -> Daemon:
    """A daemon on a host that has a group knockd; its control socket is where others may pass."""
    program = with_groups(tmp_path, f"knockd:x:{GROUP}:")
    text = config(DOOR, User="nobody")
    daemon = start(pair.server, text, "--control-socket", str(folder / "s"), program=program)
    daemon.control_path = folder / "s"
    return daemon


def test_members_of_the_group_look(shared: Daemon) -> None:
    """They look and change nothing; who is in no such group cannot even connect."""
    found = shared.control_path.lstat()
    assert (0, GROUP, 0o660) == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
    assert "NotAllowed {'needed': 'root'}\n" == ask(shared.control_path, STRANGER, GROUP, "Reload")
    assert "no right to" in ask(shared.control_path, STRANGER, STRANGER, "Counters")
    assert "NotAllowed" not in ask(shared.control_path, STRANGER, GROUP, "Counters")
    line = f"of uid {STRANGER}: only root may call Reload"
    (logged,) = (line for line in shared.log_lines() if "control socket" in line)
    assert logged.endswith(line)


def test_the_user_of_the_packet_process_may_not_look(shared: Daemon) -> None:
    """Also as a member of the group; that it tried is logged."""
    assert "closed the connection" in ask(shared.control_path, NOBODY, GROUP, "Counters")
    shared.wait_for(f"of uid {NOBODY}: it is or may be the packet process")


def test_without_the_group(pair: Pair, start: Start, tmp_path: Path, folder: Path) -> None:
    """Then it is root's alone."""
    start(pair.server, config(DOOR), "--control-socket", str(folder / "s"), program=with_groups(tmp_path))
    assert 0o600 == stat.S_IMODE((folder / "s").lstat().st_mode)
    assert "no right to" in ask(folder / "s", STRANGER, GROUP, "Counters")


def test_another_implementation(pair: Pair, start: Start) -> None:
    """PyPI's varlink reads who we are and our interface, and names our errors as we do."""
    daemon = start(pair.server, config(DOOR))
    with varlink.Client(f"unix:{daemon.control_path}") as client:
        assert ["org.varlink.service", NAME] == list(client.get_interfaces())
        assert "knockd" == client.info["product"]
        with client.open(NAME) as interface, pytest.raises(varlink.InvalidParameter):
            interface.Test(7, "192.0.2.1")
        with client.open("org.varlink.service") as service, pytest.raises(varlink.InterfaceNotFound):
            service.GetInterfaceDescription("org.example")


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("Status", {}),
        ("Status", {"door": "secret"}),
        ("Counters", {}),
        ("Test", {"door": "secret", "address": "192.0.2.7"}),
        ("Open", {"door": "secret", "address": "2001:db8::7"}),
        ("Extend", {"door": "secret", "address": "192.0.2.7", "seconds": 60}),
        ("Close", {"address": "192.0.2.7"}),
        ("Reload", {}),
    ],
)
def test_answers_fit(opened: Daemon, method: str, parameters: dict[str, object]) -> None:
    """What is answered is what the interface says."""
    made = read_interface(DESCRIPTION)
    with Control(str(opened.control_path), 60) as control:
        answer = control.call(method, **parameters)
    check_fields(made, made.methods[method].answers, answer)


@pytest.mark.parametrize(
    ("method", "parameters", "error"),
    [
        ("Status", {"door": "none"}, "NoSuchDoor"),
        ("Test", {"door": "secret", "address": "here"}, "BadValue"),
        ("Open", {"door": "none", "address": "192.0.2.7"}, "NoSuchDoor"),
        ("Extend", {"door": "secret", "address": "192.0.2.8", "seconds": 60}, "NoSuchLease"),
        ("Forget", {"lease": "none"}, "NoSuchLease"),
    ],
)
def test_errors_fit(opened: Daemon, method: str, parameters: dict[str, object], error: str) -> None:
    """What is refused is refused as the interface says."""
    made = read_interface(DESCRIPTION)
    with Control(str(opened.control_path), 60) as control, pytest.raises(CallError) as refused:
        control.call(method, **parameters)
    assert error == refused.value.name
    check_fields(made, made.errors[error], refused.value.parameters)


@pytest.fixture
def opened(pair: Pair, start: Start) -> Daemon:
    """A daemon whose door is open for an address."""
    both = {"start_command": "true", "stop_command": "true", "cmd_timeout": 600}
    daemon = start(pair.server, config(door("secret", "700,800,900", **both)))
    with Control(str(daemon.control_path), 60) as control:
        control.call("Open", door="secret", address="192.0.2.7")
    return daemon


@pytest.fixture
def varlinkctl() -> str:
    """systemd's client: from systemd 255 on, so it is in Debian 13 and not in 12."""
    path = find("varlinkctl")
    if path is None:
        pytest.skip("varlinkctl is missing: it comes with systemd 255 and later")
    return path


def test_systemds_client(pair: Pair, start: Start, varlinkctl: str) -> None:
    """varlinkctl reads who we are and our interface."""
    daemon = start(pair.server, config(DOOR))
    said = pair.server.run(varlinkctl, "info", str(daemon.control_path))
    assert NAME in said
    assert "method Status(" in pair.server.run(varlinkctl, "introspect", str(daemon.control_path), NAME)
    done = pair.server.status(varlinkctl, "call", str(daemon.control_path), f"{NAME}.Open", '{"door": 7}')
    assert done.returncode != 0
    assert "org.varlink.service.InvalidParameter" in done.stderr


def test_moved_and_turned_off(pair: Pair, tmp_path: Path) -> None:
    """A reload moves it, and takes it away with none; the end removes it."""
    state = ("-c", str(tmp_path / "conf"), "--state-dir", str(tmp_path / "state"))
    first, second = tmp_path / "first", tmp_path / "second"
    path = tmp_path / "conf"

    def write(where: object) -> None:
        path.write_text(config(DOOR, ControlSocket=where))
        path.chmod(0o600)

    write(first)
    # Not as Daemon starts it: there an option wins over the file.
    process = pair.server.popen(*OURS, "-i", "eth0", *state, "-g", str(tmp_path / "log"), env=environment())
    try:
        wait_until(first.exists, 20, "it is there")
        wait_until(lambda: "listening on" in (tmp_path / "log").read_text(), 20, "it listens")
        write(second)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: second.exists() and not first.exists(), 20, "it has moved")
        assert_served(second)
        write("none")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not second.exists(), 20, "it is gone")
        write(first)
        process.send_signal(signal.SIGHUP)
        wait_until(first.exists, 20, "it is back")
        assert_served(first)
    finally:
        process.terminate()
        process.wait(20)
    assert not first.exists()


def assert_served(path: Path) -> None:
    """A client is answered, if only that the method is not known."""
    with varlink.Client(f"unix:{path}") as client:
        assert NAME in list(client.get_interfaces())


def test_two_daemons_of_one_socket(pair: Pair, start: Start, tmp_path: Path) -> None:
    """The second one runs without, says so, and leaves the first one's alone."""
    first = start(pair.server, config(DOOR))
    other = config(door("other", "1700,1800", start_command="true"))
    path = str(first.control_path)
    second = start(
        pair.server, other, "--control-socket", path, "--state-dir", str(tmp_path / "s2"), "--also"
    )
    assert 1 == second.count(f"control socket {path}: another knockd serves it")
    second.stop()
    assert_served(first.control_path)


def test_killed_and_started_again(pair: Pair, start: Start, tmp_path: Path) -> None:
    """What a killed daemon has left is replaced; meanwhile a client hears that nobody answers."""
    folder = tmp_path / "daemon"
    first = start(pair.server, config(DOOR), directory=folder)
    first.process.kill()
    first.process.wait()
    with pytest.raises(ControlError, match="nobody answers at"):
        Control(str(first.control_path))
    second = start(pair.server, config(DOOR), directory=folder, ready=None)
    second.wait_for(LISTENING, times=2)
    assert_served(second.control_path)
    assert 0 == second.count("control socket")
