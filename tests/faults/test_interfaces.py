"""Interfaces and addresses that come late, change, go and come back: soon after, a knock opens.

Soon is 2 seconds from the end of the command that made the change; knocks are repeated until one
opens. They are frames made by hand, so that no neighbour discovery of the client is measured.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import BOTH_READERS, Start
from tests.support.daemons.daemon import OURS, Daemon, environment
from tests.support.daemons.doors import config, door
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.tools import need_tun
from tests.support.lab.tun import open_tun
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

WITHIN = 2.0
"""Seconds from a change to an opening."""

PORTS = (700, 800, 900)
DOORS = (door("secret", "700,800,900"), door("marker", "1700,1800"))
BROADCAST = b"\xff" * 6
WAITING, LISTENING = "waiting for interface", "listening on"

HERE = {4: "10.7.0.1", 6: "fd00:7::1"}
THERE = {4: "10.7.0.2", 6: "fd00:7::2"}
OTHER = {4: "10.7.0.7", 6: "fd00:7::7"}
SIZE = {4: 24, 6: 64}
VERSIONS = pytest.mark.parametrize("version", [4, 6])


@dataclass
class World:
    """A server with a daemon whose interfaces the test changes, and a client at some of them."""

    lab: Lab
    start: Start
    server: Host
    client: Host
    daemons: list[Daemon] = field(default_factory=list)

    def begin(self, interface: str, *, ready: str = LISTENING, doors: tuple[str, ...] = DOORS) -> Daemon:
        """Starts the daemon; it must live to the end of the test and then end with status 0."""
        daemon = self.start(self.server, config(*doors, interface=interface), interface=None, ready=ready)
        self.daemons.append(daemon)
        return daemon

    def plug(self, name: str = "eth0", *addresses: str, index: int | None = None) -> None:
        """An interface of the server, with its other end, of the same name, at the client; both up."""
        number = f"index {index}" if index else ""
        self.server.ip(f"link add {name} {number} type veth peer name {name} netns {self.client.namespace}")
        self.client.ip(f"link set {name} up")
        self.server.ip(f"link set {name} up", *added(name, *addresses))

    def knock(self, to: str, *ports: int, interface: str = "eth0") -> None:
        """One knock from the client's end of an interface, at an address of the server."""
        source = THERE[ip_address(to).version]
        frames = [ethernet(BROADCAST, BROADCAST, packet(source, to, port)) for port in ports or PORTS]
        with suppress(OSError):  # the other end is down or not there
            self.client.send_frames(interface, frames)

    def opens(
        self,
        change: Callable[[], object],
        to: str = HERE[4],
        interface: str = "eth0",
        knock: Callable[[], object] | None = None,
    ) -> None:
        """Makes a change and knocks until the door opens, at most WITHIN seconds."""
        (daemon,) = self.daemons
        line = f"{THERE[ip_address(to).version]}: secret: OPEN SESAME"
        before = daemon.count(line)
        change()
        changed = time.monotonic()

        def opened() -> bool:
            (knock or (lambda: self.knock(to, interface=interface)))()
            time.sleep(0.02)
            return daemon.count(line) > before

        try:
            wait_until(opened, WITHIN, f"a knock at {to} opens")
        except AssertionError as error:
            error.add_note("\n".join([*daemon.log_lines(), daemon.output()]))
            raise
        print(f"{time.monotonic() - changed:.2f} s")

    def stays_shut(self, to: str, by: str, interface: str = "eth0") -> None:
        """A knock at ``to`` does not open; one at another door, at ``by``, shows that it was seen."""
        (daemon,) = self.daemons
        self._catch_up(by, interface)
        before = daemon.count("secret: OPEN SESAME")
        self.knock(to)
        self._catch_up(by, interface)
        assert daemon.count("secret: OPEN SESAME") == before

    def _catch_up(self, by: str, interface: str) -> None:
        """Waits for a knock at another door: what came before it has been judged then."""
        (daemon,) = self.daemons
        before = daemon.count("marker: OPEN SESAME")
        self.knock(by, 1700, 1800, interface=interface)
        daemon.wait_for("marker: OPEN SESAME", times=before + 1)


