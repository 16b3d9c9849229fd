"""The firewall of this host, as nft, iptables and ufw print it.

World: programs of firewalls.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from knockd.doctor.iptables_filter import read_iptables_rules
from knockd.doctor.nft_filter import read_nft_rules, read_rule_texts
from knockd.doctor.rulesets import Ruleset, merge_rulesets
from knockd.net.nft_rules import has_iptables_rules
from knockd.net.programs import Patience, UnreadableError, find_loaded_tables, find_program, run_program
from knockd_conf.classes import NamedTuple

TIMEOUT = 5.0
"""Seconds that each program may take."""

_FAMILIES = (
    ("ip", "iptables", "/proc/net/ip_tables_names"),
    ("ip6", "ip6tables", "/proc/net/ip6_tables_names"),
)


class Firewall(NamedTuple):
    """What is known of the firewall. ``ruleset``: None when it could not be read; ``unlooked`` says why."""

    ruleset: Ruleset | None
    legacy: bool
    """Whether plain iptables is the older kind."""
    ufw_active: bool | None
    """None: there is no ufw, or it does not say."""
    unlooked: tuple[str, ...]


def read_firewall() -> Firewall:
    """Asks every program that is here; only root is answered."""
    legacy = "legacy" in os.path.realpath(find_program("iptables") or "")
    if os.geteuid() != 0:
        return Firewall(None, legacy, None, ("its rules: run it as root",))
    if not any(map(find_program, ("nft", "iptables-save", "ip6tables-save"))):
        return Firewall(None, legacy, None, ("its rules: there is neither nft nor iptables",))
    unlooked: list[str] = []
    parts: list[Ruleset] = []
    readers: tuple[Callable[[], Iterator[Ruleset]], ...] = (_read_nft, _read_legacy)
    for read in readers:
        try:
            parts += read()
        except (OSError, ValueError, UnreadableError) as error:
            unlooked.append(f"its rules ({error})")
    active: bool | None = None
    try:
        active = _is_ufw_active()
    except (OSError, UnreadableError) as error:
        unlooked.append(f"ufw ({error})")
    ruleset = merge_rulesets(parts) if not any(one.startswith("its rules") for one in unlooked) else None
    return Firewall(ruleset, legacy, active, tuple(unlooked))


def _read_nft() -> Iterator[Ruleset]:
    """nftables' tables; iptables is asked for those that it made, for nft does not print all they say."""
    nft = find_program("nft")
    text = ""
    if nft:
        text = run_program(Patience(TIMEOUT), nft, "-j", "list", "ruleset")
        texts: dict[tuple[str, str, str], str] = {}
        with suppress(UnreadableError):  # then a rule is named by its number
            texts = read_rule_texts(run_program(Patience(TIMEOUT), nft, "-t", "-a", "list", "ruleset"))
        yield read_nft_rules(text, texts)
    for family, program, _ in _FAMILIES:
        save = find_program(f"{program}-nft-save") or find_program(f"{program}-save")
        if save and (has_iptables_rules(text) or (not nft and "nft" in os.path.realpath(save))):
            yield read_iptables_rules(run_program(Patience(TIMEOUT), save), family)


def _read_legacy() -> Iterator[Ruleset]:
    """The older tables, where they are loaded: to ask for others would load them."""
    for family, program, loaded in _FAMILIES:
        save = find_program(f"{program}-legacy-save") or find_program(f"{program}-save")
        for table in sorted(find_loaded_tables(loaded)) if save else ():
            text = run_program(Patience(TIMEOUT), save or "", "-t", table)
            yield read_iptables_rules(text, family, "legacy ")


def _is_ufw_active() -> bool | None:
    ufw = find_program("ufw")
    if ufw is None:
        return None
    said = run_program(Patience(TIMEOUT), ufw, "status")
    return read_ufw_status(said)


def read_ufw_status(text: str) -> bool | None:
    """Whether ufw is active, from what ``ufw status`` prints."""
    for line in text.splitlines():
        if line.startswith("Status:"):
            return line.partition(":")[2].strip() == "active"
    return None
