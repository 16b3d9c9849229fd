"""Commands that go wrong, and what commands get to know about a knock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, PEER, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.packages import PATH
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

SEQUENCE = ("700", "800", "900")
MARKER = door("marker", "1700,1800", start_command="true")
"""Another door: it must open whatever the first one's command does."""


def knock(pair: Pair, version: int = 4) -> None:
    """Knock at the door with the trouble."""
    send_knock(pair.client, SERVER[version], *SEQUENCE)


def knock_at_marker(pair: Pair) -> None:
    """Knock at the other door."""
    send_knock(pair.client, SERVER[4], "1700", "1800")


@pytest.mark.parametrize(
    ("kind", "command", "status"),
    [
        ("missing", "/nowhere/to/be/found %IP%", 127),
        ("missing with shell syntax", "/nowhere/to/be/found %IP% > /dev/null", 127),
        ("not executable", "/etc/passwd %IP%", 126),
        ("failing", "exit 3", 3),
    ],
)
def test_a_command_that_fails_is_logged_and_blocks_nothing(
    pair: Pair, start: Start, either: tuple[str, ...], kind: str, command: str, status: int
) -> None:
    """The command, then its status, as 0.8 logs them; the other door opens."""
    assert kind
    trouble = door("trouble", ",".join(SEQUENCE), start_command=command)
    daemon = start(pair.server, config(trouble, MARKER), program=either)
    knock(pair)
    lines = daemon.wait_for(f"trouble: command returned non-zero status code ({status})")
    assert f"trouble: running command: {command.replace('%IP%', CLIENT[4])}" in lines
    knock_at_marker(pair)
    daemon.wait_for("marker: running command: true")


def test_a_door_for_ipv4_alone(pair: Pair, start: Start) -> None:
    """An IPv6 knocker gets nothing run by iptables, the log says what to write, and no lease is left."""
    rule = "INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
    trouble = door(
        "trouble",
        ",".join(SEQUENCE),
        start_command=f"iptables -I {rule}",
        stop_command=f"iptables -D {rule}",
        cmd_timeout=1,
    )
    daemon = start(pair.server, config(trouble))
    knock(pair, 6)
    lines = daemon.wait_for(
        f"{CLIENT[6]}: trouble: not opened: its start command works for IPv4 knockers only"
    )
    assert [] == [line for line in lines if "OPEN SESAME" in line]
    knock(pair)
    daemon.wait_for(f"trouble: running command: iptables -D {rule}".replace("%IP%", CLIENT[4]))
    assert daemon.count("running command") == 2
    assert daemon.stop() == 0
    assert daemon.count("could not be closed") == 0


def test_a_start_that_fails_and_a_stop_too(pair: Pair, start: Start, tmp_path: Path) -> None:
    """What failed to open is not open: no later start asks for it, however its stop command ends."""
    trouble = door(
        "trouble", ",".join(SEQUENCE), start_command="exit 2", stop_command="exit 1", cmd_timeout=60
    )
    daemon = start(pair.server, config(trouble), directory=tmp_path)
    knock(pair)
    lines = daemon.wait_for("trouble: not opened: its start command failed")
    assert lines[-2] == "trouble: command returned non-zero status code (2)"
    assert daemon.stop() == 0
    again = start(pair.server, config(trouble), directory=tmp_path, ready=None)
    again.wait_for(LISTENING, times=2)
    assert (again.count("recovered"), again.count("could not be closed")) == (0, 0)