@pytest.fixture
def world(lab: Lab, start: Start) -> Iterator[World]:
    """A server without interfaces and a client."""
    made = World(lab, start, lab.host("server"), lab.host("client"))
    yield made
    for daemon in made.daemons:
        pid = daemon.pid
        assert (daemon.process.poll(), daemon.count("packet process ended")) == (None, 0)
        assert (daemon.stop(), daemon.pid, daemon.log_lines()[-1]) == (0, pid, "shutting down")


def added(name: str, *addresses: str) -> tuple[str, ...]:
    """Commands that add addresses; 24 or 64 bits are the network's."""
    return tuple(
        f"addr add {one}/{SIZE[ip_address(one).version]} dev {name}" + (" nodad" if ":" in one else "")
        for one in addresses
    )


def test_started_before_the_interface(world: World) -> None:
    """It waits, says so once, and listens when the interface comes."""
    daemon = world.begin("eth0", ready=f"{WAITING} eth0")
    world.opens(lambda: world.plug("eth0", HERE[4]))
    lines = [line for line in daemon.log_lines() if WAITING in line or LISTENING in line]
    assert lines == ["waiting for interface eth0", "starting up, listening on eth0"]
    assert lines[0] in daemon.output().splitlines()


def test_ended_while_it_waits(world: World) -> None:
    """TERM ends a daemon that has nothing to listen on, with status 0."""
    daemon = world.begin("eth0", ready=f"{WAITING} eth0")
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text()
    assert (children, daemon.log_lines()[-1]) == ("", "waiting for interface eth0")


