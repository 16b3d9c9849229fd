"""Ports that this host forwards, as nft and iptables know them: no automatic guard port may be one of them.

Programs are run that only print. It may take a while: call it in a process that nobody waits for.

World: other programs.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from knockd.net.nat_rules import Forwards, PortRange

FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin")
"""Where programs are looked for, in this order."""

TIMEOUT = 3.0
"""Seconds that all programs may take together: a start waits for them."""

_FAMILIES = (("iptables", "/proc/net/ip_tables_names"), ("ip6tables", "/proc/net/ip6_tables_names"))
"""Both programs, and the tables of their older kind that are loaded (only root may read that)."""

ANY_PORT = "a rule of address translation leads every port elsewhere, so guards may be in use"


class Forwarded(NamedTuple):
    """Ranges of ports that are forwarded, and sentences about what is not known of them."""

    ranges: tuple[PortRange, ...] = ()
    notes: tuple[str, ...] = ()


class _UnreadableError(Exception):
    """Why a program did not say what is forwarded."""


def has_programs() -> bool:
    """Whether there is any program that could say what is forwarded."""
    return any(map(_find, ("nft", "iptables-save", "ip6tables-save")))


def read_forwarded_ports() -> Forwarded:
    """What all the programs that are here say is forwarded; nothing, when there is none."""
    from knockd.net.nat_rules import merge_forwards  # here, as below: the daemon needs no parser of rules

    try:
        forwards = merge_forwards(_read(time.monotonic() + TIMEOUT))
    except (OSError, ValueError, _UnreadableError) as error:
        return Forwarded(notes=(f"forwarded ports cannot be read ({error}), so guards may be in use",))
    return Forwarded(forwards.ranges, (ANY_PORT,) if forwards.any_port else ())


def _read(until: float) -> Iterator[Forwards]:
    """Asks nft, and iptables where rules are its own: where it has none, its tables would be loaded."""
    from knockd.net.iptables_rules import read_iptables
    from knockd.net.nft_rules import has_iptables_rules, leads_elsewhere, read_nft

    nft = _find("nft")
    text = _run(until, nft, "-t", "-j", "list", "ruleset") if nft else ""
    if nft:
        # Sets may hold 100,000 addresses; their elements matter only where rules of translation use them.
        yield read_nft(_run(until, nft, "-j", "list", "ruleset") if leads_elsewhere(text) else text)
    for family, loaded in _FAMILIES:
        save = _find(f"{family}-nft-save") or _find(f"{family}-save")
        if save and (has_iptables_rules(text) or (not nft and "nft" in os.path.realpath(save))):
            yield read_iptables(_run(until, save, "-t", "nat"))
        save = _find(f"{family}-legacy-save") or _find(f"{family}-save")
        if save and _is_loaded(loaded):
            yield read_iptables(_run(until, save, "-t", "nat"))


def _is_loaded(tables: str) -> bool:
    """Whether the nat table is among the older tables that are loaded."""
    try:
        with open(tables, encoding="ascii") as file:
            return "nat" in file.read().split()
    except FileNotFoundError:
        return False


def _find(program: str) -> str | None:
    """The path of a program, None when it is not here."""
    paths = (os.path.join(folder, program) for folder in FOLDERS)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _run(until: float, program: str, *words: str) -> str:
    """What a program prints until then, on the steady clock. Raises OSError and _UnreadableError."""
    environment = {"PATH": ":".join(FOLDERS), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=until - time.monotonic(),
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"timed out, all programs together have {TIMEOUT:g} seconds"
        raise _UnreadableError(f"{os.path.basename(program)}: {reason}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[0] if said else f"status {done.returncode}"
        raise _UnreadableError(f"{os.path.basename(program)}: {reason}")
    return done.stdout.decode("utf-8", "replace")