def test_what_could_not_be_closed_is_not_opened(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A stop command whose script is missing keeps the door shut until it is there, without a HUP."""
    script = tmp_path / "close"
    trouble = door(
        "trouble", ",".join(SEQUENCE), start_command="true", stop_command=f"{script} %IP%", cmd_timeout=60
    )
    daemon = start(pair.server, config(trouble))
    knock(pair)
    daemon.wait_for(f"not opened: its stop command needs {script}, which is missing or cannot be executed")
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    knock(pair)
    daemon.wait_for("trouble: running command: true")
    assert daemon.count("running command") == 1


def test_a_hanging_command_blocks_no_other_door(pair: Pair, start: Start) -> None:
    """While one command hangs other doors open; Command_Deadline ends it, and the log says so."""
    hanging = door("trouble", ",".join(SEQUENCE), start_command="sleep 1000", command_deadline=1)
    daemon = start(pair.server, config(hanging, MARKER))
    knock(pair)
    daemon.wait_for("trouble: running command: sleep 1000")
    knock_at_marker(pair)
    lines = daemon.wait_for("marker: running command: true")
    assert "trouble: command killed after 1 seconds: sleep 1000" not in lines
    daemon.wait_for("trouble: command killed after 1 seconds: sleep 1000")


def test_many_hanging_commands_are_bounded(pair: Pair, start: Start) -> None:
    """Of 6 knocks at a door with Max_Commands = 2 two commands run, the others wait in order."""
    hanging = door("trouble", ",".join(SEQUENCE), start_command="sleep 1000", max_commands=2)
    daemon = start(pair.server, config(hanging, MARKER))
    for number in range(1, 7):
        knock(pair)
        daemon.wait_for("trouble: OPEN SESAME", times=number)
    knock_at_marker(pair)
    daemon.wait_for("marker: running command: true")
    assert daemon.count("trouble: running command") == 2


def test_a_command_that_prints_megabytes_does_not_fill_the_log(pair: Pair, start: Start) -> None:
    """The first lines are logged, the rest is read and dropped, so that the command comes to its end."""
    loud = "yes 0123456789 | head -c 5000000; exit 7"
    daemon = start(pair.server, config(door("trouble", ",".join(SEQUENCE), start_command=loud), MARKER))
    knock(pair)
    lines = daemon.wait_for("trouble: command returned non-zero status code (7)")
    assert "trouble: command said: 0123456789" in lines
    assert daemon.log_path.stat().st_size < 4096
    knock_at_marker(pair)
    daemon.wait_for("marker: running command: true")


def test_output_where_0_8_lets_it_go(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """With Command_Output = inherit a command writes where the daemon itself writes, as under 0.8."""
    options = {} if either == PEER else {"Command_Output": "inherit"}
    text = config(door("trouble", ",".join(SEQUENCE), start_command="echo hello %IP%"), **options)
    daemon = start(pair.server, text, program=either)
    knock(pair)
    wait_until(lambda: f"hello {CLIENT[4]}" in daemon.output().splitlines(), 10, "the command has written")


def test_a_command_may_leave_something_running(pair: Pair, start: Start) -> None:
    """A command ends with its process, even if something it started still holds its output."""
    leaving = door("trouble", ",".join(SEQUENCE), start_command="sleep 1000 & exit 5")
    daemon = start(pair.server, config(leaving, MARKER))
    knock(pair)
    daemon.wait_for("trouble: command returned non-zero status code (5)")


@pytest.mark.parametrize("version", [4, 6])
def test_a_command_learns_who_knocked_where(pair: Pair, start: Start, tmp_path: Path, version: int) -> None:
    """Placeholders and KNOCKD_* variables carry knocker, door, destination, interface and Cmd_Timeout."""
    facts = tmp_path / "facts"
    command = (
        f"echo %IP% %DOOR% %DST% %IFACE% %TIMEOUT% > {facts}.new;"
        f" env | grep ^KNOCKD_ | grep -v ^KNOCKD_LEASE= | sort >> {facts}.new"
    )
    command += f"; mv {facts}.new {facts}"
    text = config(
        door("secret", ",".join(SEQUENCE), start_command=command, stop_command="true", cmd_timeout=7)
    )
    start(pair.server, text)
    knock(pair, version)
    wait_until(facts.exists, 10, "the command has written")
    expected = [
        f"{CLIENT[version]} secret {SERVER[version]} eth0 7",
        "KNOCKD_DOOR=secret",
        f"KNOCKD_DST={SERVER[version]}",
        "KNOCKD_IFACE=eth0",
        f"KNOCKD_IP={CLIENT[version]}",
        f"KNOCKD_NET={CLIENT[version]}",
        "KNOCKD_TIMEOUT=7",
    ]
    assert expected == facts.read_text().splitlines()


def test_environment(pair: Pair, start: Start, either: tuple[str, ...], tmp_path: Path) -> None:
    """Besides KNOCKD_*, a command has what the daemon was started with, and nothing of Python's making."""
    facts = tmp_path / "facts"
    command = f"tr '\\0' '\\n' < /proc/$$/environ > {facts}.new; mv {facts}.new {facts}"
    given = {"PATH": PATH, "GIVEN": "1", "PYTHONPATH": environment()["PYTHONPATH"]}
    program = ("env", "-i", *(f"{name}={value}" for name, value in given.items()), *either)
    start(pair.server, config(door("secret", ",".join(SEQUENCE), start_command=command)), program=program)
    knock(pair)
    wait_until(facts.exists, 10, "the command has written")
    found = dict(line.split("=", 1) for line in facts.read_text().splitlines())
    assert given == {name: value for name, value in found.items() if not name.startswith("KNOCKD_")}


def test_a_doors_name_is_never_run_as_a_command(pair: Pair, start: Start, tmp_path: Path) -> None:
    """%DOOR% is quoted for the shell."""
    facts = tmp_path / "facts"
    name = f"$(touch {tmp_path}/oops); x"
    text = config(
        door(name, ",".join(SEQUENCE), start_command=f"echo %DOOR% > {facts}.new; mv {facts}.new {facts}")
    )
    start(pair.server, text)
    knock(pair)
    wait_until(facts.exists, 10, "the command has written")
    assert facts.read_text() == f"{name}\n"
    assert not (tmp_path / "oops").exists()


def test_an_empty_command_6_runs_nothing_for_ipv6(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """IPv6 knockers run start_command_6; when it is present but empty, nothing; without it start_command."""
    own = door("own", "1,2", start_command="echo four", start_command_6="echo six")
    empty = door("empty", "3,4", start_command="echo four", start_command_6="")
    shared = door("shared", "5,6", start_command="echo both")
    daemon = start(pair.server, config(own, empty, shared), program=either)
    for number, steps in enumerate((("1", "2"), ("3", "4"), ("5", "6")), 1):
        send_knock(pair.client, SERVER[6], *steps)
        daemon.wait_for("OPEN SESAME", times=number)
    lines = daemon.wait_for("shared: running command")
    expected = ["own: running command: echo six", "shared: running command: echo both"]
    assert expected == [line for line in lines if "running command" in line]
