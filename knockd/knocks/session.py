"""A batch judged from end to end: captured bytes, their link type and times in, events with stamps out.

The packet process judges by this. It has no descriptor and no clock.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from knockd.knocks.addresses import find_impossible
from knockd.knocks.batch import Batch, read_batch
from knockd.knocks.decode import decoder_for
from knockd.knocks.events import Attempt, Discarded, Event, SignedEvent, Underway, Why
from knockd.knocks.matcher import Matcher
from knockd.knocks.memory import MAX_ATTEMPTS
from knockd.knocks.reports import UNLIMITED
from knockd.knocks.sightings import Sightings
from knockd.knocks.stamps import Passed, stamp, times
from knockd.knocks.tally import Tally
from knockd.knocks.watch import Watch
from knockd.token_bucket import TokenBucket
from knockd_conf.classes import NamedTuple

if TYPE_CHECKING:
    from knockd.knocks.signed_packets import SignedPackets
    from knockd.knocks.signed_watch import SignedWatch

MAX_LAG = 10.0
"""Seconds for which a packet's own time stamp is believed to lie in the past."""


IMPOSSIBLE = "ignored: no packet off the wire can have this source"
SEEN_BEFORE = "ignored: another interface has seen it already"

GOES_ON = "signed knock, to be verified"
DISCARDED = {
    Why.UNKNOWN_KEY: "signed knock of no known key",
    Why.REPEATED: "signed knock that came before",
    Why.TOO_MANY: "signed knock, one of too many",
}
"""What becomes of a packet to a port of signed knocks."""


class Frames(NamedTuple):
    """One read of a capture: the bytes, a record for each frame, the link type."""

    data: bytes
    records: bytes
    linktype: int


class Origin(NamedTuple):
    """The interface that frames came in by.

    ``local`` are the packed addresses that count there, ``own`` those of this host, which are no packet's
    source; None at the loopback, where they are. ``passed`` are the packets that another packet
    process has judged.
    """

    interface: int
    local: frozenset[bytes]
    own: frozenset[bytes] | None = None
    passed: Passed = Passed()


class Judged(NamedTuple):
    """An event, and the kernel's stamp of its packet in microseconds since the epoch."""

    event: Event | SignedEvent
    stamp: int


