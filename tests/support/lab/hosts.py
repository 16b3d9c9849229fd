"""A lab of hosts: network namespaces joined by veth pairs, tun devices and bridges.

    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", ("10.7.0.1/24",), ("10.7.0.2/24",))
        client.run("ping", "-c1", "10.7.0.1")

Everything a lab makes goes away with it, whatever happens inside. It needs root or a
user namespace (see enter.py) and touches nothing outside the namespaces it makes.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.lab import tun
from tests.support.lab.waiting import PATIENCE

NETNS = Path("/run/netns")
PREFIX = "knockd-lab"
CLONE_NEWNET = 0x40000000

SETTINGS = {
    "ipv4": {"forwarding": 0, "rp_filter": 0, "arp_ignore": 0, "arp_filter": 0, "accept_local": 0},
    "ipv6": {
        **{"disable_ipv6": 0, "forwarding": 0, "use_tempaddr": 0},
        # No duplicate address detection (addresses work at once), no chatter of the kernel's own.
        **{"accept_dad": 0, "dad_transmits": 0, "router_solicitations": 0, "accept_ra": 0},
    },
}
"""What a host does not take over from the machine that it is on."""

_libc = ctypes.CDLL(None, use_errno=True)
_labs = itertools.count(1)


class CommandFailed(Exception):
    """A command in the lab ended with a status other than 0; the text holds its output."""


def execute(*argv: str, stdin: str | None = None, check: bool = True, timeout: float = 60.0) -> str:
    """Run a command to its end and return its standard output.

    ``timeout`` is in seconds, times PATIENCE. Raises CommandFailed when ``check`` and the status is not 0.
    """
    done = _run(argv, timeout, stdin)
    if check and done.returncode != 0:
        raise CommandFailed(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _run(argv: Sequence[str], timeout: float, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, which may take ``timeout`` seconds, times PATIENCE."""
    seconds = timeout * PATIENCE
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)


class LabProcess(subprocess.Popen[Any]):
    """A process on a host; whoever waits for it with a timeout waits PATIENCE times as long."""

    def wait(self, timeout: float | None = None) -> int:
        """The status of a process that has ended. Raises TimeoutExpired."""
        return super().wait(None if timeout is None else timeout * PATIENCE)

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Both outputs of a process that has ended. Raises TimeoutExpired."""
        return super().communicate(input, None if timeout is None else timeout * PATIENCE)


class Host:
    """One network namespace: a machine with interfaces, addresses and processes of its own.

    ``name`` is the short name inside the lab, ``namespace`` the name that ``ip netns`` knows,
    ``exec_prefix`` what to put before a command line to run it on this host.
    """

    def __init__(self, name: str, namespace: str) -> None:
        self.name = name
        self.namespace = namespace
        self.exec_prefix: tuple[str, ...] = ("ip", "netns", "exec", namespace)
        self._processes: list[LabProcess] = []
        execute("ip", "netns", "add", namespace)
        self._fd = os.open(NETNS / namespace, os.O_RDONLY | os.O_CLOEXEC)
        for family, settings in SETTINGS.items():
            for key, value in settings.items():
                for scope in ("all", "default"):
                    self.sysctl(f"net/{family}/conf/{scope}/{key}", value)
        self.ip("link set lo up")

    def run(self, *argv: str, stdin: str | None = None, check: bool = True, timeout: float = 60.0) -> str:
        """Run a command on this host to its end; its standard output. Raises CommandFailed."""
        return execute(*self.exec_prefix, *argv, stdin=stdin, check=check, timeout=timeout)

    def status(self, *argv: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command on this host to its end, whatever its status: (returncode, stdout, stderr)."""
        command = [*self.exec_prefix, *argv]
        return _run(command, timeout)

    def popen(self, *argv: str, **options: Any) -> LabProcess:
        """Start a command on this host; ``options`` go to Popen. Its pid is the command's own.

        It is killed with the host if it still runs then.
        """
        process = LabProcess([*self.exec_prefix, *argv], **options)
        self._processes.append(process)
        return process

    def ip(self, *commands: str) -> None:
        """Run ``ip`` sub-commands on this host, one string each, in order. Raises CommandFailed."""
        execute("ip", "-n", self.namespace, "-batch", "-", stdin="\n".join(commands) + "\n")

    def sysctl(self, key: str, value: object) -> None:
        """Set a kernel variable of this host, e.g. ``net/ipv4/ip_forward``."""
        with self.entered():
            Path("/proc/sys", key).write_text(f"{value}\n")

    def forward(self) -> None:
        """Make a router of this host, for IPv4 and IPv6."""
        self.sysctl("net/ipv4/ip_forward", 1)
        self.sysctl("net/ipv6/conf/all/forwarding", 1)

    def route(self, destination: str, via: str) -> None:
        """Add a static route; ``via`` is the next hop's address."""
        self.ip(f"route add {destination} via {via}")

    def mac(self, interface: str) -> bytes:
        """The hardware address of an interface, 6 bytes."""
        with self.entered():
            found = re.search(r"link/ether (\S+)", execute("ip", "link", "show", "dev", interface))
        if found is None:
            raise LookupError(f"{interface} has no Ethernet address")
        return bytes.fromhex(found[1].replace(":", ""))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is on this host inside the block; sockets made there stay on it."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(self._fd)
            try:
                yield
            finally:
                _setns(home)
        finally:
            os.close(home)

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket on this host, used from here."""
        with self.entered():
            return socket.socket(family, kind, protocol)

    def send_frames(self, interface: str, frames: Sequence[bytes]) -> None:
        """Send whole link-layer frames out of an interface, in order (raw IP packets on a tun)."""
        with self.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            for frame in frames:
                out.sendto(frame, (interface, 0))

    def close(self) -> None:
        """End what still runs here and remove the namespace."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        for pid in execute("ip", "netns", "pids", self.namespace, check=False).split():
            _kill(int(pid))
        os.close(self._fd)
        execute("ip", "netns", "del", self.namespace)


