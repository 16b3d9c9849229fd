"""What of this host matters to a first door besides its firewall: services, ports and addresses.

World: this host.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address

from knockd.init.ports import CLIENT_PORTS
from knockd.init.ssh_ports import ask_sshd, find_ssh_ports
from knockd.net.forwarded_ports import read_forwarded_ports
from knockd.net.interface import LOOPBACK, Interface, find_interface
from knockd.net.programs import Patience, UnreadableError, find_program, run_program
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Service, Step
from knockd_conf.protocol import Protocol
from knockd_conf.text import address_text, is_link_local

SSH = 22
_SERVICES = "/etc/services"
_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
_SCRIPT = "/etc/init.d/knockd"
_TIMEOUT = 5.0
_LAST = 0xFFFF


class Ports(NamedTuple):
    """Ports that are not to be knocked: ``taken`` for any reason, and those of this host's clients."""

    taken: frozenset[int]
    clients: range


def choose_service(in_use: frozenset[Step]) -> tuple[Service, tuple[int, ...]]:
    """Where SSH is served, 22 where that is not known, and the other ports at which it is."""
    found = find_ssh_ports() or ask_sshd([one.port for one in in_use if one.protocol is Protocol.TCP])
    port = SSH if SSH in found or not found else found[0]
    return Service(port, port, Protocol.TCP), tuple(one for one in found if one != port)


def read_ports(in_use: frozenset[Step]) -> Ports:
    """Ports in use, forwarded ones and those that /etc/services knows."""
    taken = {one.port for one in in_use}
    with suppress(OSError), open(_SERVICES, encoding="utf-8", errors="replace") as file:
        taken.update(find_known_ports(file.read()))
    for low, high in read_forwarded_ports().ranges:
        taken.update(range(low & _LAST, (high & _LAST) + 1))
    clients = CLIENT_PORTS
    with suppress(OSError, ValueError), open(_RANGE, encoding="ascii") as file:
        low, high = map(int, file.read().split())
        clients = range(low, high + 1)
    return Ports(frozenset(taken), clients)


def find_known_ports(text: str) -> Iterator[int]:
    """Yields the ports of services(5)."""
    for port in re.findall(r"^[^#\s]+\s+(\d{1,5})/", text, re.MULTILINE):
        yield int(port)


def find_addresses(names: Sequence[str], there: Mapping[str, Interface]) -> tuple[str, ...]:
    """The addresses at which others can knock by these interfaces: IPv4 first, of the Internet first."""
    found = [
        address
        for name in names
        if (one := find_interface(name, there)) is not None and one.link.kind != LOOPBACK
        for address in sorted(one.addresses)
        if not is_link_local(address)
    ]
    return tuple(map(address_text, sorted(dict.fromkeys(found), key=_rank)))


def _rank(address: bytes) -> tuple[int, bool]:
    return len(address), is_private(address_text(address))


def is_private(address: str) -> bool:
    """Whether nobody on the Internet can send to an address."""
    return not ip_address(address).is_global


def find_start(path: str | None) -> str:
    """The line that starts the daemon with the file ``path``; None: with the default one."""
    if path is not None:
        return f"knockd -d -c {shlex.quote(path)}"
    if os.path.isdir("/run/systemd/system") and (systemctl := find_program("systemctl")):
        with suppress(OSError, UnreadableError):
            said = run_program(
                Patience(_TIMEOUT), systemctl, "show", "knockd.service", "--property", "ExecStart"
            )
            if starts_this_knockd(said):
                return "systemctl enable --now knockd"
    with suppress(OSError), open(_SCRIPT, encoding="utf-8", errors="replace") as file:
        if starts_this_knockd(file.read()):
            enable = f"{_SCRIPT} enable && " if os.path.exists("/etc/openwrt_release") else ""
            return f"{enable}{_SCRIPT} start"
    return "knockd -d"


def starts_this_knockd(text: str) -> bool:
    """Whether a unit or script names a knockd that is no binary, as that of 0.8 is."""
    for path in re.findall(r"/[\w./-]*/knockd(?![\w./-])", text):
        with suppress(OSError), open(path, "rb") as file:
            return file.read(2) == b"#!"
    return False


def find_log_file(folder: str = "/var/log") -> str:
    """Where the log goes; empty: to syslog."""
    return f"{folder}/knockd.log" if os.path.isdir(folder) else ""
