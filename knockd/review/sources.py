"""Addresses that knocked: their attempts, guard hits and last failures. Bounded: the rest goes to networks.

An attempt is counted when its first step comes, or when it fails and its first step was not logged. It is
taken back when it opens. So an attempt of knockd 0.8 that a wrong packet spoiled, which 0.8 does not log,
counts too: it is the one whose end never came.

Pure.
"""

from __future__ import annotations

from binascii import crc32
from collections import Counter
from math import log

from knockd.review.doors import Doors
from knockd.review.entries import Entry
from knockd.review.networks import MOST_DOORS, Networks, Part, network_of
from knockd.review.summary import Failure, Owner, Scanner
from knockd.review.timeline import ATTEMPTS, SCANS, Counts
from knockd.review.why import explain_failure, stage_of

MOST_SOURCES = 16_384
MOST_PENDING = 16
SHARED = 4
"""Strangers of one network that are shown as the network."""
KEPT, KEPT_OF_OWNERS = 4, 24
"""Failures that are kept of an address."""

_BITS = 1 << 23
_MIXER = 2_654_435_761
"""2**32 divided by the golden ratio: addresses in a row have check sums in a row."""


_NO_PENDING: dict[str, tuple[float, Entry]] = {}
"""That of all addresses without one, never written to: most scanners never begin an attempt."""


class Source:
    """What is known of one address. ``failures`` are (when it was counted, the line)."""

    __slots__ = (
        "attempts",
        "doors",
        "failures",
        "first",
        "guards",
        "host",
        "last",
        "opened",
        "openings",
        "pending",
    )

    addresses = 1

    def __init__(self, time: float) -> None:
        self.first = self.last = time
        self.attempts = self.guards = self.openings = 0
        self.opened = False
        self.host = ""
        self.doors: tuple[str, ...] = ()
        self.pending = _NO_PENDING
        """Attempts that have begun, by door: when, and the last stage."""
        self.failures: tuple[tuple[float, Entry], ...] = ()