class Lab:
    """Hosts and what joins them. A context manager: leaving it removes all of it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._tag = f"{PREFIX}-{os.getpid()}-{next(_labs)}"

    def __enter__(self) -> Lab:
        remove_leftovers()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def host(self, name: str) -> Host:
        """A new host with lo up and nothing else."""
        host = Host(name, f"{self._tag}-{name}")
        self._stack.callback(host.close)
        return host

    def link(
        self,
        a: Host,
        a_interface: str,
        b: Host,
        b_interface: str,
        a_addrs: Sequence[str] = (),
        b_addrs: Sequence[str] = (),
    ) -> None:
        """Join two hosts by an Ethernet cable (veth). Addresses have a prefix length: "10.7.0.1/24"."""
        a.ip(f"link add {a_interface} type veth peer name {b_interface} netns {b.namespace}")
        a.ip(*_up(a_interface, a_addrs))
        b.ip(*_up(b_interface, b_addrs))

    def tun(
        self,
        a: Host,
        a_interface: str,
        b: Host,
        b_interface: str,
        a_addrs: Sequence[str] = (),
        b_addrs: Sequence[str] = (),
        *,
        link_type: int | None = None,
    ) -> None:
        """Join two hosts by tun devices: raw IP without any link layer.

        ``link_type`` is an ARPHRD number (see tun.py) that the device at ``a`` reports instead
        of ARPHRD_NONE; with ARPHRD_PPP libpcap captures in cooked mode. Raises OSError where
        /dev/net/tun cannot be opened or the kernel does not let the type be changed.
        """
        with a.entered():
            near = tun.open_tun(a_interface, link_type)
        self._stack.callback(near.close)
        with b.entered():
            far = tun.open_tun(b_interface)
        self._stack.callback(far.close)
        a.ip(*_up(a_interface, a_addrs))
        b.ip(*_up(b_interface, b_addrs))
        self._stack.callback(tun.Forwarder(near, far).close)

    def bridge(self, host: Host, interface: str, ports: Sequence[str], addrs: Sequence[str] = ()) -> None:
        """Make a bridge on ``host`` with interfaces that are there already as its ports."""
        host.ip(
            f"link add {interface} type bridge forward_delay 0",
            *(f"link set {port} master {interface}" for port in ports),
            *_up(interface, addrs),
        )

    def after(self, callback: Any) -> None:
        """Call ``callback()`` when the lab is taken down, before the hosts made so far go."""
        self._stack.callback(callback)


def remove_leftovers() -> None:
    """Remove the namespaces of labs whose process is gone (killed before it could clean up)."""
    for entry in NETNS.glob(f"{PREFIX}-*"):
        pid = entry.name.removeprefix(f"{PREFIX}-").partition("-")[0]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            for left in execute("ip", "netns", "pids", entry.name, check=False).split():
                _kill(int(left))
            execute("ip", "netns", "del", entry.name, check=False)


def _up(interface: str, addresses: Sequence[str]) -> list[str]:
    adds = [f"addr add {a} dev {interface}" + (" nodad" if ":" in a else "") for a in addresses]
    return [*adds, f"link set {interface} up"]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
