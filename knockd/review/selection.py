"""Which entries of a log are asked for: by time, door, address and kind.

Pure.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from knockd.review.entries import Entry
from knockd_conf.classes import dataclass

Network = IPv4Network | IPv6Network


OPENED = frozenset({"open", "opened-by-hand", "fleet-opened"})
"""Events of openings: by a knock, by hand, and by a knock at another gateway of the fleet."""


class Kind(StrEnum):
    """What an entry is about, as ``--what`` names it."""

    OPEN = "open"
    """A door opened, and what became of it."""
    FAILED = "failed"
    """A knock that opened nothing, of an address that opened at another time."""
    SCAN = "scan"
    """The same of every other address."""
    COMMAND = "command"
    """A command that was run, what it printed, and how it failed."""
    DAEMON = "daemon"
    """All else: what the daemon did or complained of."""


ATTEMPTS = frozenset(
    {
        *("expired", "spoiled", "flags-unfit", "guarded", "ignored"),
        *("key-used", "key-behind", "key-ahead", "key-before-start", "signed-refused", "signed-unread"),
    }
)
"""Events of knocks that opened nothing."""

_OPENINGS = frozenset(
    {
        *(
            "open",
            "key-opened",
            "signed-opened",
            "signed-renewed",
            "signed-closed",
            "refused",
            "command-timeout",
            "left-open",
        ),
        *("held-open", "left", "open-max", "fleet-opened", "fleet-closed"),
        *("opened-by-hand", "closed-by-hand", "more-closed-by-hand", "extended-by-hand", "given-up"),
        *("recovered", "recovered-starting", "recovered-unopened", "recovered-failed"),
    }
)
_COMMANDS = frozenset(
    {
        *("command", "command-failed", "command-output", "command-late", "command-too-long"),
        *("command-rights", "stop-failed"),
    }
)


def kind_of(event: str, *, opener: bool) -> Kind:
    """The kind of an event; ``opener``: its address has opened a door at any time.

    The stages of an opener's attempt belong to its openings, since most of them lead to one.
    """
    if event in ATTEMPTS:
        return Kind.FAILED if opener else Kind.SCAN
    if event == "stage":
        return Kind.OPEN if opener else Kind.SCAN
    if event in _OPENINGS:
        return Kind.OPEN
    return Kind.COMMAND if event in _COMMANDS else Kind.DAEMON


@dataclass(frozen=True, slots=True)
class Selection:
    """What to show. An empty field selects all; ``since`` and ``until`` are seconds since the epoch."""

    since: float | None = None
    until: float | None = None
    doors: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    kinds: frozenset[Kind] = field(default_factory=frozenset)

    def covers(self, entry: Entry) -> bool:
        """Whether time, door and address of an entry are asked for.

        A stamp that is exact to a minute may stand for any second of it: it is covered when one of them is.
        An entry that names no door, or no address, is none of those asked for.
        """
        if self.since is not None and entry.time + entry.precision <= self.since:
            return False
        if self.until is not None and entry.time >= self.until:
            return False
        if self.doors and entry.door not in self.doors:
            return False
        return not self.networks or is_within(entry.ip, self.networks)

    def shows(self, entry: Entry, openers: Container[str]) -> bool:
        """``covers``, and its kind is asked for. ``openers``: addresses that have opened a door."""
        if not self.covers(entry):
            return False
        return not self.kinds or kind_of(entry.event, opener=entry.ip in openers) in self.kinds

    @property
    def needs_openers(self) -> bool:
        """Whether the kinds tell failed knocks of owners from those of strangers."""
        apart = self.kinds & {Kind.OPEN, Kind.FAILED, Kind.SCAN}
        return bool(apart) and len(apart) < 3


@lru_cache(maxsize=8192)
def is_within(ip: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address as a log has it is in one of the networks; False for what is no address.

    A mapped one (``::ffff:192.0.2.1``) is in those of IPv4 and in those of IPv6.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(address in network or plain in network for network in networks)


def parse_network(text: str) -> Network:
    """The network of an address or a network (``198.51.100.7``, ``198.51.100.0/24``, ``2001:db8::/32``).

    Bits of the host are allowed. Raises ValueError with a message.
    """
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"expected an address or a network such as 198.51.100.0/24, got {text!r}") from error


def parse_kinds(text: str) -> frozenset[Kind]:
    """The kinds of a list such as ``open,failed``. Raises ValueError with a message."""
    kinds = set()
    for word in text.split(","):
        try:
            kinds.add(Kind(word.strip().lower()))
        except ValueError as error:
            raise ValueError(
                f"expected some of {', '.join(Kind)}, with commas, got {word.strip()!r}"
            ) from error
    return frozenset(kinds)
