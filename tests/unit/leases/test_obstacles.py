"""What could not be closed is not opened: both commands are judged for the knocker before one runs."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from knockd.leases.obstacles import find_bar, find_obstacle
from knockd.leases.values import Knock
from knockd_conf.access import Access, make_networks
from knockd_conf.command_facts import find_facts
from tests.support.doubles.played import door

RULE = "INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
FOUR = {"start_command": f"iptables -I {RULE}", "stop_command": f"iptables -D {RULE}; true"}
SIX = {"start_command_6": f"ip6tables -I {RULE}", "stop_command_6": f"ip6tables -D {RULE}; true"}
ANY = {"start_command": "open %IP%", "stop_command": "true %IP%"}


def obstacle(version: int, path: str | None = None, **commands: str) -> str | None:
    """Why a knock over IPv4 or IPv6 opens nothing at a door with these commands."""
    made = door("1 2", **commands)
    judged = replace(made, facts=find_facts(made))
    source = {4: "192.0.2.1", 6: "2001:db8::1"}[version]
    return find_obstacle(Knock(judged, source, version, source, "eth0"), path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of programs; it has iptables and ip6tables, and the shell has nothing in itself."""
    for name in ("iptables", "ip6tables"):
        program(tmp_path / name)
    monkeypatch.setattr(os.path, "realpath", lambda _: "/usr/bin/dash")
    return tmp_path


def program(file: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    """A program."""
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("version", "commands", "reason"),
    [
        (4, FOUR, None),
        (6, FOUR, "its start command works for IPv4 knockers only: write Start_Command_6"),
        (4, FOUR | SIX, None),
        (6, FOUR | SIX, None),
        (6, FOUR | {"start_command_6": "", "stop_command_6": ""}, None),
        (
            6,
            FOUR | {"start_command_6": SIX["start_command_6"]},
            "its stop command works for IPv4 knockers only: write Stop_Command_6",
        ),
        (6, FOUR | {"start_command_6": SIX["start_command_6"], "stop_command_6": ""}, None),
        (
            6,
            FOUR | {"start_command_6": FOUR["start_command"]},
            "its start command works for IPv4 knockers only: write Start_Command_6 for IPv6",
        ),
        (
            4,
            {"start_command": SIX["start_command_6"], "stop_command": SIX["stop_command_6"]},
            "its start command works for IPv6 knockers only:"
            " write it as Start_Command_6, and Start_Command for IPv4",
        ),
        (4, ANY, None),
        (6, ANY, None),
        (4, {"start_command": "open"}, None),
        (4, {"start_command": "open", "stop_command": ""}, None),
        (
            4,
            {"start_command": "open", "stop_command_6": "close"},
            "it has a Stop_Command_6 and no Stop_Command: write one (empty: nothing closes it)",
        ),
        (4, {"start_command": "open", "stop_command": "", "stop_command_6": "true"}, None),
        (4, {"start_command_6": "open", "stop_command_6": "true"}, None),
        (6, {"start_command_6": "open", "stop_command_6": "true"}, None),
    ],
)
def test_by_version(folder: Path, version: int, commands: dict[str, str], reason: str | None) -> None:
    """A command that works for the other IP version only is not run, and the reason says what to write."""
    assert obstacle(version, str(folder), **commands) == reason


def test_without_facts() -> None:
    """Of a door whose commands nobody has judged nothing but their length is known."""
    bare = door("1 2", **FOUR)
    assert find_obstacle(Knock(bare, "2001:db8::1", 6, "2001:db8::2", "eth0"), "/nowhere") is None


def test_missing_program(folder: Path) -> None:
    """A stop command whose program is not there or not executable keeps the door shut, until it is."""
    stop = {"start_command": "open", "stop_command": "iptables %IP%; logger closed"}
    reason = "its stop command needs iptables, which is missing or cannot be executed"
    file = folder / "iptables"
    assert obstacle(4, str(folder), **stop) is None
    file.chmod(0o644)
    assert obstacle(4, str(folder), **stop) == reason
    file.unlink()
    assert obstacle(4, str(folder), **stop) == reason
    file.mkdir()
    assert obstacle(4, str(folder), **stop) == reason
    assert (
        obstacle(4, f"/nowhere:{program(folder / 'other').parent}", start_command="x", stop_command="other")
        is None
    )


def test_a_missing_start_program_is_the_start_commands_own_failure(folder: Path) -> None:
    """Without its program a start command opens nothing, and the log has what knockd 0.8 says of it."""
    assert obstacle(4, str(folder), start_command="/nowhere/open", stop_command="iptables") is None


def test_one_of_several_programs(folder: Path) -> None:
    """A stop command of several parts can do something as long as one of its programs is there."""
    several = "/nowhere/one %IP% || iptables -D %IP%"
    assert obstacle(4, str(folder), start_command="open", stop_command=several) is None
    reason = obstacle(4, "/nowhere", start_command="open", stop_command=several)
    assert reason == "its stop command needs /nowhere/one or iptables, which is missing or cannot be executed"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("#!/bin/sh\n", True),
        ("#! /bin/sh -e\n", True),
        ("#!/bin/sh\r\n", False),
        ("#!/nowhere/python\n", False),
        ("#!\n", True),
        ("echo without\n", True),
        ("", True),
    ],
)
def test_interpreter(tmp_path: Path, text: str, good: bool) -> None:
    """A script needs the interpreter that its first line names; line ends of Windows are part of it."""
    stop = str(program(tmp_path / "close", text))
    assert (obstacle(4, None, start_command="open", stop_command=stop) is None) == good


def test_what_nobody_can_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PATH the shell chooses, busybox has programs in itself, and a file may be unreadable."""
    away = {"start_command": "open", "stop_command": "close %IP%"}
    assert obstacle(4, None, **away) is None
    monkeypatch.setattr(os.path, "realpath", lambda _: "/bin/busybox")
    assert obstacle(4, str(tmp_path), **away) is None

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    stop = str(program(tmp_path / "close", "#!/nowhere\n"))
    assert obstacle(4, None, start_command="open", stop_command=stop) is None


def test_file_that_becomes_a_fifo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon does not wait for who writes to it: it is no program."""
    monkeypatch.setattr(os.path, "isfile", lambda _: True)
    os.mkfifo(tmp_path / "close", 0o755)
    stop = str(tmp_path / "close")
    reason = f"its stop command needs {stop}, which is missing or cannot be executed"
    assert obstacle(4, None, start_command="open", stop_command=stop) == reason


def test_who_may_not_knock() -> None:
    """Whom Allow and Deny keep out is refused by the daemon too, whatever the packet process says."""
    rule = Access(make_networks([ip_network("192.0.2.0/24")]), make_networks([ip_network("192.0.2.7/32")]))
    made = door("1 2", access=rule)
    bars = {
        source: find_bar(Knock(made, source, 6 if ":" in source else 4, "10.0.0.1", "eth0"), "2026-12-31")
        for source in ("192.0.2.6", "192.0.2.7", "198.51.100.1", "2001:db8::1")
    }
    why = "Allow and Deny keep this address out"
    assert {"192.0.2.6": None, "192.0.2.7": why, "198.51.100.1": why, "2001:db8::1": why} == bars


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        ("2026-12-30", None),
        ("2026-12-31", None),
        ("2027-01-01", "it has expired: its last day was 2026-12-31"),
    ],
)
def test_expired(today: str, expected: str | None) -> None:
    """A door opens on its last day, and on none after it."""
    knock = Knock(door("1 2", expires="2026-12-31"), "192.0.2.1", 4, "10.0.0.1", "eth0")
    assert expected == find_bar(knock, today)
