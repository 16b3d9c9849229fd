"""The keeper's judgement of signed knocks with real keys and signatures, and no files, clock or limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import gmtime, strftime

from knockd.signed.judge import Ask, Ground, LiveMinute, Ruling, judge_packet
from knockd.signed.known_keys import KnownKeys
from knockd.signed.live_minutes import find_live
from knockd.signed.local_time import local_seconds
from knockd.signed.signature import is_right
from knockd.signed.signed_answers import FileAnswer
from knockd.signed.values import Arrival, Granted, Reason, Verdict
from knockd_conf.authorized_keys import parse_authorized_keys
from knockd_conf.model import Door
from knockd_conf.signed_packet import MinuteKeys, derive_host, derive_minute, nonce_of, select_door

PATH = "/etc/knockd/authorized_keys"

WORDS = {
    Reason.MINUTE: "minute",
    Reason.KEY: "key",
    Reason.MALFORMED: "malformed",
    Reason.DOOR: "door",
    Reason.DOORS: "key-doors",
    Reason.KEY_EXPIRED: "key-expired",
    Reason.FROM: "key-from",
    Reason.ACCESS: "access",
    Reason.TARGET: "target",
    Reason.DOOR_EXPIRED: "door-expired",
    Reason.BOUND: "bound",
    Reason.REPEATED: "repeated",
    Reason.TOUCH: "touch",
    Reason.SIGNATURE: "signature",
    Reason.NOTHING_OPEN: "nothing-open",
}
"""The words of the specification for what a packet is refused as."""


class JudgedServer:
    """A server that has these doors and files of keys. Times are in seconds since the epoch.

    ``checked`` is how many signatures were looked at.
    """

    def __init__(self, secret: bytes, doors: Sequence[Door], files: Mapping[str, Iterable[str]]) -> None:
        self.checked = 0
        self._secret, self._host = secret, derive_host(secret)
        self._doors = {(door.signed_port or 0, select_door(door.name)): door for door in doors}
        self.keys = KnownKeys(tuple(files))
        self.keys.take([_read(lines) for lines in files.values()])
        self._minutes: dict[int, LiveMinute] = {}
        self._used: set[tuple[int, bytes, bytes]] = set()
        self._ask = Ask(
            lambda *one: one in self._used, lambda _: False, lambda _: True, self._check, _is_past
        )

    def judge(
        self, now: float, packet: bytes, source: bytes, destination: bytes = b"", port: int = 47_811
    ) -> Verdict:
        """What becomes of a packet; one that is granted has counted then."""
        return self.rule(now, Arrival(source, destination, port, packet)).verdict

    def rule(self, now: float, arrival: Arrival) -> Ruling:
        """The same, with the minute that it was made for."""
        minutes = [self._derive(minute) for minute in find_live(now)]
        ruling = judge_packet(arrival, Ground(now, self._host, minutes, self._doors, self.keys), self._ask)
        if isinstance(ruling.verdict, Granted):
            self._used.add((ruling.minute, ruling.verdict.key.public, nonce_of(arrival.packet)))
        return ruling

    def live(self, now: float) -> list[LiveMinute]:
        """The minutes that are live, and what their keys are known by."""
        return [self._derive(minute) for minute in find_live(now)]

    def _derive(self, minute: int) -> LiveMinute:
        if minute not in self._minutes:
            if len(self._minutes) > 64:
                self._minutes.clear()
                self._used.clear()
            keys = MinuteKeys(minute, derive_minute(self._secret, minute))
            hints = {keys.hint_of(public): public for public in self.keys.publics}
            self._minutes[minute] = LiveMinute(keys, hints)
        return self._minutes[minute]

    def _check(self, public: bytes, signed: bytes, signature: bytes) -> bool:
        self.checked += 1
        return is_right(public, signed, signature)


def _is_past(door: Door, now: float) -> bool:
    """Whether a door's last day is over, by UTC."""
    return door.has_expired(strftime("%Y-%m-%d", gmtime(now)))


def _read(lines: Iterable[str]) -> FileAnswer:
    text = "".join(f"{line}\n" for line in lines)
    return FileAnswer(*parse_authorized_keys(text.encode(), local_seconds))
