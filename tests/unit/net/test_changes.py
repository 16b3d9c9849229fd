"""The kernel's messages about changes, in a network namespace of our own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from knockd.net.changes import MOST_AT_ONCE, Changes, Monitor
from tests.support.lab.packages import PATH
from tests.support.lab.tools import lacking, need

WATCH = """
import json, os, subprocess, sys
from knockd.net.changes import Monitor
monitor = Monitor()
monitor.follow_routes(sys.argv[1] == "routes")
subprocess.run(["ip", "-batch", "-"], input=sys.argv[2], text=True, check=True)
things, overflow = [], False
for _ in range(100):
    now = monitor.read_changes()
    things += now.things
    overflow |= now.overflow
print(json.dumps([[[type(thing).__name__, str(thing), gone] for thing, gone in things], overflow]))
"""


def changes(*commands: str, routes: bool = True) -> tuple[list[tuple[str, str, bool]], bool]:
    """Changes while ``ip`` runs commands (kind, text, whether it is gone), and whether some were lost."""
    need("unshare", "util-linux")
    need("ip")
    if subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False).returncode:
        lacking("no right to make a network namespace")
    environment = {
        **os.environ,
        "PATH": PATH,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    script = [sys.executable, "-c", WATCH, "routes" if routes else "", "\n".join(commands) + "\n"]
    done = subprocess.run(
        ["unshare", "-Urn", *script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    things, overflow = json.loads(done.stdout)
    return [(kind, text, gone) for kind, text, gone in things], overflow


def kinds(things: Sequence[tuple[str, str, bool]]) -> set[tuple[str, bool]]:
    """Which kinds of things came or went."""
    return {(kind, gone) for kind, _, gone in things}


ADD = ("link add wan type veth peer name lan", "link set wan up", "link set lan up")
ADDRESS = "addr add 10.9.0.1/24 dev wan"
ROUTE = "route add default via 10.9.0.2"


def test_links() -> None:
    """A link that comes, and one that goes, with its name."""
    things, _ = changes(ADD[0], "link del wan")
    assert {("Link", False), ("Link", True)} <= kinds(things)
    assert all(
        "'wan'" in text or "'lan'" in text or "'lo'" in text for kind, text, _ in things if kind == "Link"
    )


@pytest.mark.parametrize("address", ["10.9.0.1/24", "fd00:9::1/64"])
def test_addresses(address: str) -> None:
    """An address that comes, and one that goes."""
    things, _ = changes(*ADD, f"addr add {address} dev wan", f"addr del {address} dev wan")
    assert {("Address", False), ("Address", True)} <= kinds(things)


@pytest.mark.parametrize("routes", [True, False])
def test_routes(routes: bool) -> None:
    """Changes of default routes come only to a monitor that follows routes."""
    things, _ = changes(*ADD, ADDRESS, ROUTE, "route del default", routes=routes)
    assert ({("DefaultRoute", False), ("DefaultRoute", True)} <= kinds(things)) == routes


def test_overflow() -> None:
    """More changes than the kernel keeps are no error: the overflow is reported."""
    things, overflow = changes(*(f"link set lo mtu {1280 + number}" for number in range(1_000)))
    assert (overflow, bool(things)) == (True, True)


def test_nothing() -> None:
    """Without a change the monitor is not readable and a read returns nothing at once."""
    monitor = Monitor()
    while monitor.read_changes() != Changes():
        continue  # what happens on this machine meanwhile
    ready: Any = select.select([monitor], [], [], 0)[0]
    monitor.close()
    assert ready == []


def test_other_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an overflow is none."""

    class Broken:
        def recvfrom(self, _: int) -> None:
            raise OSError(9, "Bad file descriptor")

    monitor = Monitor()
    monitor.close()
    monkeypatch.setattr(monitor, "_socket", Broken())
    with pytest.raises(OSError, match="Bad file"):
        monitor.read_changes()


def test_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process sends is not the kernel's word; reading comes to an end whatever comes."""

    class Stranger:
        calls = 0

        def recvfrom(self, _: int) -> tuple[bytes, tuple[int, int]]:
            self.calls += 1
            return b"\x20\0\0\0\x10\0" + bytes(26), (77, 0)

    monitor, stranger = Monitor(), Stranger()
    monitor.close()
    monkeypatch.setattr(monitor, "_socket", stranger)
    assert (monitor.read_changes(), stranger.calls) == (Changes(), MOST_AT_ONCE)
