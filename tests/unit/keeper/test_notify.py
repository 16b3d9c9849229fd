"""What the service manager says in the environment, and how messages are sent to it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from knockd.keeper.notify import Manager, send_fields, take_manager

PID = 1234


def test_nobody() -> None:
    """Started by hand there is nobody to tell."""
    assert take_manager({"HOME": "/root"}, PID) == Manager(PID)


def test_taken_out() -> None:
    """Nothing of it is left for what we start."""
    environment = {
        "NOTIFY_SOCKET": "@x",
        "WATCHDOG_USEC": "1",
        "WATCHDOG_PID": "1",
        "LISTEN_PID": "1",
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": "x",
        "HOME": "/root",
    }
    take_manager(environment, PID)
    assert environment == {"HOME": "/root"}


@pytest.mark.parametrize(
    ("said", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID)}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
    ids=["none", "ours", "ours by number", "another process's"],
)
def test_watchdog(said: dict[str, str], watchdog: float | None) -> None:
    """A watchdog counts when it is meant for this process."""
    assert take_manager({"NOTIFY_SOCKET": "/run/notify", **said}, PID).watchdog == watchdog


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ({}, False),
        ({"SYSTEMD_EXEC_PID": str(PID)}, True),
        ({"WATCHDOG_PID": str(PID)}, True),
        ({"SYSTEMD_EXEC_PID": "1", "WATCHDOG_PID": "1"}, False),
    ],
    ids=["none", "ours", "ours by its watchdog", "another process's"],
)
def test_waits(said: dict[str, str], waits: bool) -> None:
    """It waits for the process that it started, and for none that has inherited its socket."""
    assert take_manager({"NOTIFY_SOCKET": "/run/notify", **said}, PID).waits is waits
    assert not take_manager(said, PID).waits


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", str(2**64 - 1), "\u0661"])
def test_impossible_watchdog(text: str) -> None:
    """What cannot be microseconds is said, and there is no watchdog."""
    manager = take_manager({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": text}, PID)
    problem = f"expected microseconds in WATCHDOG_USEC, got {text!r}"
    assert manager == Manager(PID, "/run/notify", None, problem)


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_tell(tmp_path: Path, abstract: bool) -> None:
    """Fields go as lines of one datagram; no value can add a line."""
    address = f"{'@' if abstract else ''}{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{address[1:]}" if abstract else address)
        send_fields(address, {"READY": 1, "STATUS": "a\nMAINPID=1"})
        assert manager.recv(100) == b"READY=1\nSTATUS=a MAINPID=1"


def tell_for_ever(address: str) -> None:
    """Tell somebody until it is an error."""
    while True:
        send_fields(address, {"WATCHDOG": 1})


def test_tell_one_who_does_not_read(tmp_path: Path) -> None:
    """A full queue is an error at once: nobody waits for the service manager."""
    address = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        with pytest.raises(BlockingIOError):
            tell_for_ever(address)


@pytest.mark.parametrize("address", ["notify", "vsock:2:1", "/nonexistent/notify", f"/{'x' * 200}"])
def test_tell_nobody(address: str) -> None:
    """An address where nobody listens is an OSError."""
    with pytest.raises(OSError, match=r"."):
        send_fields(address, {"READY": 1})