class Session:
    """Judges batches. Times are in seconds of a steady clock.

    Without signed knocks it has no code of theirs: that is imported with the first ``set_signed``.

    The caller's loop calls ``refill_limits``, then ``judge`` with a batch of each interface, then
    ``expire_attempts``. ``slack`` is how much longer one packet may wait in the ring than another.
    """

    def __init__(
        self,
        watches: Iterable[Watch],
        *,
        max_attempts: int = MAX_ATTEMPTS,
        slack: float = 0.0,
        ipv6: bool = True,
        interfaces: int = 1,
        limited: bool = True,
    ) -> None:
        """``interfaces`` is how many there are: what two of them see is one packet.

        ``limited``: events that strangers cause have a limit, as their lines in a log.
        """
        self._sightings = Sightings() if interfaces > 1 else None
        self._slack = slack
        self._ipv6 = ipv6
        self._strangers = TokenBucket() if limited else TokenBucket(burst=UNLIMITED)
        self._knockers = TokenBucket() if limited else TokenBucket(burst=UNLIMITED)
        self._judged = 0.0
        self._signed: SignedPackets | None = None
        self._matcher = Matcher(
            watches,
            max_attempts=max_attempts,
            slack=slack,
            strangers=self._strangers,
            knockers=self._knockers,
        )

    def set_watches(self, watches: Iterable[Watch], now: float) -> None:
        """Replaces all watches; attempts at those that stay go on."""
        self._matcher.set_watches(watches, now)

    def set_signed(self, watch: SignedWatch) -> None:
        """Takes other ports and minutes of signed knocks; attempts are not touched."""
        if self._signed is None:
            from knockd.knocks.signed_packets import SignedPackets

            self._signed = SignedPackets()
        self._signed.set_watch(watch)

    def refill_limits(self, now: float) -> None:
        """Adds what the limits of events allow since the last call."""
        self._strangers.refill(now)
        self._knockers.refill(now)

    def judge(
        self,
        frames: Frames,
        origin: Origin,
        now: float,
        offset: float,
        on_packet: Callable[[int, str], None] | None = None,
    ) -> Iterator[Judged]:
        """Judges the frames of an interface; the caller takes all events.

        ``offset`` is our clock less the clock of the stamps. ``on_packet`` is called with the index of
        each packet's record before the packet is judged, and with why it is not, or what becomes of it as a
        signed knock.
        """
        decoder = decoder_for(frames.linktype)
        if decoder is None:
            return
        floor = max(self._judged, now - MAX_LAG)
        arrivals = times(frames.records, now, floor, offset, self._slack)
        batch = read_batch(decoder, frames.data, frames.records, ipv6=self._ipv6)
        batch = batch.without(origin.passed.places(frames.records))
        packets = self._find_signed(frames, batch, origin.local)
        ignored = self._find_ignored(batch, origin, frames.records, packets)
        heard = batch.without(ignored)
        found: Iterable[tuple[int, Event | SignedEvent]]
        if on_packet is None:
            found = self._matcher.feed_batch(heard, origin.local, arrivals)
            if self._signed is not None:
                found = chain(found, self._signed.judge(heard, packets, origin.local, now, self._strangers))
        else:
            signed = {}
            if self._signed is not None:
                everything = TokenBucket(burst=UNLIMITED)
                signed = dict(self._signed.judge(heard, packets, origin.local, now, everything))
            found = self._each(batch, ignored, signed, origin.local, arrivals, on_packet)
        for place, event in found:
            yield Judged(event, stamp(frames.records, place))
        if arrivals:
            self._judged = max(self._judged, arrivals[-1])

    def pass_over(self, frames: Frames, origin: Origin) -> None:
        """Remembers the packets that another packet process has judged: other interfaces may see them too."""
        decoder = decoder_for(frames.linktype)
        if decoder is None or self._sightings is None:
            return
        batch = read_batch(decoder, frames.data, frames.records, ipv6=self._ipv6)
        judged = origin.passed.places(frames.records)
        rest = batch.without({*range(batch.size)} - judged)
        packets = self._find_signed(frames, rest, origin.local)
        self._sightings.find_duplicates(origin.interface, rest, frames.records, packets)

    @property
    def tally(self) -> Tally:
        """How many events there were since the start, also those that were held back."""
        return self._matcher.tally

    def count_attempts(self) -> int:
        """How many attempts are under way."""
        return self._matcher.count_attempts()

    def find_attempts(self, now: float, most: int) -> list[Underway]:
        """Up to ``most`` of them, the foremost of the youngest first."""
        return self._matcher.find_attempts(now, most)

    def export_attempts(self) -> Iterator[Attempt]:
        """All that is remembered of sources, for the packet process that takes over."""
        return self._matcher.export_attempts()

    def import_attempts(self, attempts: Iterable[Attempt], now: float) -> None:
        """Takes that over, before the first batch."""
        self._matcher.import_attempts(attempts, now)

    def _find_signed(self, frames: Frames, batch: Batch, local: frozenset[bytes]) -> Mapping[int, bytes]:
        """The packets that may be signed knocks, by their places."""
        if self._signed is None:
            return {}
        return self._signed.find(frames.linktype, frames.data, frames.records, batch, local)

    def _find_ignored(
        self, batch: Batch, origin: Origin, records: bytes, packets: Mapping[int, bytes]
    ) -> dict[int, str]:
        """The places of packets that are not judged, and why; ``packets`` may be signed knocks."""
        ignored: dict[int, str] = {}
        if self._sightings is not None:
            places = self._sightings.find_duplicates(origin.interface, batch, records, packets)
            ignored = dict.fromkeys(places, SEEN_BEFORE)
        if origin.own is not None:
            ignored.update(dict.fromkeys(find_impossible(batch, origin.own), IMPOSSIBLE))
        return ignored

    def _each(
        self,
        batch: Batch,
        ignored: Mapping[int, str],
        signed: Mapping[int, SignedEvent],
        local: frozenset[bytes],
        arrivals: list[float],
        on_packet: Callable[[int, str], None],
    ) -> Iterator[tuple[int, Event | SignedEvent]]:
        """Judges packet by packet."""
        for place, packet in sorted(batch.packets().items()):
            it = signed.get(place)
            on_packet(place, ignored.get(place, "") if it is None else _describe(it))
            if place not in ignored:
                for event in self._matcher.feed(packet, local, arrivals[place]):
                    yield place, event
                if it is not None and (not isinstance(it, Discarded) or self._strangers.take()):
                    yield place, it

    def expire_attempts(self, now: float, *, drained: bool) -> list[Event]:
        """Ends attempts older than Seq_Timeout and returns the events.

        Does nothing unless ``drained``: a frame that is left in a ring may be the next step of an attempt.
        """
        if not drained:
            return []
        self._judged = now
        return self._matcher.expire(now)

    def next_expiry(self) -> float | None:
        """When ``expire_attempts`` has something to do at the earliest; None: nothing is pending."""
        return self._matcher.next_expiry()

    @property
    def holds_back(self) -> bool:
        """Whether events were held back that ``take_held`` has not returned yet."""
        return self._strangers.holds_back or self._knockers.holds_back

    def take_held(self) -> int:
        """How many events were held back since the last call; 0 while the limits hold back more."""
        return self._strangers.take_held() + self._knockers.take_held()


def _describe(event: SignedEvent) -> str:
    return DISCARDED[Why(event.why)] if isinstance(event, Discarded) else GOES_ON
