"""Packets at ports of signed knocks in a replay: what becomes of each, and why the filter drops one.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from knockd.knocks.events import Discarded, SignedEvent, Why
from knockd.knocks.kernel_view import Shown
from knockd.knocks.payloads import find_payload
from knockd.knocks.signed_forms import find_misshape
from knockd.knocks.signed_watch import SignedPort
from knockd.replay.counts import Counts
from knockd.replay.signed_times import SignedTimes, explain_time
from knockd.replay.sources import Sources
from knockd.signed.values import Arrival, Granted, Reason, Refused, Verdict
from knockd_bpf.wire import PacketFields
from knockd_conf.signed_packet import Verb

MOST_LOOKED: Final = 10_000
"""Tags of no live minute that are looked for in other times: each takes a millisecond."""

_REASONS: Final = {
    Why.UNKNOWN_KEY: Reason.KEY,
    Why.REPEATED: Reason.REPEATED,
    Why.TOO_MANY: Reason.TOO_MANY,
}


class SignedHearer(Protocol):
    """Is told of signed knocks, with the number of the last frame and the steady time in microseconds."""

    def hear_signed(self, arrival: Arrival, verdict: Verdict, packet: int, steady: int) -> Verdict:
        """A signed knock; returns the verdict, which is another one where it finds nothing to do."""


class SignedHearing:
    """``times`` says what packets are judged by; ``local`` are the packed addresses that count."""

    def __init__(
        self,
        times: SignedTimes,
        counts: Counts,
        sources: Sources,
        hearer: SignedHearer,
        local: frozenset[bytes],
    ) -> None:
        self._times, self._counts, self._sources = times, counts, sources
        self._hearer, self._local = hearer, local
        self._looked = 0

    def take(self, event: SignedEvent, stamp: int, number: int, steady: int) -> None:
        """Judges a packet that the packet process takes for one; ``number`` is that of its frame."""
        if isinstance(event, Discarded):
            self._counts.discarded += 1
            self._sources.note_refused(event.source, _REASONS[Why(event.why)].value)
            return
        port = event.port & 0xFFFF
        arrival = Arrival(event.source, event.destination, port, event.packet, stamp)
        verdict = self._hearer.hear_signed(arrival, self._times.judge(arrival), number, steady)
        if isinstance(verdict, Refused):
            self._sources.note_refused(event.source, verdict.reason.value)
        elif isinstance(verdict, Granted):
            self._sources.note_granted(event.source, opened=verdict.verb is Verb.OPEN)

    def explain_drop(
        self, shown: Shown, packet: PacketFields, ports: Sequence[SignedPort], stamp: int
    ) -> str:
        """Why the filter drops a packet to ports of signed knocks, of a source that may knock there."""
        source, destination, _, port, _ = packet
        if not any(destination in (one.target or self._local) for one in ports):
            self._counts.count_elsewhere(destination)
            return "it knocked at an address that is not watched"
        self._counts.unsigned += 1
        misshape = find_misshape(shown.linktype, shown.frame)
        if misshape is not None:
            return f"no signed knock: {misshape.reason}"
        payload = find_payload(shown.linktype, shown.frame, 0, len(shown.frame))
        if payload is None or self._times.is_waiting or self._looked >= MOST_LOOKED:
            return "no signed knock of then"
        self._looked += 1
        return explain_time(self._times.find_elsewhen(Arrival(source, destination, port, payload, stamp)))
