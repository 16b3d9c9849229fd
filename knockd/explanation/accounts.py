"""Frames to accounts: of each packet of one source that has to do with a door, what becomes of it and why.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from knockd.explanation.signed_accounts import Misfit, SignedAccount, SignedExplainer
from knockd.explanation.verdicts import KnownWatches, choose_verdicts
from knockd.knocks.addresses import find_impossible
from knockd.knocks.batch import Batch, grouped
from knockd.knocks.decode import decode
from knockd.knocks.explain import Explainer
from knockd.knocks.refusals import Cause, Refusal, find_refusal
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP, UDP, Packet
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol
from knockd_conf.text import printable

MOST_PORTS = 100
"""Ports of no door that are counted one by one."""

DUPLICATE, FILTERED, NO_IPV6, NOT_HERE = "seen-twice", "filtered", "no-ipv6", "not-here"
"""Causes beside those of refusals."""

_TEXTS = {
    Cause.SOURCE.value: "no packet off the wire can have this source, as it is this host's own or nobody's",
    FILTERED: "the kernel's filter drops it",
    NO_IPV6: "knockd does not listen to IPv6 here (-4)",
    NOT_HERE: "it is not of the VLAN that --vlan asks for",
}


_IN_FILTER = (Kind.ELSEWHERE, Kind.FLAGS, Kind.NOT_ADMITTED)
"""Why a packet counts nowhere, and the filter may drop it for the same reason."""


class Place(NamedTuple):
    """Where frames come in: the interface (empty: there is one), and the packed addresses that count there.

    ``own`` are those of this host, which are no packet's source; None at the loopback, where they are.
    """

    name: str
    local: frozenset[bytes]
    own: frozenset[bytes] | None = None


class Sighting(NamedTuple):
    """One frame as it came, in microseconds since the epoch and in seconds of a steady clock.

    ``passes``: the daemon's filter lets it through. ``seen_at``: another interface that has had it already.
    ``here``: the interface that is asked about has it; a capture file may hold frames of others.
    """

    linktype: int
    frame: bytes
    stamp: int
    now: float
    passes: bool
    seen_at: str = ""
    here: bool = True


class OfKey(NamedTuple):
    """The name of the key that a sequence is made of, and why it opens nothing; empty: it opens."""

    name: str = ""
    why: str = ""


TellKey = Callable[[Watch, int], OfKey]
"""A watch of a key, and a stamp, to what there is to say of it."""


class Account(NamedTuple):
    """A packet that has to do with a door. ``port`` is None where it cannot be read.

    ``why`` says why it counts nowhere, ``cause`` is a word for that; where both are empty ``verdicts`` say
    what it is at each door, and ``keys`` which key each of them is about.
    """

    place: Place
    sighting: Sighting
    since: float
    """Seconds since the first account."""
    destination: bytes | None
    protocol: int
    port: int | None
    flags: int
    cause: str
    why: str
    verdicts: tuple[Verdict, ...] = ()
    keys: tuple[OfKey, ...] = ()
    signed: SignedAccount | None = None
    """What it is as a signed knock, of a packet to such a port."""

    def key_of(self, verdict: Verdict) -> OfKey:
        """What there is to say of the key of one of the verdicts."""
        return self.keys[self.verdicts.index(verdict)]


class Listener:
    """Takes all frames, and keeps account of those of one source. ``slack`` is in seconds.

    The verdicts of its accounts are about ``known``, which grows. ``tell_key`` is asked of those of keys,
    ``signed`` of packets to its ports.
    """

    def __init__(
        self,
        source: bytes,
        watches: Sequence[Watch],
        *,
        slack: float = 0.0,
        ipv6: bool = True,
        tell_key: TellKey = lambda _watch, _stamp: OfKey(),
        signed: SignedExplainer | None = None,
    ) -> None:
        self.source = source
        self.packets = 0
        """Packets of the source, whatever they were."""
        self.other_ports: Counter[str] = Counter()
        """How many went to each port of no door, or were of another protocol."""
        self._explainer = Explainer(watches, slack=slack)
        self._watches = tuple(watches)
        self._ipv6 = ipv6
        self._tell_key = tell_key
        self._signed = signed
        self._known = KnownWatches(watches)
        self.known: Sequence[Watch] = self._known.list
        self._asked = self._find_asked()
        self._first: int | None = None

    def set_watches(self, watches: Sequence[Watch], now: float) -> None:
        """Other watches are in effect, at seconds of the steady clock."""
        self._explainer.set_watches(watches, now)
        self._watches = tuple(watches)
        self._asked = self._find_asked()

    def use_up(self, door: int) -> None:
        """Another source has opened a door: a sequence of it that can be used once is used."""
        for number, watch in enumerate(self._watches):
            if watch.door == door:
                self._explainer.use_up(number)

    def hear(self, sighting: Sighting, place: Place) -> Account | None:
        """The account of a frame; None: it is of another source, or has to do with no door."""
        packet = decode(sighting.linktype, sighting.frame)
        if packet is None:
            refusal = find_refusal(sighting.linktype, sighting.frame)
            if refusal is None or refusal.source != self.source:
                return None
            self.packets += 1
            return self._account_refusal(sighting, place, refusal)
        if packet.source != self.source:
            return None
        self.packets += 1
        step = Step(packet.port, Protocol(packet.protocol))
        if step not in self._asked:
            self._count(str(step))
            return None
        cause = self._find_cause(sighting, place, packet)
        if self._signed is not None and packet.protocol == UDP and packet.port in self._signed.ports:
            return self._account_signed(self._signed, sighting, place, packet, cause)
        verdicts: list[Verdict] = []
        if not cause:
            # What the filter drops reaches no door, so it must change nothing here.
            judge = self._explainer if sighting.passes else Explainer(self._watches)
            verdicts = [*choose_verdicts(judge.explain(packet, place.local, sighting.now), self._watches)]
            if not verdicts:
                self._count(str(step))
                return None
            if not sighting.passes and not all(one.kind in _IN_FILTER for one in verdicts):
                cause, verdicts = (NO_IPV6 if len(self.source) == 16 and not self._ipv6 else FILTERED), []
        _, destination, protocol, port, flags = packet
        return Account(
            place,
            sighting,
            self._since(sighting),
            destination,
            protocol,
            port,
            flags,
            cause,
            _explain_cause(cause, sighting) if cause else "",
            tuple(replace(one, watch=self._place_of(one)) for one in verdicts),
            tuple(self._tell_of(one, sighting) for one in verdicts),
        )

    def _account_signed(
        self, signed: SignedExplainer, sighting: Sighting, place: Place, packet: Packet, cause: str
    ) -> Account:
        """The account of a packet to a port of signed knocks."""
        cause = cause or (NO_IPV6 if len(self.source) == 16 and not self._ipv6 else "")
        why = _explain_cause(cause, sighting) if cause else ""
        found = None
        if not cause:
            told = signed.explain(sighting.linktype, sighting.frame, packet, sighting.stamp, place.local)
            if isinstance(told, Misfit):
                cause, why = told.cause.value, told.reason
            elif told.counts and not sighting.passes:
                cause, why = FILTERED, _TEXTS[FILTERED]
            else:
                found = told
        since = self._since(sighting)
        at = packet.destination, packet.protocol, packet.port, packet.flags
        return Account(place, sighting, since, *at, cause, why, signed=found)

    def _find_asked(self) -> set[Step]:
        """The ports that have to do with a door."""
        signed = frozenset() if self._signed is None else self._signed.ports
        return _find_ports(self._watches) | {Step(port, Protocol(UDP)) for port in signed}

    def _place_of(self, verdict: Verdict) -> int:
        return self._known.place_of(self._watches[verdict.watch], verdict.watch)

    def _tell_of(self, verdict: Verdict, sighting: Sighting) -> OfKey:
        watch = self._watches[verdict.watch]
        return self._tell_key(watch, sighting.stamp) if watch.key else OfKey()

    def _find_cause(self, sighting: Sighting, place: Place, packet: Packet) -> str:
        """Why the daemon does not judge a packet that it can read; empty when it does."""
        if not sighting.here:
            return NOT_HERE
        if sighting.seen_at:
            return DUPLICATE
        batch = Batch(1, grouped([(0, tuple(packet))]))  # type: ignore[list-item]
        if place.own is not None and any(True for _ in find_impossible(batch, place.own)):
            return Cause.SOURCE.value
        return ""

    def _account_refusal(self, sighting: Sighting, place: Place, refusal: Refusal) -> Account | None:
        reason, _, destination, protocol, port, cause = refusal
        if protocol not in (TCP, UDP):
            self._count(f"protocol {protocol}")
            return None
        if port is not None and (step := Step(port, Protocol(protocol))) not in self._asked:
            self._count(str(step))
            return None
        since = self._since(sighting)
        return Account(place, sighting, since, destination, protocol, port, 0, cause.value, reason)

    def _since(self, sighting: Sighting) -> float:
        self._first = sighting.stamp if self._first is None else self._first
        return (sighting.stamp - self._first) / 1e6

    def _count(self, what: str) -> None:
        if what in self.other_ports or len(self.other_ports) < MOST_PORTS:
            self.other_ports[what] += 1


def _explain_cause(cause: str, sighting: Sighting) -> str:
    """Why a packet that can be read counts nowhere."""
    return _TEXTS.get(cause, f"the same packet as at {printable(sighting.seen_at)}: it counts once")


def _find_ports(watches: Sequence[Watch]) -> set[Step]:
    """The ports that have to do with a door."""
    return {port for watch in watches if watch.steps for port in (*watch.steps, *watch.guards)}
