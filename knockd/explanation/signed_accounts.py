"""What a packet to a port of signed knocks is: what it would do, or why it does nothing and what to change.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knockd.knocks.payloads import find_payload
from knockd.knocks.refusals import Cause
from knockd.knocks.signed_forms import find_misshape
from knockd.replay.outcome import show_key
from knockd.replay.signed_times import Elsewhen, SignedTimes, explain_time
from knockd.signed.values import Arrival, Granted, Reason, Refused, Verdict
from knockd_bpf.wire import Packet
from knockd_conf.classes import NamedTuple
from knockd_conf.signed_packet import MINUTE, Verb
from knockd_conf.text import address_text, printable

ELSEWHERE, WAITING, FOREIGN = "elsewhere", "waiting", "foreign"
"""Words beside those of reasons: for another address, nobody can judge it, for another host or days ago."""

_OPENS: Final = "opens"
_DOES: Final = {
    Verb.OPEN: "the door would open",
    Verb.RENEW: "what is open for its address would be renewed",
    Verb.CLOSE: "what this key has opened would be closed",
}

_CURES: Final[Mapping[Reason, str]] = {
    Reason.KEY: "let the key in (knockctl authorize FILE.pub), or have the client sign with one that is in"
    " (knock --identity)",
    Reason.MALFORMED: "look at the client: it is none of version 1 of signed knocks",
    Reason.DOOR: "compare the name of the door and the port that the client has with those here",
    Reason.DOORS: "name the door in knock-doors= of the key's line, or have the client sign with another key",
    Reason.KEY_EXPIRED: "change expiry-time= of the key's line",
    Reason.FROM: "knock from an address that from= of the key's line admits, or change that",
    Reason.ACCESS: "knock from an address that Allow and Deny of the door admit, or change them",
    Reason.TARGET: "send it to an address of the door's Target, or change that",
    Reason.DOOR_EXPIRED: "change Expires of the door",
    Reason.BOUND: "let the client bind no address (knock --bind none): a NAT changes the one that it has",
    Reason.REPEATED: "send a new one: each counts once",
    Reason.TOO_MANY: "send fewer of them: five in a second at most",
    Reason.TOUCH: "touch the hardware key when it signs, and use one that asks for it",
    Reason.SIGNATURE: "look at the client, and at who has the knock secret: its key has not signed this",
}
"""What to change. The clock of this host is no matter of a packet."""


class SignedAccount(NamedTuple):
    """A packet of the right form. ``door`` and ``key`` are empty where they are not known.

    ``word`` says in a word what it would do, or why it does nothing; ``cure`` is empty when it counts.
    ``arrival`` is what to judge it by.
    """

    word: str
    text: str
    door: str = ""
    key: str = ""
    cure: str = ""
    arrival: Arrival | None = None

    @property
    def counts(self) -> bool:
        """Whether it does something."""
        return not self.cure

    @property
    def opens(self) -> bool:
        """Whether it opens the door."""
        return self.word == _OPENS


class Misfit(NamedTuple):
    """A packet that has not the form of a signed knock."""

    cause: Cause
    reason: str


class SignedExplainer:
    """Judges the packets of one source by ``times``, and uses none of them up."""

    def __init__(self, times: SignedTimes) -> None:
        self._times = times
        self.ports = frozenset(one.port for one in times.watch.ports)

    def explain(
        self, linktype: int, frame: bytes, packet: Packet, stamp: int, local: frozenset[bytes]
    ) -> SignedAccount | Misfit:
        """What a packet to one of the ports is; ``local`` are the packed addresses that count."""
        found = find_misshape(linktype, frame)
        payload = find_payload(linktype, frame, 0, len(frame))
        if found is not None or payload is None:
            return Misfit(*(found or (Cause.MALFORMED, "no signed knock")))
        watched = self._find_watched(packet.port, local)
        if packet.destination not in watched:
            return _send_elsewhere(packet, watched)
        arrival = Arrival(packet.source, packet.destination, packet.port, payload, stamp)
        if self._times.is_waiting:
            return SignedAccount(
                WAITING,
                "does not count: no signed knock can be judged now",
                cure="see above what is left out, or whose clock was set back",
            )
        verdict = self._times.explain(arrival)
        if isinstance(verdict, Refused) and verdict.reason is Reason.MINUTE:
            return _tell_time(self._times.find_elsewhen(arrival))
        return _tell(verdict, arrival)

    def use(self, account: SignedAccount) -> None:
        """Uses a packet that counts, where nobody else judges the source."""
        if account.arrival is not None and account.counts:
            self._times.judge(account.arrival)

    def _find_watched(self, port: int, local: frozenset[bytes]) -> frozenset[bytes]:
        asking = [one for one in self._times.watch.ports if one.port == port]
        return frozenset(address for one in asking for address in (one.target or local))


def _send_elsewhere(packet: Packet, watched: frozenset[bytes]) -> SignedAccount:
    there = address_text(packet.destination)
    ours = sorted(address_text(one) for one in watched if len(one) == len(packet.destination))
    if not ours:
        return SignedAccount(
            ELSEWHERE,
            f"does not count: goes to {there}, which is not watched",
            cure=f"let the door watch it (Target = {there}), or where it is an address of the host that was"
            " captured at, name it with --local",
        )
    text = f"does not count: goes to {there}, not to {', '.join(ours[:4])}"
    return SignedAccount(ELSEWHERE, text, cure=f"send it to {ours[0]}, or watch {there} (Target = {there})")


def _tell(verdict: Verdict, arrival: Arrival) -> SignedAccount:
    door = "" if verdict.door is None else printable(verdict.door.name)
    key = "" if verdict.key is None else show_key(verdict.key)
    if isinstance(verdict, Granted):
        text = f"signed by {key}: {_DOES[verdict.verb]}"
        return SignedAccount(f"{verdict.verb.name.lower()}s", text, door, key, arrival=arrival)
    named = f" (key {key})" if key else ""
    return SignedAccount(
        _word_of(verdict.reason),
        f"a signed knock that does nothing{named}: {verdict.reason.value}",
        door,
        key,
        _CURES.get(verdict.reason, "wait until the clock of this host is trusted"),
    )


def _tell_time(elsewhen: Elsewhen | None) -> SignedAccount:
    why = explain_time(elsewhen)
    if elsewhen is None:
        cure = "compare the knock secret of the client with this host's (knockctl export), and the port"
        return SignedAccount(FOREIGN, f"does nothing: {why}", cure=cure)
    verdict = elsewhen.verdict
    door = "" if verdict.door is None else printable(verdict.door.name)
    key = "" if verdict.key is None else show_key(verdict.key)
    named = f" (key {key})" if key else ""
    more = ""
    if isinstance(verdict, Refused):
        more = f"; it would do nothing at its time, either: {verdict.reason.value}"
    late = f"{round(abs(elsewhen.ahead) / MINUTE)} minutes {'ahead' if elsewhen.ahead > 0 else 'behind'}"
    cure = f"set the clock of the client, which is about {late}, and let NTP keep it"
    return SignedAccount(_word_of(Reason.MINUTE), f"does nothing{named}: {why}{more}", door, key, cure)


def _word_of(reason: Reason) -> str:
    return reason.name.lower().replace("_", "-")
