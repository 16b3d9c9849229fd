"""Frames with signed knocks, and what a replay judges them by, without a child and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

from knockd.replay.signed_times import Means
from knockd.signed.local_time import local_seconds
from knockd.signed.signature import is_right
from knockd.signed.signed_answers import Answer, FileAnswer, SecretAnswer
from knockd.signed.values import Arrival
from knockd.worker.capture_file import Frame
from knockd_conf.authorized_keys import parse_authorized_keys
from knockd_conf.model import Door
from knockd_conf.signed_packet import MinuteKeys, derive_host, derive_minute
from tests.support.doubles.played import door
from tests.support.doubles.replays import ALICE, OURS, STAMP, on_link
from tests.support.oracles.make_signed_vectors import pack_address
from tests.support.oracles.signed_cases import KEYS, SECRET, TOUCHED
from tests.support.oracles.signed_model import VERBS, Knock, make_packet
from tests.support.samples.frames import UDP, ethernet, packet
from tests.support.samples.signed_vectors import KEYS as PUBLISHED

PORT = 47_811
PATH = "/etc/knockd/authorized_keys"
MINUTE = STAMP // 60_000_000
"""The minute of second 0: twenty seconds of it are over then."""

SSH = door(
    "", "ssh", signed_port=PORT, authorized_keys=PATH, start_command="open %IP%", stop_command="close %IP%"
)
"""A door that signed knocks alone open."""


class TellsMinutes:
    """Who has the secret, in this process. ``asked`` are the minutes that keys were asked for."""

    def __init__(self, secret: bytes = SECRET) -> None:
        self._secret = secret
        self.asked: list[int] = []
        self.ended = False

    def derive(self, minutes: range) -> Mapping[int, bytes]:
        """The keys of some minutes."""
        self.asked += minutes
        return {} if self.ended else {one: derive_minute(self._secret, one) for one in minutes}

    def find_minute(self, tag: bytes, near: int) -> int | None:
        """The nearest minute that has a tag, an hour away at most."""
        minutes = sorted(range(near - 60, near + 61), key=lambda minute: abs(minute - near))
        return next(
            (one for one in minutes if MinuteKeys(one, derive_minute(self._secret, one)).tag == tag), None
        )


def means_of(*lines: str, told: TellsMinutes | None = None) -> Means:
    """What is known of a host whose file has these lines; without any those of alice, bob and token."""
    chosen = lines or tuple(PUBLISHED[name].line for name in ("alice", "bob", "token"))
    text = "".join(f"{line}\n" for line in chosen)
    file = FileAnswer(*parse_authorized_keys(text.encode(), local_seconds))
    answer = Answer(SecretAnswer(derive_host(SECRET)), (file,))
    return Means(told or TellsMinutes(), answer, is_right, lambda one, _: bool(one.expires))


def signed_packet(
    key: str = "alice",
    name: str = "ssh",
    verb: str = "open",
    *,
    minute: int = 0,
    nonce: int = 1,
    bound: str = "",
    secret: bytes = SECRET,
    wrong: bool = False,
) -> bytes:
    """A packet; ``minute`` counts from MINUTE. ``wrong``: signed for another door."""
    knock = Knock(
        secret,
        KEYS[key],
        MINUTE + minute,
        bytes([nonce]) * 16,
        name,
        VERBS[verb],
        int(bool(bound)),
        pack_address(bound),
        0 if KEYS[key].application is None else TOUCHED,
    )
    signature = make_packet(replace(knock, door="other")).signature if wrong else None
    return make_packet(knock, signature).packet


def signed_frame(
    at: float, payload: bytes, source: str = ALICE, *, to: str = OURS, port: int = PORT
) -> Frame:
    """A datagram that came ``at`` seconds."""
    return on_link(at, ethernet(bytes(6), bytes(6), packet(source, to, port, UDP, payload=payload)))


def arrival(at: float, payload: bytes, source: str = ALICE, *, to: str = OURS, port: int = PORT) -> Arrival:
    """The same as the keeper gets it."""
    stamp = STAMP + round(at * 1e6)
    return Arrival(ip_address(source).packed, ip_address(to).packed, port, payload, stamp)


def signed_door(name: str, **values: object) -> Door:
    """Another door at the same port."""
    return replace(SSH, name=name, **values)  # type: ignore[arg-type]
