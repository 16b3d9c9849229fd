"""A fleet on lab hosts: a store, gateways with real firewalls, and clients, all on one Ethernet.

Each gateway has files and a key of its own; the fleet's key is the same. A gateway is cut off by its own
firewall, which drops what goes to the store and what comes from there.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from knockd.control.client import Control
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import FIREWALLS, config, door
from tests.support.daemons.keyed import with_runtime
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.processes import children
from tests.support.lab.services import send_knock
from tests.support.lab.store import StoreServer
from tests.support.lab.waiting import PATIENCE, wait_until

STORE = "10.9.0.1"
STEPS = ("7000", "8000", "9000")
CUT = "table inet cut { chain out { type filter hook output priority -10; ip daddr %s drop; }; }"
REACHED = "the store of the fleet answers"
LOST = "the store of the fleet does not answer"
OPENED = "OPEN SESAME"
OPENED_TOO = "so here, too"
OVER = "command timeout"


class Gateway:
    """A gateway: its host, its files, and its daemon, which may be started again with the same files."""

    def __init__(self, fleet: FleetLab, name: str, address: str) -> None:
        self.fleet, self.name, self.address = fleet, name, address
        self.host = fleet.add_host(name, address)
        FIREWALLS["nftables"].close(self.host)
        self.directory = fleet.directory / name
        self.directory.mkdir()
        self.ledger = self.directory / "ledger"
        self.program = with_runtime(self.directory)
        self.daemon: Daemon

    def start(self, *sections: str, **options: object) -> Gateway:
        """Starts its daemon, and waits until it reaches the store, if one is there."""
        text = self.fleet.config(*sections, **options)
        if self.log_path.exists():
            self.log_path.rename(self.log_path.with_name(f"log-{len(list(self.directory.iterdir()))}"))
        self.daemon = Daemon(self.host, text, self.directory, "--host", self.name, program=self.program)
        self.fleet.running.enter_context(self.daemon)
        return self

    @property
    def log_path(self) -> Path:
        """Where its daemon logs; what earlier ones have logged is moved away."""
        return self.directory / "knockd.log"

    def kill(self) -> None:
        """Kills its daemon; its children end with it."""
        self.daemon.process.kill()
        self.daemon.process.wait()

    def call(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        """What its daemon answers."""
        with Control(str(self.daemon.control_path), timeout=20.0 * PATIENCE) as control:
            return control.call(method, **parameters)

    def lets_in(self, address: str) -> bool:
        """Whether its firewall lets an address in."""
        return f" {address}" in self._list().replace(",", "").replace("{", "{ ")

    def _list(self) -> str:
        return self.host.run("nft", "list", "set", "inet", "filter", "knocked4")

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Inside the block nothing goes to the store or comes from there."""
        self.host.run("nft", "-f", "-", stdin=CUT % STORE)
        try:
            yield
        finally:
            self.host.run("nft", "delete", "table", "inet", "cut")


class FleetLab:
    """A store (not started) and whatever gateways and clients a test adds, on a bridge."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self.directory = lab, directory
        self.running = ExitStack()
        self.lan = lab.host("lan")
        lab.bridge(self.lan, "br0", (), (f"{STORE}/16",))
        self.key_path = directory / "fleet_key"
        self.key_path.touch(0o600)
        self.key_path.write_text(f"{b64encode(bytes(range(32))).decode()}\n")
        self.store = StoreServer(self.lan, directory / "store", STORE)
        self.gateways: list[Gateway] = []

    def add_host(self, name: str, *addresses: str) -> Host:
        """Another host on the bridge."""
        host = self.lab.host(name)
        near = f"v{name}"
        self.lab.link(host, "eth0", self.lan, near, [f"{one}/16" for one in addresses])
        self.lan.ip(f"link set {near} master br0")
        return host

    def add_client(self, number: int = 0, count: int = 1) -> tuple[Host, str]:
        """A client, and its first address of ``count``."""
        addresses = [f"10.9.{100 + number + one // 250}.{one % 250 + 1}" for one in range(count)]
        return self.add_host(f"c{number}", *addresses), addresses[0]

    def add_gateway(self) -> Gateway:
        """Another gateway, not started."""
        number = len(self.gateways) + 1
        gateway = Gateway(self, f"g{number}", f"10.9.0.{10 + number}")
        self.gateways.append(gateway)
        return gateway

    def start_all(self, count: int, *sections: str, **options: object) -> list[Gateway]:
        """Starts gateways, and waits until each knows all the others."""
        found = [self.add_gateway().start(*sections, **options) for _ in range(count)]
        wait_joined(found)
        return found

    def config(self, *sections: str, **options: object) -> str:
        """A configuration of a gateway."""
        fleet = {"Fleet": f"valkey://{STORE}", "Fleet_Key": self.key_path, "Fleet_Share": "yes"}
        chosen = {**fleet, **options}
        return config(*sections, **{key: value for key, value in chosen.items() if value is not None})


def ssh(name: str = "ssh", sequence: str = ",".join(STEPS), **keys: object) -> str:
    """A door that opens the firewall of its gateway to the knocker, for a minute unless said otherwise."""
    start, stop, _, _ = FIREWALLS["nftables"].commands("tcp")
    commands = {"start_command": start, "stop_command": stop}
    return door(name, sequence, **{"seq_timeout": 10, "cmd_timeout": 60, **commands, **keys})


GRAIN = 0.01
"""Seconds between two values of /proc/uptime."""


def noting(path: Path) -> str:
    """A command that notes when it runs, in seconds since boot."""
    return f"read now idle </proc/uptime; echo $now >> {path}"


def measure_openings(gateway: Gateway, client: Host, path: Path, times: int = 10) -> list[float]:
    """Seconds from the last packet of a knock to its command, which is ``noting(path)``, of some knocks."""
    before = path.read_text().count("\n") if path.exists() else 0
    delays = []
    for number in range(before + 1, before + times + 1):
        send_knock(client, gateway.address, *STEPS)
        sent = time.clock_gettime(time.CLOCK_BOOTTIME)
        wait_until(lambda: path.exists() and path.read_text().count("\n") >= number, 10, "it opens")  # noqa: B023
        delays.append(float(path.read_text().splitlines()[-1]) + GRAIN - sent)
    return delays


def find_fleet_child(gateway: Gateway) -> int:
    """The fleet child of a gateway's daemon."""
    pids = children(gateway.daemon.pid)
    (found,) = (pid for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == "knock-fleet")
    return found


def wait_joined(gateways: Sequence[Gateway], timeout: float = 30.0) -> None:
    """Waits until each of them knows that the others are there."""
    for gateway in gateways:
        for other in gateways:
            if other is not gateway:
                gateway.daemon.wait_for(f"gateway {other.name} is there", timeout=timeout)


def wait_let_in(gateways: Sequence[Gateway], address: str, timeout: float = 20.0) -> None:
    """Waits until the firewalls of all of them let an address in."""
    for gateway in gateways:
        wait_until(lambda: gateway.lets_in(address), timeout, f"{gateway.name} lets {address} in")  # noqa: B023


def wait_shut_out(gateways: Sequence[Gateway], address: str, timeout: float = 20.0) -> None:
    """Waits until the firewalls of none of them lets an address in."""
    for gateway in gateways:
        wait_until(lambda: not gateway.lets_in(address), timeout, f"{gateway.name} shuts {address} out")  # noqa: B023
