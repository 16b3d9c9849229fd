"""Door sections and default-drop firewalls for network tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.lab.hosts import Host
from tests.support.lab.waiting import PATIENCE

SERVER = {4: "10.7.0.1", 6: "fd00:7::1"}
CLIENT = {4: "10.7.0.2", 6: "fd00:7::2"}
"""Addresses of the two hosts by IP version."""

SERVER_ADDRESSES = (f"{SERVER[4]}/24", f"{SERVER[6]}/64")
CLIENT_ADDRESSES = (f"{CLIENT[4]}/24", f"{CLIENT[6]}/64")

SECRET = 22
"""Port behind the door."""

NFTABLES = f"""
table inet filter {{
    set knocked4 {{ type ipv4_addr; }}
    set knocked6 {{ type ipv6_addr; }}
    chain HOOK {{
        type filter hook HOOK priority 0; policy drop;
        ct state established accept
        meta l4proto ipv6-icmp accept
        ip saddr @knocked4 meta l4proto {{ tcp, udp }} th dport {SECRET} accept
        ip6 saddr @knocked6 meta l4proto {{ tcp, udp }} th dport {SECRET} accept
    }}
}}
"""


@dataclass(frozen=True)
class Firewall:
    """How to drop everything but the knocked-for port, and the commands a door opens and closes it with.

    ``commands`` gives (start, stop, start for IPv6, stop for IPv6) for a protocol's name.
    """

    tools: tuple[str, ...]
    close: Callable[[Host], None]
    commands: Callable[[str], tuple[str, str, str, str]]


def drop_with_nftables(host: Host, hook: str = "input") -> None:
    """Default drop on a chain of ``host`` (``input`` or ``forward``), with a set of knockers."""
    host.run("nft", "-f", "-", stdin=NFTABLES.replace("HOOK", hook))


def _nft(_protocol: str) -> tuple[str, str, str, str]:
    command = "nft {} element inet filter knocked{} {{ %IP% }}".format
    return (command("add", 4), command("delete", 4), command("add", 6), command("delete", 6))


def drop_with_iptables(host: Host) -> None:
    """Default drop on INPUT of ``host``, for both IP versions."""
    for program in ("iptables", "ip6tables"):
        host.run(program, "-A", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT")
        host.run(program, "-P", "INPUT", "DROP")
    host.run("ip6tables", "-A", "INPUT", "-p", "ipv6-icmp", "-j", "ACCEPT")


def _iptables(protocol: str) -> tuple[str, str, str, str]:
    command = f"{{}} -{{}} INPUT -s %IP% -p {protocol} --dport {SECRET} -j ACCEPT".format
    four, six = "iptables", "ip6tables"
    return (command(four, "I"), command(four, "D"), command(six, "I"), command(six, "D"))


FIREWALLS = {
    "nftables": Firewall(("nft",), drop_with_nftables, _nft),
    "iptables": Firewall(("iptables", "ip6tables"), drop_with_iptables, _iptables),
}


def door(name: str, sequence: str, **keys: object) -> str:
    """One section of a config file; an underscore in a key stays (``start_command=``)."""
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    return "\n".join([f"[{name}]", f"sequence = {sequence}", *lines, "", ""])


def config(*doors: str, **options: object) -> str:
    """A whole file: ``[options]`` and doors."""
    return "\n".join(["[options]", *(f"{key} = {value}" for key, value in options.items()), "", *doors])


def firewall_door(
    firewall: Firewall, sequence: str, protocol: str = "tcp", cmd_timeout: int = 2, name: str = "secret"
) -> str:
    """A door that opens the secret port to the knocker for ``cmd_timeout`` seconds, times PATIENCE."""
    start, stop, start_6, stop_6 = firewall.commands(protocol)
    commands = {"start_command": start, "stop_command": stop}
    commands |= {"start_command_6": start_6, "stop_command_6": stop_6}
    times = {"seq_timeout": round(10 * PATIENCE), "cmd_timeout": round(cmd_timeout * PATIENCE)}
    return door(name, sequence, **times, **commands)
