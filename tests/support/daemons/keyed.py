"""Doors with keys on lab hosts: key files, and knocks of whoever has a key, by this machine's clock."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from knockd.control.client import Control, ControlError
from knockd.keeper.figures import EVERY
from knockd_conf.key_file import NamedKey, format_key
from knockd_conf.timed import Port, Rule, derive_ports
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import SERVER
from tests.support.daemons.doors import config as config_of
from tests.support.lab.hosts import Host
from tests.support.lab.processes import children
from tests.support.lab.services import family_of
from tests.support.lab.waiting import PATIENCE, wait_until

ANNE, BOB = (NamedKey(name, bytes([number]) * 32) for number, name in ((7, "anne"), (8, "bob")))


class KeyedDoor:
    """A door with a key file in ``directory``; its period is short, so that tests are."""

    def __init__(self, directory: Path, name: str = "ssh", rule: Rule = Rule(period=10)) -> None:  # noqa: B008
        self.name, self.rule = name, rule
        self.ahead = 0.0
        """Seconds by which the knockers' clock, and the daemon's, is ahead of this machine's."""
        self.path = directory / f"{name}.keys"
        self.write(ANNE, BOB)

    def write(self, *keys: NamedKey) -> None:
        """Puts these keys into the file, as an editor does: another file takes its place."""
        new = self.path.with_suffix(".new")
        new.touch(0o600)
        new.write_text("".join(f"{format_key(key)}\n" for key in keys))
        new.rename(self.path)

    def section(self, **fields: object) -> str:
        """Its section of a configuration."""
        rule = self.rule
        keys = {
            "Sequence_Key": self.path,
            "Sequence_Steps": rule.steps,
            "Sequence_Period": rule.period,
            "Sequence_Ports": f"{rule.low}-{rule.high}",
            "Sequence_Protocol": rule.protocol,
            "Seq_Timeout": 5,
            "Start_Command": "true %IP%",
            **fields,
        }
        lines = [f"{key} = {value}" for key, value in keys.items()]
        return "\n".join([f"[{self.name}]", *lines, "", ""])

    def config(self, *others: str, fields: dict[str, object] | None = None, **options: object) -> str:
        """A configuration with this door, whose clock is trusted whatever the kernel says."""
        return config_of(self.section(**(fields or {})), *others, **{"Clock": "trust", **options})

    def now(self) -> float:
        """Seconds since the epoch, by the knockers' clock."""
        return time.time() + self.ahead

    def period(self) -> int:
        """The number of the period of now."""
        return self.rule.period_at(self.now())

    def wait_for_period(self, begun: float = 0.5, left: float = 3.0) -> int:
        """Waits until a period has begun, and has so many seconds left; its number."""
        length = self.rule.period
        wait_until(lambda: begun <= self.now() % length <= length - left, 2 * length, "a period has begun")
        return self.period()

    def steps(self, key: NamedKey = ANNE, period: int | None = None) -> list[str]:
        """The steps of a key in a period, that of now if None."""
        number = self.period() if period is None else period
        return [show_step(port) for port in derive_ports(key.key, self.name, number, self.rule).steps]

    def knock(
        self,
        host: Host,
        key: NamedKey = ANNE,
        period: int | None = None,
        *,
        address: str = SERVER[4],
        source: str | None = None,
    ) -> None:
        """Knocks once, from another address of the host if ``source`` says so."""
        for step in self.steps(key, period):
            send_step(host, address, step, source)


def send_step(host: Host, address: str, step: str, source: str | None = None) -> None:
    """Sends one packet of a knock."""
    port, _, protocol = step.partition(":")
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with host.socket(family_of(address), kind) as sock:
        if source is not None:
            sock.bind((source, 0))
        sock.setblocking(False)
        if kind == socket.SOCK_DGRAM:
            sock.sendto(b"x", (address, int(port)))
            return
        with suppress(BlockingIOError, ConnectionRefusedError):
            sock.connect((address, int(port)))


def show_step(port: Port) -> str:
    """A port as ``send_step`` takes it."""
    return f"{port.port}:{port.protocol}"


def with_runtime(directory: Path) -> tuple[str, ...]:
    """A program with a runtime directory of its own: no other daemon's notes are in it."""
    return ("env", f"RUNTIME_DIRECTORY={directory / 'runtime'}", *OURS)


def ask_status(daemon: Daemon) -> Mapping[str, Any]:
    """What Status says. What the packet process says in it may be EVERY seconds old."""
    with Control(str(daemon.control_path), timeout=10.0 * PATIENCE) as control:
        return control.call("Status")


def wait_for_views(daemon: Daemon) -> None:
    """Waits until the packet process has all views that were sent before: it answers a question of now."""
    time.sleep(EVERY)
    ask_status(daemon)


def find_waiting(daemon: Daemon) -> list[str]:
    """The names of the doors that are disabled."""
    return [door["name"] for door in ask_status(daemon)["doors"] if door["disabled"]]


def wait_live(daemon: Daemon, names: Iterable[str] = ()) -> None:
    """Waits until all doors but these can be opened, and the packet process knows it."""

    def are_live() -> bool:
        # The socket of a daemon that was killed is there until the next one has made its own.
        with suppress(ControlError):
            return find_waiting(daemon) == list(names)
        return False

    wait_until(are_live, 10, "doors are live")
    wait_for_views(daemon)


LOOKS = 100
"""For children, between two looks at a log: they live for some milliseconds."""


def kill_children(daemon: Daemon, worker: int, until: Callable[[], bool]) -> None:
    """Kills each child but the packet process as soon as it is there, until something is true."""

    def kill_all() -> bool:
        for _ in range(LOOKS):
            for pid in children(daemon.pid):
                if pid != worker:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        return until()

    deadline = time.monotonic() + 150 * PATIENCE  # one that was missed has read the files for a whole minute
    while not kill_all():
        assert time.monotonic() < deadline, "no child was killed in time"
