"""Whether knocks can come in at all: interfaces, their addresses, and ports that are in use.

World: the kernel's interfaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.doctor.findings import Finding, Looked
from knockd.doctor.firewall import Surroundings
from knockd.doctor.firewall_reader import Firewall
from knockd.doctor.installed import find_examples
from knockd.keeper.settings import explain_absent, explain_trouble
from knockd.knocks.taken import Taken, number_of
from knockd.net.interface import LOOPBACK, find_interface
from knockd.net.interfaces import read_interfaces
from knockd_conf.firewall_tools import Version
from knockd_conf.model import Config, Step
from knockd_conf.opened_ports import find_opened_ports
from knockd_conf.protocol import Protocol
from knockd_conf.text import is_link_local, printable


def look_at_interfaces(config: Config, names: Sequence[str]) -> Looked:
    """What keeps the interfaces ``names`` from hearing knocks."""
    return Looked("interfaces", tuple(_find_trouble(config, names)))


def _find_trouble(config: Config, names: Sequence[str]) -> Iterator[Finding]:
    place = str(config.note("interface", ""))[: -len(": ")]
    absent = explain_absent(names)
    if absent is not None:
        cure = "name one that is there with Interface, or bring it up: knockd waits for it"
        yield Finding("no-interface", absent, cure, place)
    for text in explain_trouble(names, any_will_do=config.options.interface == ("any",)):
        sentence, _, cure = text.partition(": ")
        yield Finding(
            "interface-deaf", sentence, cure or "bring it up with an address: ip link, ip addr", place
        )
    there = read_interfaces()
    found = [one for name in names if (one := find_interface(name, there)) is not None]
    if found and all(one.link.kind == LOOPBACK for one in found):
        text = "only the loopback interface is listened on: knocks from an address of this host never count"
        yield Finding("only-this-host", text, "name the interface that others come by with Interface", place)


def look_at_ports(config: Config, live: Sequence[Sequence[Step]], taken: Taken) -> Looked:
    """Whether guard ports that somebody has named, or ports of sequences and signed knocks, are in use."""
    found = (*find_used_ports(config, live, taken), *find_shared_ports(config, taken))
    return Looked("guard ports", found)


def find_used_ports(config: Config, live: Sequence[Sequence[Step]], taken: Taken) -> Iterator[Finding]:
    """Yields a finding for each port that cannot do its work since it is in use."""
    for door, steps in zip(config.doors, live, strict=True):
        routed = bool(door.target)
        rule = door.guard_ports or config.options.guard_ports
        path, line, _ = door.place("guard_ports")
        for port in () if rule.auto else rule.ports:
            why = taken._replace(named=frozenset()).why(number_of(port), routed=routed)
            if why is not None:
                text = f"guard port {port} of door {door.name} {why}: who uses it is ignored at the door"
                yield Finding("guard-in-use", text, "take it out of Guard_Ports", f"{path}:{line}")
        path, line, _ = door.place("steps")
        for port in dict.fromkeys(steps):
            if not routed and number_of(port) in taken.in_use:
                text = f"step {port} of door {door.name} has a listening socket: who uses it begins a knock"
                yield Finding("step-in-use", text, "choose a port that nobody serves", f"{path}:{line}")


def find_shared_ports(config: Config, taken: Taken) -> Iterator[Finding]:
    """Yields a finding for each port of signed knocks that is somebody else's as well."""
    signed = {door.signed_port: door for door in reversed(config.doors) if door.signed_port}
    opened = {
        port: door
        for door in config.doors
        for one in find_opened_ports(filter(None, map(door.start_for, (4, 6))))
        for port in signed
        if one.protocol is Protocol.UDP and one.low <= port <= one.high
    }
    for number, door in sorted(signed.items()):
        path, line, _ = door.place("signed_port")
        port = Step(number, Protocol.UDP)
        cure = "choose a port that nobody serves"
        if number in opened:
            other = opened[number].name
            text = f"signed knocks come to {port}, which door {other} opens: a service gets them too"
            yield Finding("signed-port-shared", text, cure, f"{path}:{line}")
        elif not door.target and number_of(port) in taken.in_use:
            text = (
                f"signed knocks come to {port}, which has a socket: its program gets them too, and may answer"
            )
            yield Finding("signed-port-shared", text, cure, f"{path}:{line}")


def find_surroundings(names: Sequence[str], firewall: Firewall, *, ipv6: bool) -> Surroundings:
    """What matters at the firewall; addresses of the link alone, and of loopback, reach nobody."""
    there = read_interfaces()
    own = frozenset(
        address
        for one in there.values()
        if one.link.kind != LOOPBACK
        for address in one.addresses
        if not is_link_local(address)
    )
    versions: tuple[Version, ...] = (4, 6) if ipv6 and any(len(one) == 16 for one in own) else (4,)
    if own and not any(len(one) == 4 for one in own):
        versions = (6,)
    found = (find_interface(name, there) for name in names)
    known = tuple(one.link.name if one is not None else name for name, one in zip(names, found, strict=True))
    return Surroundings(
        known, own, versions, firewall.legacy, firewall.ufw_active, printable(find_examples())
    )
