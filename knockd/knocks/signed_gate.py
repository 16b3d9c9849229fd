"""Which packets to ports of signed knocks go on to the keeper, which alone can say whether they count.

    what comes                                         what becomes of it
    -------------------------------------------------  --------------------------------
    a packet whose tag is of no live minute            nothing
    one that has gone on before, unless it is bound    REPEATED
    to its source, and went on from another one
    one with the hint of no key                        UNKNOWN_KEY
    one whose source, or key, or all have used up      TOO_MANY; it may come again
    what they may send (``signed_limits``)
    any other                                          goes on, and is remembered

A copy is known by all of its bytes, before anything is computed of it: copies cost neither their key nor
anybody else a token. What has gone on is remembered as long as its minute is live, by this packet process: of
what one before it let through the keeper knows. A packet whose tag is that of two live minutes belongs to the
first one that knows its hint.

Whoever hears a packet that is bound to an address, and is quick, cannot keep it out by a copy from elsewhere.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from knockd.knocks.events import Why
from knockd.knocks.signed_limits import Limits
from knockd.knocks.signed_watch import SignedMinute
from knockd_conf.classes import NamedTuple
from knockd_conf.signed_packet import MinuteKeys, pack_bound
from knockd_conf.signed_sizes import TAG

MOST_SEEN = 12_288
"""Packets of a minute that are remembered; with one more all of them are forgotten. The limits let fewer pass
while it is live, and the keeper notes for itself what has counted."""


class Passed(NamedTuple):
    """A packet goes on; ``key`` is the place of its key in the hints of every minute."""

    key: int


Verdict = Passed | Why | None
"""None: nothing comes of it."""


class _Minute(NamedTuple):
    keys: MinuteKeys
    places: Mapping[bytes, int]
    seen: set[bytes]
    elsewhere: dict[bytes, bytes]
    """Packets that went on from another source than the one that they are bound to, as a request has it."""

    def remember(self, packet: bytes, source: bytes) -> None:
        """A packet goes on."""
        if len(self.seen) + len(self.elsewhere) >= MOST_SEEN:
            self.seen.clear()
            self.elsewhere.clear()
        request = self.keys.unmask(packet)
        if request.is_regular and request.bound and request.address != pack_bound(source):
            self.elsewhere[packet] = request.address
        else:
            self.seen.add(packet)


class Gate:
    """Judges packets of SIZE bytes. Times are in seconds of a steady clock.

    Its memory is bounded: by the keys, and by what the limits let pass while a minute is live.
    """

    def __init__(self) -> None:
        self._minutes: dict[tuple[int, bytes], _Minute] = {}
        self._by_tag: dict[bytes, tuple[_Minute, ...]] = {}
        self._limits = Limits()

    def set_minutes(self, minutes: Sequence[SignedMinute]) -> None:
        """Takes other live minutes. What is remembered of those that stay is kept, and what keys have had."""
        before = self._minutes
        had = {hint: place for minute in before.values() for hint, place in minute.places.items()}
        rows = [minute.hints for minute in minutes]
        count = max(map(len, rows), default=0)
        self._limits.set_keys(
            [
                next((had[row[place]] for row in rows if place < len(row) and row[place] in had), None)
                for place in range(count)
            ]
        )
        self._minutes = {}
        self._by_tag = {}
        for minute in minutes:
            name = minute.minute, minute.key
            same = before.get(name)
            keys = MinuteKeys(*name) if same is None else same.keys
            places = {hint: place for place, hint in enumerate(minute.hints)}
            seen = (set(), {}) if same is None else (same.seen, same.elsewhere)
            made = _Minute(keys, places, *seen)
            self._minutes[name] = made
            self._by_tag[minute.tag] = (*self._by_tag.get(minute.tag, ()), made)

    @property
    def tags(self) -> AbstractSet[bytes]:
        """What packets of live minutes begin with."""
        return self._by_tag.keys()

    def judge(self, source: bytes, packet: bytes, now: float) -> Verdict:
        """What becomes of a packet."""
        return self.judge_all((source,), (packet,), now)[0]

    def judge_all(self, sources: Sequence[bytes], packets: Sequence[bytes], now: float) -> list[Verdict]:
        """What becomes of many packets, of each minute in their order: a flood of them goes through here."""
        verdicts: list[Verdict] = [None] * len(packets)
        fresh: dict[bytes, list[int]] = {}
        by_tag = self._by_tag
        for place, packet in enumerate(packets):
            minutes = by_tag.get(packet[:TAG])
            if minutes is None:
                continue
            if _is_copy(minutes, packet, sources[place]):
                verdicts[place] = Why.REPEATED
            else:
                verdicts[place] = Why.UNKNOWN_KEY
                fresh.setdefault(packet[:TAG], []).append(place)
        for tag, places in fresh.items():
            for minute in by_tag[tag]:
                hints = minute.keys.unmask_hints([packets[place] for place in places])
                for place, key in zip(places, map(minute.places.get, hints), strict=True):
                    if key is not None:
                        verdicts[place] = self._let_through(minute, key, sources[place], packets[place], now)
        return verdicts

    def _let_through(
        self, minute: _Minute, key: int, source: bytes, packet: bytes, now: float
    ) -> Passed | Why:
        """What becomes of a packet of a known key."""
        if _is_copy((minute,), packet, source):  # of one just before it
            return Why.REPEATED
        if not self._limits.take(source, key, now):
            return Why.TOO_MANY
        minute.remember(packet, source)
        return Passed(key)


def _is_copy(minutes: Sequence[_Minute], packet: bytes, source: bytes) -> bool:
    """Whether a packet has gone on already, and need not again from this source."""
    for minute in minutes:
        if packet in minute.seen:
            return True
        bound = minute.elsewhere.get(packet) if minute.elsewhere else None
        if bound is not None and bound != pack_bound(source):
            return True
    return False
