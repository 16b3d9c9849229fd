"""The firewall of this host as a first door needs to know it: rules, programs, and who looks after them.

World: programs of firewalls.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from knockd.doctor.firewall_reader import Firewall, read_firewall
from knockd.doctor.iptables_filter import BUILT_IN, PRIORITIES
from knockd.doctor.rulesets import Ruleset
from knockd.net.programs import Patience, UnreadableError, find_program, run_program
from knockd_conf.classes import NamedTuple
from knockd_conf.firewall_tools import IPTABLES

TIMEOUT = 5.0
"""Seconds that each program may take."""

PROGRAMS = ("nft", "ufw", "firewall-cmd", "netfilter-persistent", *IPTABLES)
NFT_FILE = "/etc/nftables.conf"
"""Where Debian and others load nft's rules from at boot."""

UFW_FILE = "/etc/ufw/ufw.conf"


class Walls(NamedTuple):
    """What is known. ``programs`` has their paths by their names."""

    firewall: Firewall
    programs: Mapping[str, str]
    iptables_places: frozenset[str] = frozenset()
    """Chains of tables that iptables looks after, by their full names."""
    ufw: bool = False
    """Whether ufw is active."""
    ufw_rules: tuple[str, ...] = ()
    """The command lines of its rules."""
    zone: str = ""
    """The zone of firewalld that knocks come by, empty where firewalld does not run."""
    kept_tables: frozenset[str] = frozenset()
    """Tables of nft that NFT_FILE sets up, by family and name."""
    nft_file: bool = False
    """Whether there is NFT_FILE."""
    systemd: bool = False
    """Whether systemd is the service manager."""

    @property
    def ruleset(self) -> Ruleset | None:
        """The rules, None when they could not be read."""
        return self.firewall.ruleset


def read_walls(interfaces: Iterable[str]) -> Walls:
    """Asks every program that is here; only root is told of rules. ``interfaces``: those knocks come by."""
    programs = {name: path for name in PROGRAMS if (path := find_program(name))}
    firewall = read_firewall()
    chains = firewall.ruleset.chains if firewall.ruleset is not None else ()
    text = _read_file(NFT_FILE)
    ufw = firewall.ufw_active
    if ufw is None:
        ufw = read_ufw_enabled(_read_file(UFW_FILE) or "")
    return Walls(
        firewall,
        programs,
        frozenset(_find_iptables_places(chains, programs)),
        ufw=ufw,
        ufw_rules=_ask_ufw(programs) if ufw else (),
        zone=_ask_zone(programs, interfaces),
        kept_tables=frozenset(find_tables(text or "")),
        nft_file=text is not None,
        systemd=os.path.isdir("/run/systemd/system"),
    )


def _read_file(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def find_tables(text: str) -> Iterator[str]:
    """Yields family and name of each table that a file for nft sets up."""
    for family, name in re.findall(r"^\s*(?:add\s+)?table\s+(?:(ip6?|inet)\s+)?(\w+)", text, re.MULTILINE):
        yield f"{family or 'ip'} {name}"


def read_ufw_enabled(text: str) -> bool:
    """What ufw's own file says, for who may not ask ufw itself."""
    return bool(re.search(r"^ENABLED=[\"']?yes", text, re.MULTILINE))


def _find_iptables_places(chains: Iterable[str], programs: Mapping[str, str]) -> Iterator[str]:
    """Yields the chains that iptables can read: it refuses tables that were made for nft."""
    for place in chains:
        family, table, name = place.removeprefix("legacy ").split(" ", 2)
        if place.startswith("legacy "):
            yield place
        elif family in ("ip", "ip6") and table in PRIORITIES and name in BUILT_IN:
            tool = "iptables" if family == "ip" else "ip6tables"
            program = programs.get(f"{tool}-nft") or programs.get(tool)
            with suppress(OSError, UnreadableError):
                if program and run_program(Patience(TIMEOUT), program, "-t", table, "-S", name):
                    yield place


def _ask_ufw(programs: Mapping[str, str]) -> tuple[str, ...]:
    """The command lines of ufw's rules; none where it does not say."""
    with suppress(OSError, UnreadableError):
        if program := programs.get("ufw"):
            said = run_program(Patience(TIMEOUT), program, "show", "added")
            return tuple(line for line in said.splitlines() if line.startswith("ufw "))
    return ()


def _ask_zone(programs: Mapping[str, str], interfaces: Iterable[str]) -> str:
    """The zone of the first interface that has one, else the default one; empty: firewalld does not run."""
    program = programs.get("firewall-cmd")
    if program is None:
        return ""
    patience = Patience(TIMEOUT)
    try:
        if run_program(patience, program, "--state").strip() != "running":
            return ""
        for interface in interfaces:
            with suppress(UnreadableError):  # of an interface in no zone it says so with another status
                return run_program(patience, program, f"--get-zone-of-interface={interface}").strip()
        return run_program(patience, program, "--get-default-zone").strip()
    except (OSError, UnreadableError):
        return ""
