"""Whose packets pass at all: what every door of an interface allows and denies, for one IP version.

The kernel's filter only spares the packet process work with it, which judges each packet by its own door.

Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from knockd_conf.access import Access, Network, Networks, Spans, collapse_networks, find_spans, subtract_spans
from knockd_conf.classes import NamedTuple

MOST_NETWORKS: Final = 64
"""Networks of an Allow, and as many of a Deny, that are told apart in a program.

They cost a test a boundary, so 9 instructions a packet at most and some hundreds of the program, which leaves
the room for ports. Longer lists are for countries or providers: merged, they still keep most strangers out.
"""


class Sources(NamedTuple):
    """``allow`` None: everybody who is not in ``deny``; empty: nobody. Both are collapsed."""

    allow: Networks | None = None
    deny: Networks = ()

    def spans(self, size: int) -> Spans:
        """The addresses of ``size`` bytes that pass."""
        allowed = ((0, (1 << 8 * size) - 1),) if self.allow is None else find_spans(self.allow, size)
        return subtract_spans(allowed, find_spans(self.deny, size))

    def takes(self, source: bytes) -> bool:
        """Whether packets from a packed address pass."""
        number = int.from_bytes(source, "big")
        return any(low <= number <= high for low, high in self.spans(len(source)))


EVERYBODY: Final = Sources()
NOBODY: Final = Sources(allow=())


def unite_sources(accesses: Iterable[Access | None], size: int) -> Sources:
    """The least that lets pass whoever has an address of ``size`` bytes that one of ``accesses`` admits."""
    shared = {id(one): one for one in accesses}  # many doors have one, whose networks may be hundreds
    distinct = dict.fromkeys(shared.values())
    chosen = [one for one in distinct if one is not None]
    if not chosen:
        return EVERYBODY
    whole = len(chosen) < len(distinct) or any(not one.allow for one in chosen)
    allow = None if whole else _of_size((network for one in chosen for network in _allowed(one, size)), size)
    deny = _of_size(chosen[0].deny, size) if len(chosen) == len(distinct) else ()
    for one in chosen[1:]:
        deny = _intersect(deny, _of_size(one.deny, size), size)
    return _simplify(Sources(allow, deny), size)


def narrow_sources(sources: Sources, most: int) -> Sources:
    """At most ``most`` networks allowed, and as many denied: more may pass, never less."""
    deny = sorted(sources.deny, key=lambda one: (one.prefix, one.bits))[:most]
    allow = None if sources.allow is None else _merge(sources.allow, most)
    size = next((one.size for one in (*(sources.allow or ()), *sources.deny)), 0)
    return _simplify(Sources(allow, collapse_networks(deny)), size) if size else sources


def _allowed(access: Access, size: int) -> Iterator[Network]:
    """Yields the networks that are allowed but for those of which nothing is left by what is denied."""
    denied = find_spans(access.deny, size)
    yield from (one for one in access.allow if one.size == size and not _within(one, denied))


def _of_size(networks: Iterable[Network], size: int) -> Networks:
    return collapse_networks(one for one in networks if one.size == size)


def _simplify(sources: Sources, size: int) -> Sources:
    """The same without networks that change nothing."""
    everything = ((0, (1 << 8 * size) - 1),)
    spans = sources.spans(size)
    if not spans:
        return NOBODY
    if spans == everything:
        return EVERYBODY
    allow, deny = sources
    if allow is not None:
        denied = find_spans(deny, size)
        allow = tuple(one for one in allow if not _within(one, denied))
        allowed = find_spans(allow, size)
        deny = tuple(one for one in deny if _touches(one, allowed))
        if allowed == everything:
            allow = None
    return Sources(allow, deny)


def _intersect(some: Networks, others: Networks, size: int) -> Networks:
    """What is in both: of two networks that overlap one lies in the other."""
    mine, theirs = find_spans(some, size), find_spans(others, size)
    return collapse_networks(
        [*(one for one in some if _within(one, theirs)), *(one for one in others if _within(one, mine))]
    )


def _within(network: Network, spans: Spans) -> bool:
    at = bisect_right(spans, (network.bits, 1 << 128)) - 1
    return at >= 0 and network.last <= spans[at][1]


def _touches(network: Network, spans: Spans) -> bool:
    at = bisect_right(spans, (network.last, 1 << 128)) - 1
    return at >= 0 and network.bits <= spans[at][1]


def _merge(networks: Sequence[Network], most: int) -> Networks:
    """At most ``most`` networks that have all these: those that are nearest to each other are merged."""
    if len(networks) <= most:
        return tuple(networks)
    bits = 8 * networks[0].size
    common = [bits - (low.bits ^ high.bits).bit_length() for low, high in pairwise(networks)]
    borders = sorted(sorted(range(len(common)), key=lambda at: (common[at], at))[: most - 1])
    ends = [*(at + 1 for at in borders), len(networks)]
    merged, start = [], 0
    for end in ends:
        prefix = min((*common[start : end - 1], *(one.prefix for one in networks[start:end])))
        mask = (1 << bits) - (1 << bits - prefix)
        merged.append(Network(networks[0].size, mask, networks[start].bits & mask))
        start = end
    return collapse_networks(merged)
