"""A capture judged frame by frame as the daemon would: the kernel's filter, then the daemon's own session.

The caller gives frames and, if it likes, an observer that is told of each.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from knockd.knocks.batch import RECORD
from knockd.knocks.decode import decoder_for
from knockd.knocks.events import Discarded, Event, Opened, SignedPacket, Stale
from knockd.knocks.kernel_view import Shown, is_outgoing, show_frame, show_in_vlan
from knockd.knocks.prefilter import SNAPLEN, prefilter
from knockd.knocks.session import IMPOSSIBLE, SEEN_BEFORE, Frames, Origin, Session
from knockd.knocks.watch import Watch
from knockd.replay.clock import CaptureClock
from knockd.replay.counts import Counts, is_cut
from knockd.replay.kinds import Kind, find_payload_ports, kind_of
from knockd.replay.rotating import RotatingWatches
from knockd.replay.signed_hearing import SignedHearer, SignedHearing
from knockd.replay.signed_times import SignedTimes
from knockd.replay.sources import Source, Sources
from knockd.replay.targets import KnockPorts, fits_flags, is_kept_out
from knockd.sequences.live_periods import Fate
from knockd.worker.capture_file import Frame
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL2, PacketFields
from knockd_conf.classes import NamedTuple

MOST_INTERFACES = 8
"""Interfaces of a cooked capture that are told apart: by the rest of their index."""

MOST_IDLE = 65_536
"""Kinds of frames that need no second look."""


class Rules(NamedTuple):
    """What a capture is judged by.

    ``local`` are the packed addresses that count, ``own`` those that are no packet's source (None: at a
    loopback interface). ``slack`` is in seconds. ``vlan``: the interface is that of this VLAN. ``rotating``
    has the watches of the time that was moved to last, ``signed`` its minutes of signed knocks.
    """

    rotating: RotatingWatches
    signed: SignedTimes
    local: frozenset[bytes]
    own: frozenset[bytes] | None
    max_attempts: int
    slack: float
    ipv6: bool = True
    vlan: int | None = None

    @property
    def watches(self) -> Sequence[Watch]:
        """Those of the time that was moved to last."""
        return self.rotating.watches

    def move_to(self, stamp: int) -> bool:
        """Whether something else is watched at a stamp than at the last one."""
        moved = self.rotating.move_to(stamp)
        return self.signed.move_to(stamp) or moved


class Seen(NamedTuple):
    """A frame as its observer is told of it, before it is judged.

    ``number`` counts from 1, as capture tools do. ``linktype`` and ``frame`` are what the daemon would read,
    ``stamp`` is in microseconds since the epoch, ``now`` the time by which it is judged, in seconds of the
    capture's steady clock. ``passes``: the kernel's filter lets it through. ``here``: the interface has it,
    which has no frames of (other) VLANs and none that the host sent.
    """

    number: int
    linktype: int
    frame: bytes
    stamp: int
    now: float
    passes: bool
    here: bool


class Hearer(SignedHearer, Protocol):
    """Is told of whole knocks, with the number of the last frame and the steady time in microseconds.

    ``key`` is the name of the key that the sequence was made of; empty: of none.
    """

    def hear(self, event: Opened, packet: int, steady: int, key: str = "") -> None:
        """A knock that opens its door."""

    def hear_stale(self, event: Stale, packet: int, steady: int, key: str, why: str) -> None:
        """A knock whose time is over, or has not come, or that was used."""


class Player:
    """Judges frames of one link type in the order of the file."""

    def __init__(
        self,
        rules: Rules,
        linktype: int,
        clock: CaptureClock,
        sources: Sources,
        hearer: Hearer,
        observe: Callable[[Seen], None] | None = None,
    ) -> None:
        self.counts = Counts()
        self.clock = clock
        self._rules = rules
        self._linktype = linktype
        self._sources = sources
        self._hearer = hearer
        self._observe = observe
        self._current = Source()
        """The row of the packet that is being judged."""
        self._idle: set[Kind | None] = set()
        """Kinds of frames that the filter drops and that are for no knock port."""
        self._make_filter()
        self._signed = SignedHearing(rules.signed, self.counts, sources, hearer, rules.local)
        self._origin = Origin(0, rules.local, rules.own)
        self._session = Session(
            rules.watches,
            max_attempts=rules.max_attempts,
            slack=rules.slack,
            ipv6=rules.ipv6,
            interfaces=MOST_INTERFACES if linktype == DLT_LINUX_SLL2 else 1,
            limited=False,
        )
        if rules.signed.watch.ports:
            self._session.set_signed(rules.signed.watch)

    def play(self, frames: Iterable[Frame]) -> None:
        """Judges frames."""
        counts = self.counts
        for stamp, data, _ in frames:
            counts.frames += 1
            counts.first = stamp if counts.first is None else counts.first
            counts.last = stamp
            steady = self.clock.advance(counts.frames, stamp)
            if self._rules.move_to(stamp):
                self._take_watches(steady)
            self._play(data[: SNAPLEN + 4], stamp, steady)  # libpcap puts a tag back into what was cut

    def finish(self) -> None:
        """Ends what has grown too old by the end of the capture."""
        self._expire(self.clock.latest)

    def _make_filter(self) -> None:
        rules = self._rules
        self._ports = KnockPorts(rules.watches, rules.signed.watch.ports)
        made = prefilter(rules.watches, rules.local, DLT_EN10MB, ipv6=rules.ipv6, signed=rules.signed.watch)
        self._program = made.fitted.program.instructions
        self._payload_ports = find_payload_ports(made.fitted.term)
        self._idle.clear()

    def _take_watches(self, steady: int) -> None:
        """Judges by other watches from now on."""
        self._expire(steady)
        self._session.set_watches(self._rules.watches, steady / 1e6)
        if self._rules.signed.watch.ports:
            self._session.set_signed(self._rules.signed.watch)
        self._make_filter()

    def _play(self, data: bytes, stamp: int, steady: int) -> None:
        shown = show_frame(self._linktype, data)
        here = True
        if is_outgoing(self._linktype, data):
            self.counts.outgoing += 1
            here = False
        elif self._rules.vlan is not None:
            here = shown.vlan == self._rules.vlan
            shown = show_in_vlan(shown) if here else shown
        kind = None if shown.vlan else kind_of(shown.filtered, self._payload_ports)
        idle = kind in self._idle
        passes = here and not idle and run_program(self._program, shown.filtered).verdict > 0
        if self._observe is not None:
            seen = Seen(
                self.counts.frames, shown.linktype, shown.frame, stamp, steady / 1e6, passes=passes, here=here
            )
            self._observe(seen)
        if passes:
            self.counts.passed += 1
            self._judge(shown, stamp, steady)
        elif here and not idle:
            self._count_dropped(shown, kind, stamp)
        if shown.vlan:
            self.counts.count_tagged(shown, self._ports)

    def _judge(self, shown: Shown, stamp: int, steady: int) -> None:
        """Judges what the filter lets through at the time of its stamp."""
        self._expire(steady)
        seconds, rest = divmod(stamp, 1_000_000)
        seconds &= 0xFFFFFFFF
        records = RECORD.pack(seconds, rest, 0, len(shown.frame))
        frames = Frames(shown.frame, records, shown.linktype)
        now = steady / 1e6
        decoder = decoder_for(shown.linktype)
        packet = decoder(shown.frame, 0, len(shown.frame)) if decoder else None
        if packet is not None:
            self._count_packet(packet)
        else:
            self.counts.cut += is_cut(shown)
        if shown.linktype == DLT_LINUX_SLL2:  # of tcpdump -i any: a bridge and its port may see one packet
            interface = int.from_bytes(shown.frame[4:8], "big") % MOST_INTERFACES
            self._origin = self._origin._replace(interface=interface)
        judged = self._session.judge(
            frames, self._origin, now, now - (seconds + rest / 1e6), self._note_ignored
        )
        before = self._rules.watches
        for event, _ in judged:
            if isinstance(event, SignedPacket | Discarded):
                self._signed.take(event, stamp, self.counts.frames, steady)
            else:
                self._take_event(event, stamp, steady)
        if self._rules.watches is not before:
            self._take_watches(steady)

    def _take_event(self, event: Event, stamp: int, steady: int) -> None:
        heard = None
        if isinstance(event, Opened | Stale) and event.serial:
            heard = self._rules.rotating.judge(event.door, event.serial, stamp)
        if isinstance(event, Opened) and (heard is None or heard.fate is Fate.GRANTED):
            self._hearer.hear(event, self.counts.frames, steady, "" if heard is None else heard.key)
        elif heard is not None and isinstance(event, Opened | Stale):
            stale = Stale(event.door, event.source, event.serial)
            self._hearer.hear_stale(stale, self.counts.frames, steady, heard.key, heard.why)
            self._sources.note_stale(stale, heard.why)
            return
        self._sources.count_event(event)

    def _expire(self, steady: int) -> None:
        due = self._session.next_expiry()
        if due is not None and due <= steady / 1e6:
            for event in self._session.expire_attempts(steady / 1e6, drained=True):
                self._sources.count_event(event)

    def _count_packet(self, packet: PacketFields) -> None:
        self.counts.packets += 1
        row = self._sources.find(packet[0])
        row.packets += 1
        self._current = row
        if is_kept_out([*self._ports.watches_at(packet), *self._ports.signed_at(packet)], packet):
            self._count_kept_out(row)

    def _count_kept_out(self, row: Source) -> None:
        self.counts.kept_out += 1
        row.reason = "Allow or Deny keeps its address out"

    def _note_ignored(self, _place: int, why: str) -> None:
        if why == SEEN_BEFORE:
            self.counts.duplicates += 1
        elif why == IMPOSSIBLE:
            self.counts.impossible += 1
            self._current.impossible += 1

    def _count_dropped(self, shown: Shown, kind: Kind | None, stamp: int) -> None:
        """Says of a packet to a knock port why the filter drops it."""
        decoder = decoder_for(shown.linktype)
        packet = decoder(shown.frame, 0, len(shown.frame)) if decoder else None
        if packet is None:
            self.counts.cut += is_cut(shown)
            return
        watches, signed = self._ports.watches_at(packet), self._ports.signed_at(packet)
        if not watches and not signed:
            if kind is not None and len(self._idle) < MOST_IDLE:
                self._idle.add(kind)
            return
        if len(packet[0]) == 16 and not self._rules.ipv6:
            return
        row = self._sources.find(packet[0])
        row.dropped += 1
        if is_kept_out([*watches, *signed], packet):
            self._count_kept_out(row)
        elif signed:
            row.reason = self._signed.explain_drop(shown, packet, signed, stamp)
        elif any(packet[1] in (watch.target or self._rules.local) for watch in watches):
            self.counts.wrong_flags += 1
            row.reason = "its flags are none that the door asks for"
        elif any(fits_flags(watch, packet) for watch in watches):
            self.counts.count_elsewhere(packet[1])
            row.reason = "it knocked at an address that is not watched"
