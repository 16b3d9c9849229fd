"""Who may knock: networks that are allowed and denied, as values that judge a packed address.

Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import field
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.text import address_text

MOST_SHOWN: Final = 4
"""How many networks of a list are shown; the rest are counted."""

SIZES: Final = (4, 16)
"""Bytes of an IPv4 address and of an IPv6 address."""


class Network(NamedTuple):
    """A network as packed addresses are compared: bytes of an address, the mask and the masked bits."""

    size: int
    mask: int
    bits: int

    @property
    def prefix(self) -> int:
        """How many leading bits are set in the mask."""
        return self.mask.bit_count()

    @property
    def last(self) -> int:
        """Its last address, as ``bits`` is its first."""
        return self.bits | ((1 << 8 * self.size) - 1 ^ self.mask)

    def covers(self, other: Network) -> bool:
        """Whether every address of ``other`` is one of its own."""
        return self.size == other.size and self.mask & other.mask == self.mask and self._has(other.bits)

    def _has(self, number: int) -> bool:
        return number & self.mask == self.bits

    def __str__(self) -> str:
        text = address_text(self.bits.to_bytes(self.size, "big"))
        return text if self.prefix == 8 * self.size else f"{text}/{self.prefix}"


Networks = tuple[Network, ...]
Spans = tuple[tuple[int, int], ...]
"""The first and the last number of each run of addresses: sorted, apart from each other."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may knock. ``allow`` empty: everybody who is not in ``deny``; a network of ``deny`` wins."""

    allow: Networks = ()
    deny: Networks = ()
    _spans: dict[int, tuple[list[int], list[int]]] = field(init=False, compare=False, repr=False)
    """The first and the last numbers of all who may knock, by the size of an address: lists of thousands of
    networks are judged by as fast as one."""

    def __post_init__(self) -> None:
        spans = {size: self.spans(size) for size in SIZES}
        ends = {size: ([low for low, _ in ours], [high for _, high in ours]) for size, ours in spans.items()}
        object.__setattr__(self, "_spans", ends)

    def spans(self, size: int) -> Spans:
        """The addresses of ``size`` bytes that may knock."""
        allowed = find_spans(self.allow, size) if self.allow else ((0, (1 << 8 * size) - 1),)
        return subtract_spans(allowed, find_spans(self.deny, size))

    def admits(self, source: bytes) -> bool:
        """Whether a packed address (4 or 16 bytes) may knock."""
        lows, highs = self._spans[len(source)]
        number = int.from_bytes(source, "big")
        at = bisect_right(lows, number) - 1
        return at >= 0 and number <= highs[at]


def network_of(address: bytes, prefix: int) -> Network:
    """The network of a packed address that has so many bits."""
    size = len(address)
    mask = (1 << 8 * size) - (1 << 8 * size - prefix)
    return Network(size, mask, int.from_bytes(address, "big") & mask)


def settle_access(own: Networks | None, deny: Networks, allow: Networks, deny_all: Networks) -> Access | None:
    """Who may knock at a door, None for everybody.

    ``own`` and ``deny`` are the door's Allow (None: it has none) and Deny, the others those of [options]. A
    door's Allow takes the place of that of [options], its Deny is added to that.
    """
    allowed = collapse_networks(allow if own is None else own)
    denied = collapse_networks((*deny, *deny_all))
    return Access(allowed, denied) if allowed or denied else None


def describe_access(access: Access) -> str:
    """Who may knock, in words: ``from 192.0.2.0/24 but 192.0.2.7``."""
    allowed = _show(access.allow) if access.allow else "everywhere"
    return f"from {allowed}" + (f" but {_show(access.deny)}" if access.deny else "")


def _show(networks: Networks) -> str:
    shown = ", ".join(map(str, networks[:MOST_SHOWN]))
    rest = len(networks) - MOST_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def make_networks(networks: Iterable[IPv4Network | IPv6Network]) -> Networks:
    """The networks as values that compare."""
    return tuple(
        Network(one.max_prefixlen // 8, int(one.netmask), int(one.network_address)) for one in networks
    )


def collapse_networks(networks: Iterable[Network]) -> Networks:
    """The fewest networks that have the same addresses, sorted."""
    kept: list[Network] = []
    for one in sorted(networks, key=lambda one: (one.size, one.bits, one.mask)):
        if kept and kept[-1].covers(one):
            continue
        kept.append(one)
        while len(kept) > 1 and (parent := _join(*kept[-2:])):
            kept[-2:] = [parent]
    return tuple(kept)


def _join(low: Network, high: Network) -> Network | None:
    """The network of which these are the two halves; None: they are not."""
    if low.size != high.size or low.mask != high.mask or low.last + 1 != high.bits:
        return None
    mask = low.mask & low.mask << 1
    return Network(low.size, mask, low.bits) if low.bits & mask == low.bits else None


def find_spans(networks: Iterable[Network], size: int) -> Spans:
    """The addresses of ``size`` bytes in any of the networks."""
    spans: list[tuple[int, int]] = []
    for low, high in sorted((one.bits, one.last) for one in networks if one.size == size):
        if spans and low <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(high, spans[-1][1]))
        else:
            spans.append((low, high))
    return tuple(spans)


def subtract_spans(spans: Spans, less: Spans) -> Spans:
    """What is in ``spans`` and not in ``less``."""
    left: list[tuple[int, int]] = []
    holes = iter(less)
    hole = next(holes, None)
    for first, last in spans:
        low = first
        while hole is not None and hole[0] <= last:
            if hole[0] > low:
                left.append((low, hole[0] - 1))
            low = max(low, hole[1] + 1)
            if hole[1] > last:
                break  # it reaches into the next span
            hole = next(holes, None)
        if low <= last:
            left.append((low, last))
    return tuple(left)