class Sources:
    """All addresses that knocked. ``add_`` methods are given the lines that the selection covers."""

    def __init__(self, doors: Doors, counts: Counts) -> None:
        self._doors, self._counts = doors, counts
        self._sources: dict[str, Source] = {}
        self._networks = Networks()
        self._seen = bytearray()
        self.failed = 0
        """Attempts that opened nothing, of everybody."""
        self.cut_owners = self._failed_of_cut = 0

    @property
    def failed_of_owners(self) -> int:
        """Those of addresses that opened a door at any time."""
        return self._failed_of_cut + sum(one.attempts for one in self._sources.values() if one.opened)

    def source(self, ip: str, time: float) -> Source:
        """What is known of an address, from now on."""
        found = self._sources.get(ip)
        if found is None:
            if len(self._sources) >= MOST_SOURCES:
                self._make_room()
            found = self._sources[ip] = Source(time)
        return found

    def add_stage(self, entry: Entry) -> None:
        """A step came right."""
        time, _, ip, door, host, fields, _ = entry
        source = self._sources.get(ip) or self.source(ip, time)
        began = source.pending.get(door)
        if began is None or fields.get("stage") == 1:
            if began is not None:
                self._keep(source, *began)
            elif source.pending is _NO_PENDING or len(source.pending) >= MOST_PENDING:
                source.pending = {}
            source.pending[door] = (time, entry)
            self._count(source, door, time)
        else:
            source.pending[door] = (began[0], entry)
        source.last = time
        if host:
            source.host = host

    def add_failure(self, entry: Entry) -> None:
        """An attempt failed: it expired, was spoiled or touched a guard."""
        time, event, ip, door, host, _, _ = entry
        source = self._sources.get(ip) or self.source(ip, time)
        began = source.pending.pop(door, None) if source.pending else None
        if began is None:
            self._count(source, door, time)
        self._keep(source, time if began is None else began[0], entry)
        source.last = time
        if event == "guarded":
            source.guards += 1
            self._doors.door(door).guards += 1
        if host:
            source.host = host

    def add_reason(self, entry: Entry) -> None:
        """The line behind a failure that says more of it."""
        source = self.source(entry.ip, entry.time)
        if source.failures and source.failures[-1][1].door == entry.door:
            source.failures = (*source.failures[:-1], (source.failures[-1][0], entry))
        else:
            self.add_failure(entry)

    def add_refusal(self, entry: Entry) -> bool:
        """A signed knock was refused; it ends no attempt. Returns whether its address has opened a door."""
        source = self.source(entry.ip, entry.time)
        self._count(source, entry.door, entry.time)
        self._keep(source, entry.time, entry)
        source.last = entry.time
        if entry.host:
            source.host = entry.host
        return source.opened

    def open(self, entry: Entry, selected: bool) -> Source:
        """An address opened a door: that attempt is no failure, and those before were an owner's."""
        source = self.source(entry.ip, entry.time)
        if entry.host:
            source.host = entry.host
        began = source.pending.pop(entry.door, None)
        if began is not None:
            source.attempts -= 1
            self.failed -= 1
            self._doors.door(entry.door).failed -= 1
            self._counts.add(ATTEMPTS if source.opened else SCANS, began[0], -1)
        if not source.opened:
            source.opened = True
            known = [time for time, _ in source.failures] + [time for time, _ in source.pending.values()]
            for time in known:
                self._counts.add(SCANS, time, -1)
                self._counts.add(ATTEMPTS, time)
        if selected:
            source.openings += 1
            source.last = entry.time
        return source

    def fail_opening(self, entry: Entry, time: float) -> None:
        """What seemed to be an opening at that time was none."""
        source = self.source(entry.ip, entry.time)
        source.openings -= source.openings > 0
        self._count(source, entry.door, time)
        self._keep(source, time, entry)

    def _count(self, source: Source, door: str, time: float) -> None:
        source.attempts += 1
        self.failed += 1
        self._counts.add(ATTEMPTS if source.opened else SCANS, time)
        if not door:  # a signed knock that could not be read
            return
        self._doors.door(door).failed += 1
        if door not in source.doors and len(source.doors) < MOST_DOORS:
            source.doors = (*source.doors, door)

    def _keep(self, source: Source, began: float, entry: Entry) -> None:
        most = KEPT_OF_OWNERS if source.opened else KEPT
        source.failures = source.failures[1 - most :] + ((began, entry),)  # noqa: RUF005 - it is quicker

    def _make_room(self) -> None:
        """Keeps owners, the quarter that came last and the quarter that has most attempts."""
        sources = self._sources
        some = MOST_SOURCES // 4
        recent = sorted(source.last for source in sources.values())[-some]
        busy = sorted(source.attempts for source in sources.values())[-some]
        owners = sum(source.opened for source in sources.values()) <= 2 * some
        kept: dict[str, Source] = {}
        for ip, source in sources.items():
            if (source.opened and owners) or source.last > recent or source.attempts > busy:
                kept[ip] = source
            else:
                self._fold(ip, source)
        self._sources = kept

    def _fold(self, ip: str, source: Source) -> None:
        if source.opened:
            self.cut_owners += 1
            self._failed_of_cut += source.attempts
        elif source.attempts:
            self._see(ip)
            self._networks.add(network_of(ip), source)

    def _see(self, ip: str) -> None:
        """Marks an address, so that one that is folded twice is counted once."""
        if not self._seen:
            self._seen = bytearray(_BITS // 8)
        at = crc32(ip.encode("utf-8", "replace")) * _MIXER >> 16 & _BITS - 1
        self._seen[at >> 3] |= 1 << (at & 7)

    def owners(self) -> list[Owner]:
        """Addresses that opened a door and failed, the last first."""
        found = [(ip, source) for ip, source in self._sources.items() if source.opened and source.attempts]
        found.sort(key=lambda one: one[1].last, reverse=True)
        return [_owner(ip, source) for ip, source in found]

    def scanners(self) -> list[Scanner]:
        """Addresses that opened nothing, or networks with SHARED of them and more; the busiest first."""
        strangers = [(ip, one) for ip, one in self._sources.items() if not one.opened and one.attempts]
        shares = Counter(network_of(ip) for ip, _ in strangers)
        found = []
        joined = Networks()
        for name, group in self._networks.groups.items():
            joined.add(name, group)
        for ip, source in strangers:
            network = network_of(ip)
            if network in joined.groups or shares[network] >= SHARED:
                joined.add(network, source)
            else:
                found.append(_scanner(ip, source))
        found += [_scanner(name, group) for name, group in joined.groups.items()]
        return sorted(found, key=lambda one: (one.attempts, one.last), reverse=True)

    def count_scanners(self) -> tuple[int, bool]:
        """How many addresses opened nothing, and whether that is exact (else it is an estimate)."""
        here = [ip for ip, one in self._sources.items() if not one.opened and one.attempts]
        if not self._seen:
            return len(here), True
        for ip in here:
            self._see(ip)
        empty = _BITS - int.from_bytes(self._seen, "big").bit_count()
        return round(_BITS * log(_BITS / max(empty, 1))), False  # linear counting: Whang and others, 1990


def _scanner(name: str, part: Part) -> Scanner:
    return Scanner(name, part.addresses, part.attempts, part.guards, part.doors, part.first, part.last)


def _owner(ip: str, source: Source) -> Owner:
    failures = tuple(
        Failure(
            entry.time,
            entry.door,
            ip,
            entry.host or source.host,
            entry.event,
            stage_of(entry),
            explain_failure(entry, began),
            entry.precision,
        )
        for began, entry in reversed(source.failures)
    )
    return Owner(ip, source.host, source.openings, source.attempts, failures)
