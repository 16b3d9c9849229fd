"""What becomes of packets: the verdicts of the specification, each row of the table, and their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from knockd.signed.judge import Ask, Ground, LiveMinute, judge_packet
from knockd.signed.known_keys import KnownKeys
from knockd.signed.live_minutes import find_live
from knockd.signed.signature import is_right
from knockd.signed.signed_answers import FileAnswer
from knockd.signed.values import Arrival, Granted, Reason, Refused, Verdict
from knockd_conf.access import Access, make_networks, network_of
from knockd_conf.authorized_keys import AuthorizedKey, parse_authorized_keys
from knockd_conf.expiry_time import utc_seconds
from knockd_conf.model import Door
from knockd_conf.signed_packet import MinuteKeys, Verb, derive_host, derive_minute, select_door
from tests.support.doubles.live_signed import ALICE, ANNE, BERT, BOB, NOON, NOW, SECRET, SERVER, TOKEN
from tests.support.doubles.signed import PATH, PORT, signed_door
from tests.support.samples.signed_vectors import KEYS, VERDICTS, read_page
from tests.support.samples.signed_vectors import Verdict as Published

SSH = signed_door()


@dataclass
class Court:
    """Doors and keys, and what has been before. ``looked``: how many signatures were looked at."""

    doors: tuple[Door, ...] = (SSH,)
    keys: tuple[AuthorizedKey, ...] = (ANNE.line(), BERT.line(), TOKEN.line())
    secret: bytes = SECRET
    now: float | None = NOON
    used: set[tuple[int, bytes, bytes]] = field(default_factory=set)
    before_start: int = 0
    taken: list[bytes] = field(default_factory=list)
    room: int = 1_000
    looked: int = 0
    past: frozenset[str] = frozenset()
    tag: bytes = b""
    """That of every minute; empty: each has its own."""

    def judge(
        self, packet: bytes, source: bytes = ALICE, destination: bytes = SERVER, port: int = PORT
    ) -> Verdict:
        """What becomes of a packet; what counts is used."""
        keys = KnownKeys((PATH,))
        keys.take([FileAnswer(self.keys)])
        minutes = [self._live(minute, keys) for minute in find_live(self.now or NOON)]
        doors = {(door.signed_port or 0, select_door(door.name)): door for door in self.doors}
        ground = Ground(self.now, derive_host(self.secret), minutes, doors, keys)
        verdict, minute = judge_packet(Arrival(source, destination, port, packet), ground, self._ask())
        if isinstance(verdict, Granted):
            self.used.add((minute, verdict.key.public, packet[12:28]))
        return verdict

    def reason(self, *given: Any, **more: Any) -> Reason | None:
        """Why a packet does nothing; None: it counts."""
        verdict = self.judge(*given, **more)
        return verdict.reason if isinstance(verdict, Refused) else None

    def _live(self, minute: int, keys: KnownKeys) -> LiveMinute:
        made = MinuteKeys(minute, derive_minute(self.secret, minute))
        made.tag = self.tag or made.tag
        return LiveMinute(made, {made.hint_of(public): public for public in keys.publics})

    def _ask(self) -> Ask:
        def take(source: bytes) -> bool:
            self.taken.append(source)
            return len(self.taken) <= self.room

        def look(public: bytes, signed: bytes, signature: bytes) -> bool:
            self.looked += 1
            return is_right(public, signed, signature)

        return Ask(
            lambda *one: one in self.used,
            lambda minute: minute < self.before_start,
            take,
            look,
            lambda door, _now: door.name in self.past,
        )


WORDS = {
    "minute": Reason.MINUTE,
    "key": Reason.KEY,
    "malformed": Reason.MALFORMED,
    "door": Reason.DOOR,
    "key-doors": Reason.DOORS,
    "key-expired": Reason.KEY_EXPIRED,
    "key-from": Reason.FROM,
    "access": Reason.ACCESS,
    "target": Reason.TARGET,
    "door-expired": Reason.DOOR_EXPIRED,
    "bound": Reason.BOUND,
    "repeated": Reason.REPEATED,
    "touch": Reason.TOUCH,
    "signature": Reason.SIGNATURE,
}


def published() -> Court:
    """The server of the specification."""
    server = read_page()["server"]
    read = parse_authorized_keys("\n".join(server["authorized_keys"]).encode(), utc_seconds)
    assert read.problems == ()
    doors = []
    for one in server["doors"]:
        nets = [make_networks(map(ip_network, one.get(word, ()))) for word in ("allow", "deny")]
        access = Access(*nets) if any(nets) else None
        target = tuple(map(ip_address, one.get("targets", ())))
        doors.append(signed_door(one["name"], signed_port=one["port"], access=access, target=target))
    past = frozenset(one["name"] for one in server["doors"] if one.get("expired"))
    return Court(tuple(doors), read.keys, bytes.fromhex(server["secret"]), past=past)


@pytest.mark.parametrize(
    "verdict", [one for one in VERDICTS if one.refused != "length"], ids=lambda verdict: verdict.name
)
def test_verdicts_of_the_specification(verdict: Published) -> None:
    """We come to each of them; packets of another length do not get as far."""
    court = published()
    court.now = float(verdict.seconds)
    source = ip_address(verdict.source).packed
    for packet in verdict.before:
        assert isinstance(court.judge(packet, source, port=verdict.port), Granted)
    to = ip_address(verdict.destination).packed
    found = court.judge(verdict.packet, source, to, verdict.port)
    if isinstance(found, Refused):
        assert found.reason is WORDS[str(verdict.refused)]
        return
    assert verdict.counts is not None
    assert KEYS[verdict.counts["key"]].public == found.key.public
    assert (found.verb.name.lower(), found.door.name) == (verdict.counts["verb"], verdict.counts["door"])


@pytest.mark.parametrize("verb", list(Verb))
def test_counts(verb: Verb) -> None:
    """What counts says for which door, of which key and what for; its signature was looked at once."""
    court = Court()
    assert court.judge(ANNE.knock(verb=verb)) == Granted(SSH, verb, ANNE.line())
    assert (court.looked, court.taken) == (1, [ALICE])


@pytest.mark.parametrize("bound", [ALICE, bytes.fromhex("20010db8") + bytes(12)])
def test_bound(bound: bytes) -> None:
    """A packet that is bound counts from its address."""
    assert Court().reason(ANNE.knock(bound=bound), bound) is None
    assert Court().reason(ANNE.knock(bound=bound), BOB) is Reason.BOUND


@pytest.mark.parametrize("minute", [NOW - 1, NOW, NOW + 1])
def test_live_minutes(minute: int) -> None:
    """Clocks may differ by a minute."""
    assert Court().reason(ANNE.knock(minute=minute)) is None


def test_hardware_key() -> None:
    """It counts if it was touched."""
    assert Court().reason(TOKEN.knock(flags=1)) is None
    assert Court().reason(TOKEN.knock(flags=5)) is None
    assert Court().reason(TOKEN.knock(flags=4)) is Reason.TOUCH
    assert Court().reason(TOKEN.knock(flags=4, sk_flags=1)) is Reason.SIGNATURE
    assert Court().reason(TOKEN.knock(flags=1, sk_counter=1)) is Reason.SIGNATURE


def test_no_hardware_key() -> None:
    """Flags that nobody has signed are not taken."""
    assert Court().reason(ANNE.knock(sk_flags=1)) is Reason.MALFORMED
    assert Court().reason(ANNE.knock(sk_counter=1)) is Reason.MALFORMED


def test_who_is_told() -> None:
    """The key is named as soon as it is known, and the door when it is."""
    line = ANNE.line()
    assert Court(now=None).judge(ANNE.knock()) == Refused(Reason.CLOCK)
    assert Court().judge(ANNE.knock(minute=NOW + 2)) == Refused(Reason.MINUTE)
    assert Court(keys=()).judge(ANNE.knock()) == Refused(Reason.KEY)
    assert Court().judge(ANNE.knock(verb=9)) == Refused(Reason.MALFORMED, None, line)  # type: ignore[arg-type]
    assert Court().judge(ANNE.knock(door="none")) == Refused(Reason.DOOR, None, line)
    assert Court(doors=(replace(SSH, authorized_keys="/other"),)).judge(ANNE.knock()) == Refused(
        Reason.DOORS, replace(SSH, authorized_keys="/other"), line
    )
    assert Court(past=frozenset({"ssh"})).judge(ANNE.knock()) == Refused(Reason.DOOR_EXPIRED, SSH, line)


NOBODY = Access(allow=(network_of(BOB, 32),))
KNOCK = ANNE.knock(bound=BOB, signature=bytes(64))
"""Bound to another address, and not signed."""


def _use(court: Court) -> None:
    for minute in (NOW - 1, NOW, NOW + 1):
        court.used |= {(minute, ANNE.public, b"n" * 16), (minute, TOKEN.public, b"n" * 16)}


CURES: tuple[tuple[Reason, Callable[[Court], None]], ...] = (
    (Reason.CLOCK, lambda court: setattr(court, "now", NOON)),
    (Reason.DOOR, lambda court: setattr(court, "doors", (_worst(court),))),
    (Reason.DOORS, lambda court: _change_key(court, doors=None)),
    (Reason.KEY_EXPIRED, lambda court: _change_key(court, expires=None)),
    (Reason.FROM, lambda court: _change_key(court, allow=())),
    (Reason.ACCESS, lambda court: _change_door(court, access=None)),
    (Reason.TARGET, lambda court: _change_door(court, target=())),
    (Reason.DOOR_EXPIRED, lambda court: setattr(court, "past", frozenset())),
)
"""Reasons in the order of the table, and what mends each of them."""


def _worst(_court: Court) -> Door:
    return replace(SSH, access=NOBODY, target=(ip_address("192.0.2.99"),))


def _change_key(court: Court, **fields: Any) -> None:
    court.keys = tuple(key._replace(**fields) for key in court.keys)


def _change_door(court: Court, **fields: Any) -> None:
    court.doors = tuple(replace(door, **fields) for door in court.doors)


def test_order_of_the_rows() -> None:
    """Where all is wrong the first row says it; what is mended leaves the next one, up to the last."""
    hopeless = ANNE.line(doors=("web",), expires=NOON - 1, allow=(network_of(BOB, 32),))
    court = Court(doors=(), keys=(hopeless,), now=None, past=frozenset({"ssh"}), before_start=NOW + 9, room=0)
    _use(court)
    for reason, mend in CURES:
        assert court.reason(KNOCK) is reason
        mend(court)
    assert court.reason(KNOCK) is Reason.BOUND
    assert court.taken == []
    knock = ANNE.knock(signature=bytes(64))
    assert court.reason(knock) is Reason.REPEATED
    court.used.clear()
    assert court.reason(knock) is Reason.BEFORE_START
    court.before_start = 0
    court.keys = (TOKEN.line(),)
    assert court.reason(TOKEN.knock()) is Reason.TOUCH
    assert court.taken == []
    assert court.reason(TOKEN.knock(flags=1, signature=bytes(64))) is Reason.TOO_MANY
    assert (court.taken, court.looked) == ([ALICE], 0)
    court.room = 9
    assert court.reason(TOKEN.knock(flags=1, signature=bytes(64))) is Reason.SIGNATURE
    assert court.looked == 1
    assert court.reason(TOKEN.knock(flags=1)) is None


def test_every_reason_is_met() -> None:
    """What the table says of packets is all that a packet is refused for; the rest is the keeper's."""
    met = {reason for reason, _ in CURES} | {*WORDS.values()}
    assert {*Reason} - met == {Reason.BEFORE_START, Reason.TOO_MANY, Reason.NOTHING_OPEN}


def test_target() -> None:
    """A door with a Target counts packets to it, whichever interface they came in by."""
    court = Court(doors=(replace(SSH, target=(ip_address(SERVER),)),))
    assert court.reason(ANNE.knock(), destination=BOB) is Reason.TARGET
    assert court.reason(ANNE.knock(), destination=SERVER) is None


@pytest.mark.parametrize("minute", [NOW - 1, NOW, NOW + 1])
def test_two_minutes_with_one_tag(minute: int) -> None:
    """The minute is found by the hint then."""
    court = Court(tag=b"same")
    assert court.reason(b"same" + ANNE.knock(minute=minute)[4:]) is None
    assert court.used == {(minute, ANNE.public, b"n" * 16)}
    assert court.reason(b"same" + bytes(120)) is Reason.KEY


def test_changed_bits() -> None:
    """Whatever is changed on the way, nobody is named that has not made the packet."""
    packet, court = ANNE.knock(), Court()
    for bit in range(len(packet) * 8):
        changed = (int.from_bytes(packet, "big") ^ 1 << bit).to_bytes(len(packet), "big")
        assert court.judge(changed) in (Refused(Reason.MINUTE), Refused(Reason.KEY))
    assert court.looked == 0
