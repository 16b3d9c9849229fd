"""The service manager hears the truth, and a packet process that hangs is found."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.daemons.service_manager import Manager, Message, states, values
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

STEPS = ("700", "800")
SECRET = config(door("secret", ",".join(STEPS), start_command="true", stop_command="true", cmd_timeout=2))
ADDRESSES = ("/path", "@abstract")


@pytest.fixture
def manager(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A service manager for the daemons of this test."""
    with Manager(pair.server, str(tmp_path / "notify")) as made:
        monkeypatch.setenv("NOTIFY_SOCKET", made.address)
        yield made


def knock(pair: Pair) -> None:
    """One complete knock."""
    send_knock(pair.client, SERVER[4], *STEPS)


def worker(daemon: Daemon) -> int:
    """The packet process."""
    (child,) = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    return int(child)


@pytest.mark.parametrize("address", ADDRESSES)
def test_ready_means_that_a_knock_opens(
    pair: Pair, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Who knocks the moment READY has come is let in; the socket is a path or abstract."""
    where = f"{tmp_path}/notify" if address == "/path" else f"@{tmp_path}"
    monkeypatch.setenv("NOTIFY_SOCKET", where)
    with Manager(pair.server, where) as manager:
        daemon = start(pair.server, SECRET, ready=None)
        before = manager.wait_for("READY")
        knock(pair)
        daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")
        assert before == [{"READY": "1", "STATUS": "1 door on eth0; 0 open"}]


def test_ready_while_waiting(pair: Pair, start: Start, manager: Manager) -> None:
    """A daemon that waits for its interface is up, and its status says what it waits for."""
    daemon = start(pair.server, SECRET, interface="ppp7", ready=None)
    messages = manager.wait_for("READY")
    daemon.wait_for("waiting for interface ppp7")
    assert messages == [{"READY": "1", "STATUS": "1 door; waiting for ppp7; 0 open"}]


def test_reload(pair: Pair, start: Start, manager: Manager) -> None:
    """A reload is over when the new doors are live; its stamp is of the manager's own clock."""
    daemon = start(pair.server, SECRET)
    manager.wait_for("READY")
    daemon.write_config(config(door("new", "500,600")))
    before = time.monotonic_ns() // 1000
    daemon.signal(signal.SIGHUP)
    messages = manager.wait_for("READY")
    send_knock(pair.client, SERVER[4], "500", "600")
    daemon.wait_for("new: OPEN SESAME")
    (stamp,) = values(messages, "MONOTONIC_USEC")
    assert states(messages) == ["RELOADING", "READY"]
    assert before <= int(stamp) <= time.monotonic_ns() // 1000


def test_bad_reload(pair: Pair, start: Start, manager: Manager) -> None:
    """A reload of a bad file is over too: the old doors go on."""
    daemon = start(pair.server, SECRET)
    manager.wait_for("READY")
    daemon.write_config("nonsense\n")
    daemon.signal(signal.SIGHUP)
    messages = manager.wait_for("READY")
    knock(pair)
    daemon.wait_for("secret: OPEN SESAME")
    assert states(messages) == ["RELOADING", "READY"]


def test_reloads_under_way(pair: Pair, start: Start, manager: Manager) -> None:
    """However reloads overlap, the last word is READY."""
    daemon = start(pair.server, SECRET)
    manager.wait_for("READY")
    for _ in range(5):
        daemon.signal(signal.SIGHUP)
        time.sleep(0.02)  # into the middle of the one before

    def settled() -> bool:
        return not manager.listen(1.0) and states(manager.heard)[-1:] == ["READY"]

    wait_until(settled, 20, "READY, and no further message")
    assert states(manager.heard)[-2:] == ["RELOADING", "READY"]


def test_stopping(pair: Pair, start: Start, manager: Manager) -> None:
    """STOPPING is sent before doors are closed, and no message after it."""
    daemon = start(pair.server, SECRET)
    daemon.stop()
    manager.listen()
    assert states(manager.heard) == ["READY", "STOPPING"]


def test_status(pair: Pair, start: Start, manager: Manager) -> None:
    """The status follows a lease from its opening to its end."""
    start(pair.server, SECRET)
    knock(pair)
    manager.wait_for(lambda message: message.get("STATUS", "").startswith("1 door on eth0; 1 open; "))
    manager.wait_for(lambda message: message.get("STATUS") == "1 door on eth0; 0 open")
    counts = [status.split("; ")[1] for status in values(manager.heard, "STATUS")]
    assert [count for count, _ in groupby(counts)] == ["0 open", "1 open", "0 open"]


def test_status_of_a_storm(pair: Pair, start: Start, manager: Manager) -> None:
    """However many doors open, there is a line of status a second at most, and the last one is true."""
    daemon = start(
        pair.server, config(door("two", "700,800", start_command="true", stop_command="true", cmd_timeout=60))
    )
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    began = time.monotonic()
    frames = [
        ethernet(*macs, packet(f"10.9.0.{n}", SERVER[4], port)) for n in range(1, 101) for port in (700, 800)
    ]
    pair.client.send_frames("eth0", frames)
    manager.wait_for(lambda message: message.get("STATUS", "").startswith("1 door on eth0; 100 open; "), 20)
    assert len(manager.heard) <= 2 + time.monotonic() - began
    assert daemon.count("OPEN SESAME") == 100


def test_main_pid(pair: Pair, start: Start, manager: Manager, tmp_path: Path) -> None:
    """With -d the process that stays says which one it is."""
    pid_file = tmp_path / "pid"
    start(pair.server, SECRET, "-d", "-p", str(pid_file), ready=None)
    (message,) = manager.wait_for("READY")
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    manager.wait_for("STOPPING")
    assert message["MAINPID"] == str(pid)


def test_watchdog(pair: Pair, start: Start, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life stop with the packet process; another takes its place, and they come again."""
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    daemon = start(pair.server, SECRET)
    manager.wait_for("READY")
    for _ in range(2):
        manager.wait_for("WATCHDOG")
    os.kill(worker(daemon), signal.SIGSTOP)
    manager.listen()
    daemon.wait_for("packet process has not answered for 1 seconds, starting another")
    while_silent = manager.listen()
    manager.wait_for("WATCHDOG")
    knock(pair)
    daemon.wait_for("secret: OPEN SESAME")
    assert values(while_silent, "WATCHDOG") == []


def test_watchdog_while_waiting(
    pair: Pair, start: Start, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an interface there is no packet process to ask: the keeper is well by itself."""
    monkeypatch.setenv("WATCHDOG_USEC", "500000")
    start(pair.server, SECRET, interface="ppp7", ready="waiting for interface ppp7")
    for _ in range(3):
        manager.wait_for("WATCHDOG")


def test_watchdog_under_flood(
    pair: Pair, start: Start, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packet process that has ever more to read still answers."""
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    daemon = start(pair.server, SECRET)
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    strangers = [
        ethernet(*macs, packet(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", SERVER[4], 700))
        for n in range(20_000)
    ]
    manager.wait_for("READY")
    manager.listen()
    messages: list[Message] = []
    while len(values(messages, "WATCHDOG")) < 3:
        pair.client.send_frames("eth0", strangers)
        messages += manager.listen()
    assert daemon.count("has not answered") == 0


BAD = {
    "missing": ("/nonexistent/notify", "No such file or directory"),
    "deaf": ("@nobody-listens-here", "Connection refused"),
    "relative": ("notify", "'notify' is not a path and not an abstract socket"),
    "too long": (f"/{'x' * 200}", "AF_UNIX path too long"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_socket(pair: Pair, start: Start, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """A service manager that cannot be reached is logged once, and doors open all the same."""
    address, reason = BAD[case]
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    daemon = start(pair.server, SECRET)
    knock(pair)
    daemon.wait_for("secret: OPEN SESAME")
    daemon.stop()
    assert [line for line in daemon.log_lines() if "service manager" in line] == [
        f"service manager cannot be told how we are: {reason}"
    ]


def test_commands_cannot_speak_for_us(
    pair: Pair, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A door's command does not see what the service manager has said to us."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("LISTEN_FDS", "1")
    seen = tmp_path / "environment"
    start(
        pair.server,
        config(door("secret", "700,800", start_command=f"env > {seen}.new; mv {seen}.new {seen}")),
    )
    knock(pair)
    wait_until(seen.exists, 10, "the command has run")
    assert re.findall(r"^(NOTIFY|WATCHDOG|LISTEN)_", seen.read_text(), re.MULTILINE) == []
    assert "KNOCKD_IP=" in seen.read_text()


def test_idle(pair: Pair, start: Start, manager: Manager) -> None:
    """A service manager that asks for no signs of life costs no wake-ups."""
    daemon = start(pair.server, SECRET)
    manager.wait_for("READY")

    def switches() -> list[str]:
        both = [Path(f"/proc/{pid}/status").read_text() for pid in (daemon.pid, worker(daemon))]
        return [re.findall(r"ctxt_switches:\s+(\d+)", status)[0] for status in both]

    time.sleep(1.5)  # what a start leaves to be done
    before = switches()
    time.sleep(3)
    assert switches() == before
