"""Signed knocks: what is said of a packet becomes an opening, a renewal, a close, or a line of the log.

The packet process is believed nothing: it hands over whole packets, and what it has found out itself only
becomes a line.

Pure.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from knockd.keeper.duplicates import Duplicates
from knockd.keeper.fleet_setup import Burnt, FleetSetup
from knockd.keeper.signed_setup import SignedSetup
from knockd.knocks.events import Discarded, Why
from knockd.leases.manager import LeaseManager
from knockd.leases.opened_by import by_signature, show_comment
from knockd.leases.values import Knock
from knockd.log.logger import Log
from knockd.process.verbs import Signed
from knockd.signed.values import Arrival, Granted, Reason, Refused
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.signed_packet import Verb, nonce_of
from knockd_conf.text import address_text

CLOSED: Final = "its key has closed it"
"""Why a knock is refused that would have opened again what is closed."""

REMEMBERED: Final = 600
"""Seconds for which a fleet remembers a nonce: longer than any clock takes its minute to be live."""

_REASONS: Final = {
    Why.UNKNOWN_KEY: Reason.KEY,
    Why.REPEATED: Reason.REPEATED,
    Why.TOO_MANY: Reason.TOO_MANY,
}


class SignedKnocks:
    """``setup`` judges packets, ``fleet`` admits them, ``leases`` open, renew and close what is granted."""

    def __init__(self, log: Log, setup: SignedSetup, leases: LeaseManager, fleet: FleetSetup) -> None:
        self._log, self._setup, self._leases, self._fleet = log, setup, leases, fleet
        self._duplicates = Duplicates()

    def take_over(self) -> None:
        """Another packet process is heard from now on."""
        self._duplicates.change()

    def hear(self, message: Signed, interface: str, *, changing: bool, failures: bool) -> None:
        """Acts on a packet that came in at an interface.

        ``changing``: the next packet process is starting and may see it too; ``failures``: Log_Failures.
        """
        packet = message.packet.hex()
        if self._duplicates.seen(packet, message.source, message.stamp):
            return
        if changing:
            self._duplicates.remember(packet, message.source, message.stamp)
        port = message.port & 0xFFFF
        arrival = Arrival(message.source, message.destination, port, message.packet, message.stamp)
        verdict = self._setup.get().judge(arrival)
        if isinstance(verdict, Refused):
            self._refuse(arrival.source, verdict, failures=failures)
            return
        burnt = Burnt(f"signed {verdict.key.fingerprint} {nonce_of(arrival.packet).hex()}", REMEMBERED)
        then = partial(self._go_on, verdict, arrival, interface, failures)
        self._fleet.admit(verdict.door, burnt, then)

    def _go_on(
        self, granted: Granted, arrival: Arrival, interface: str, failures: bool, refused: str | None
    ) -> None:
        """Does what a packet asks for, unless the fleet has ``refused`` it."""
        if refused is not None:
            ip = address_text(arrival.source)
            self._setup.lines.log("refused", ip=ip, door=granted.door.name, reason=refused)
        elif (nothing := self._act(granted, arrival, interface)) is not None:
            self._refuse(arrival.source, nothing, failures=failures)

    def discard(self, message: Discarded, *, failures: bool) -> None:
        """Logs why the packet process has not handed a packet over."""
        self._refuse(message.source, Refused(_REASONS[Why(message.why)]), failures=failures)

    def _act(self, granted: Granted, arrival: Arrival, interface: str) -> Refused | None:
        """Does what a packet asks for; returns why not, where there is nothing to be done."""
        door, verb, key = granted
        fields = {
            "ip": address_text(arrival.source),
            "door": door.name,
            "key": show_comment(key.comment),
            "fingerprint": key.fingerprint,
        }
        knock = _knock_of(granted, arrival, interface)
        if verb is Verb.OPEN:

            def log_granted() -> None:
                self._log("open", ip=knock.source, door=door.name, key=fields["key"])
                self._log("signed-opened", **fields)

            self._leases.open(knock, granted=log_granted)
            return None
        if verb is Verb.RENEW and self._leases.ask.may_renew(knock):
            self._log("signed-renewed", **fields)
            self._leases.renew(knock)
            return None
        if verb is Verb.CLOSE and (own := self._leases.ask.find_opened_by(door, key.fingerprint)):
            self._log("signed-closed", **fields)
            self._leases.close_leases(own, CLOSED)
            return None
        return Refused(Reason.NOTHING_OPEN, door, key)

    def _refuse(self, source: bytes, refused: Refused, *, failures: bool) -> None:
        reason, door, key = refused
        self._setup.refused[reason.name.lower()] += 1
        if not failures:
            return
        fields = {"ip": address_text(source), "reason": reason.value, **_describe(key)}
        if door is None:
            self._setup.lines.log("signed-unread", **fields)
        else:
            self._setup.lines.log("signed-refused", door=door.name, **fields)


def _knock_of(granted: Granted, arrival: Arrival, interface: str) -> Knock:
    """What the commands of an opened door are run with."""
    return Knock(
        door=granted.door,
        source=address_text(arrival.source),
        version=4 if len(arrival.source) == 4 else 6,
        destination=address_text(arrival.destination),
        interface=interface,
        by=by_signature(granted.key.comment, granted.key.fingerprint),
    )


def _describe(key: AuthorizedKey | None) -> dict[str, str]:
    """The key as a line has it that may not be its own."""
    if key is None:
        return {"key": "", "fingerprint": ""}
    return {"key": show_comment(key.comment), "fingerprint": key.fingerprint}
