"""Ports that this host forwards, as nft and iptables know them: no automatic guard port may be one of them.

Programs are run that only print. It may take a while: call it in a process that nobody waits for.

World: programs of firewalls.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from knockd.net.programs import (
    Patience,
    UnreadableError,
    find_loaded_tables,
    find_program,
    run_program,
)
from knockd_conf.classes import NamedTuple

if TYPE_CHECKING:
    from knockd.net.nat_rules import Forwards, PortRange

TIMEOUT = 3.0
"""Seconds that all programs may take together: a start waits for them."""

_FAMILIES = (("iptables", "/proc/net/ip_tables_names"), ("ip6tables", "/proc/net/ip6_tables_names"))
"""Both programs, and the tables of their older kind that are loaded (only root may read that)."""

ANY_PORT = "a rule of address translation leads every port elsewhere, so guards may be in use"


class Forwarded(NamedTuple):
    """Ranges of ports that are forwarded, and sentences about what is not known of them."""

    ranges: tuple[PortRange, ...] = ()
    notes: tuple[str, ...] = ()


def has_programs() -> bool:
    """Whether there is any program that could say what is forwarded."""
    return any(map(find_program, ("nft", "iptables-save", "ip6tables-save")))


def read_forwarded_ports() -> Forwarded:
    """What all the programs that are here say is forwarded; nothing, when there is none."""
    from knockd.net.nat_rules import merge_forwards  # here, as below: the daemon needs no parser of rules

    try:
        forwards = merge_forwards(_read(Patience(TIMEOUT)))
    except (OSError, ValueError, UnreadableError) as error:
        return Forwarded(notes=(f"forwarded ports cannot be read ({error}), so guards may be in use",))
    return Forwarded(forwards.ranges, (ANY_PORT,) if forwards.any_port else ())


def _read(patience: Patience) -> Iterator[Forwards]:
    """Asks nft, and iptables where rules are its own: where it has none, its tables would be loaded."""
    from knockd.net.iptables_rules import read_iptables
    from knockd.net.nft_rules import has_iptables_rules, leads_elsewhere, read_nft

    nft = find_program("nft")
    text = run_program(patience, nft, "-t", "-j", "list", "ruleset") if nft else ""
    if nft:
        # Sets may hold 100,000 addresses; their elements matter only where rules of translation use them.
        yield read_nft(run_program(patience, nft, "-j", "list", "ruleset") if leads_elsewhere(text) else text)
    for family, loaded in _FAMILIES:
        save = find_program(f"{family}-nft-save") or find_program(f"{family}-save")
        if save and (has_iptables_rules(text) or (not nft and "nft" in os.path.realpath(save))):
            yield read_iptables(run_program(patience, save, "-t", "nat"))
        save = find_program(f"{family}-legacy-save") or find_program(f"{family}-save")
        if save and "nat" in find_loaded_tables(loaded):
            yield read_iptables(run_program(patience, save, "-t", "nat"))