def test_reloaded_to_what_is_not_there(world: World) -> None:
    """HUP with an Interface that is not there: that is waited for and the other no longer listened on."""
    world.plug("eth0", HERE[4])
    daemon = world.begin("eth0")
    daemon.write_config(config(*DOORS, interface="eth1"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("waiting for interface eth1")
    world.opens(lambda: world.plug("eth1", "10.8.0.1"), "10.8.0.1", "eth1")
    world.stays_shut(HERE[4], "10.8.0.1", "eth1")


def test_the_default_before_any_interface(world: World) -> None:
    """Without Interface it waits for eth0 or a default route, whichever comes first."""
    daemon = world.start(
        world.server, config(*DOORS), interface=None, ready=f"{WAITING} eth0 or a default route"
    )
    world.daemons.append(daemon)
    world.plug("wan0", HERE[4])
    world.opens(lambda: world.server.ip("route add default dev wan0"), interface="wan0")


def test_a_daemon_of_its_own_is_released_while_it_waits(world: World, tmp_path: Path) -> None:
    """``knockd -d`` returns with 0 once the log says what is waited for; the daemon listens later."""
    conf, log, pid_file = (tmp_path / name for name in ("knockd.conf", "log", "pid"))
    conf.write_text(config(*DOORS))
    conf.chmod(0o600)
    command = (
        *OURS,
        "-d",
        "-i",
        "eth0",
        "-c",
        conf,
        "-g",
        log,
        "-p",
        pid_file,
        "--state-dir",
        tmp_path / "s",
        "--control-socket",
        tmp_path / "c",
    )
    done = subprocess.run(
        [*world.server.exec_prefix, *command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    try:
        assert done.returncode == 0
        assert "Traceback" not in done.stderr
        assert "waiting for interface eth0" in log.read_text()
        world.plug("eth0", HERE[4])
        wait_until(lambda: LISTENING in log.read_text(), WITHIN, "it listens")
    finally:
        os.kill(int(pid_file.read_text()), 15)
        wait_until(lambda: not pid_file.exists(), 10, "the daemon to end")


@VERSIONS
def test_started_before_the_address(world: World, version: int) -> None:
    """An address that comes after the start is knocked at."""
    world.plug()
    world.begin("eth0")
    world.opens(lambda: world.server.ip(*added("eth0", HERE[version])), HERE[version])


@VERSIONS
def test_another_address(world: World, version: int) -> None:
    """An address that is added counts beside the first."""
    world.plug("eth0", HERE[version])
    world.begin("eth0")
    world.opens(lambda: world.server.ip(*added("eth0", OTHER[version])), OTHER[version])
    world.opens(lambda: None, HERE[version])


@VERSIONS
def test_a_changed_address(world: World, version: int) -> None:
    """The new address counts, the old one no longer does."""
    world.plug("eth0", HERE[version])
    world.begin("eth0")
    gone = f"addr del {HERE[version]}/{SIZE[version]} dev eth0"
    world.opens(lambda: world.server.ip(gone, *added("eth0", OTHER[version])), OTHER[version])
    world.stays_shut(HERE[version], by=OTHER[version])


@VERSIONS
def test_a_removed_address(world: World, version: int) -> None:
    """An address that was taken away is knocked at in vain, the other one as before."""
    world.plug("eth0", HERE[version], OTHER[version])
    daemon = world.begin("eth0")
    world.server.ip(f"addr del {OTHER[version]}/{SIZE[version]} dev eth0")

    def shut() -> bool:
        """Whether a knock at it stays without effect; only what reads the filter's order can say."""
        before = daemon.count("secret: OPEN SESAME"), daemon.count("marker: OPEN SESAME")
        world.knock(OTHER[version])
        world.knock(HERE[version], 1700, 1800)
        daemon.wait_for("marker: OPEN SESAME", times=before[1] + 1)
        return daemon.count("secret: OPEN SESAME") == before[0]

    wait_until(shut, WITHIN, "the removed address no longer opens")
    world.opens(lambda: None, HERE[version])


def test_a_temporary_address(world: World) -> None:
    """An address that the kernel made for privacy (RFC 8981) counts as soon as it is there."""
    world.plug("eth0", HERE[4])
    world.server.sysctl("net/ipv6/conf/eth0/use_tempaddr", 2)
    world.begin("eth0")
    world.server.ip(f"addr add {HERE[6]}/64 dev eth0 mngtmpaddr nodad")

    def temporary() -> str:
        shown = world.server.run("ip", "-6", "-o", "addr", "show", "dev", "eth0", "temporary")
        return shown.partition("inet6 ")[2].partition("/")[0]

    address = wait_until(temporary, 10, "the kernel makes a temporary address")
    world.opens(lambda: None, address)
    world.opens(lambda: world.server.ip(f"addr del {address}/64 dev eth0"), HERE[6])


@BOTH_READERS
def test_down_and_up(world: World) -> None:
    """An interface that was down is listened on again; in between it is waited for."""
    world.plug("eth0", HERE[4])
    daemon = world.begin("eth0")
    world.server.ip("link set eth0 down")
    daemon.wait_for("waiting for interface eth0")
    world.opens(lambda: world.server.ip("link set eth0 up"))


@BOTH_READERS
def test_down_and_up_at_once(world: World) -> None:
    """An interface that was down for a moment has a dead capture though nothing else differs."""
    world.plug("eth0", HERE[4])
    world.begin("eth0")
    world.opens(lambda: world.server.ip("link set eth0 down", "link set eth0 up"))


@pytest.mark.parametrize("pause", [True, False], ids=["later", "at once"])
@pytest.mark.parametrize("same", [False, True], ids=["another index", "the same index"])
def test_deleted_and_made_again(world: World, same: bool, pause: bool) -> None:
    """An interface of the same name is another one, whatever its index."""
    world.plug("eth0", HERE[4])
    daemon = world.begin("eth0")
    index = int(world.server.run("cat", "/sys/class/net/eth0/ifindex"))
    world.server.ip("link del eth0")
    if pause:
        daemon.wait_for("waiting for interface eth0")
    world.opens(lambda: world.plug("eth0", HERE[4], index=index if same else index + 100))


@pytest.mark.parametrize("link_type", [None, 512], ids=["tun", "ppp"])
def test_a_tunnel_that_comes_back(world: World, link_type: int | None) -> None:
    """A tun device goes with its program and comes back with another index; a PPP link is captured cooked."""
    need_tun()

    def dial() -> Any:
        with world.server.entered():
            tun = open_tun("tun0", link_type)
        world.server.ip("link set tun0 up", *added("tun0", HERE[4]))
        return tun

    tun = dial()
    daemon = world.begin("tun0")

    def knock() -> None:
        for port in PORTS:
            with suppress(OSError):
                os.write(tun.fd, packet(THERE[4], HERE[4], port))

    world.opens(lambda: None, knock=knock)
    tun.close()
    daemon.wait_for("waiting for interface tun0")
    tun = dial()
    world.opens(lambda: None, knock=knock)
    tun.close()


@BOTH_READERS
def test_renamed_and_back(world: World) -> None:
    """A renamed interface is no longer the one that was asked for, until it has its name again."""
    world.plug("eth0", HERE[4])
    daemon = world.begin("eth0")
    world.server.ip("link set eth0 down", "link set eth0 name old0", "link set old0 up")
    daemon.wait_for("waiting for interface eth0")
    back = ("link set old0 down", "link set old0 name eth0", "link set eth0 up")
    world.opens(lambda: world.server.ip(*back))


def test_the_default_route_moves(world: World) -> None:
    """With ``auto`` it listens where the default route goes now, and no longer where it went."""
    world.plug("eth0", HERE[4])
    world.plug("eth1", "10.8.0.1")
    world.server.ip("route add default via 10.7.0.254")
    daemon = world.begin("auto")
    assert daemon.log_lines()[-1] == "starting up, listening on eth0"
    move = ("route del default", "route add default via 10.8.0.254")
    world.opens(lambda: world.server.ip(*move), "10.8.0.1", "eth1")
    assert daemon.log_lines().count("listening on eth1") == 1
    world.stays_shut(HERE[4], "10.8.0.1", "eth1")


def test_one_of_several_goes(world: World) -> None:
    """The others go on without a gap: even a knock that is under way there is completed."""
    world.plug("eth0", HERE[4])
    world.plug("eth1", "10.8.0.1")
    daemon = world.begin("eth0, eth1")
    world.knock(HERE[4], 700, 800)
    daemon.wait_for("secret: Stage 2")
    world.server.ip("link del eth1")
    daemon.wait_for("waiting for interface eth1")
    world.knock(HERE[4], 900)
    daemon.wait_for("secret: OPEN SESAME")
    world.opens(lambda: world.plug("eth1", "10.8.0.1"), "10.8.0.1", "eth1")
    said = [line for line in daemon.log_lines() if WAITING in line or LISTENING in line]
    assert said == [
        "starting up, listening on eth0, eth1",
        "waiting for interface eth1",
        "listening on eth0",
        "listening on eth0, eth1",
    ]


def test_one_of_several_is_late(world: World) -> None:
    """What is there is listened on, what is not is waited for."""
    world.plug("eth0", HERE[4])
    daemon = world.begin("eth0, eth1")
    assert daemon.log_lines()[-2:] == ["waiting for interface eth1", "starting up, listening on eth0"]
    world.opens(lambda: None)
    world.opens(lambda: world.plug("eth1", "10.8.0.1"), "10.8.0.1", "eth1")


def test_any_takes_a_new_interface(world: World) -> None:
    """With ``any`` an interface that comes is listened on, and one that goes is let go."""
    world.plug("eth0", HERE[4])
    daemon = world.begin("any")
    world.opens(lambda: world.plug("eth1", "10.8.0.1"), "10.8.0.1", "eth1")
    world.server.ip("link del eth1")
    daemon.wait_for("listening on lo, eth0", times=2)
    assert daemon.count(WAITING) == 0


def test_a_stream_of_changes(world: World) -> None:
    """While interfaces come and go without a pause a new one is still listened on."""
    world.plug("eth0", HERE[4])
    world.begin("any")
    stream = (
        "n=0; while :; do n=$((n+1)); ip link add x$n type veth; ip link set x$n up; ip link del x$n; done"
    )
    noise = world.server.popen("sh", "-c", stream)
    try:
        world.opens(lambda: world.plug("eth1", "10.8.0.1"), "10.8.0.1", "eth1")
    finally:
        noise.kill()
        noise.wait()


def test_a_lease_through_all_of_it(world: World, tmp_path: Path) -> None:
    """A door that is open while the interface goes and comes back is closed once, at its time."""
    world.plug("eth0", HERE[4])
    marks = tmp_path / "marks"
    lease = door(
        "secret",
        "700,800,900",
        start_command=f"echo start $(date +%s.%N) >> {marks}",
        stop_command=f"echo stop $(date +%s.%N) >> {marks}",
        cmd_timeout=2,
    )
    daemon = world.begin("eth0", doors=(lease,))
    world.knock(HERE[4])
    daemon.wait_for("running command: echo start")
    world.server.ip("link del eth0")
    daemon.wait_for("waiting for interface eth0")
    world.plug("eth0", HERE[4])
    daemon.wait_for("running command: echo stop")
    wait_until(lambda: marks.read_text().count("stop"), 5, "the stop command to end")
    (start, opened), (stop, closed) = (line.split() for line in marks.read_text().splitlines())
    assert (start, stop) == ("start", "stop")
    assert 1.9 <= float(closed) - float(opened) < 4.0
