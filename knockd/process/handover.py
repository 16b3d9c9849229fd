"""What a packet process hands to the one that takes over: what it has judged, attempts, ignored sources.

It goes from one to the other, past the keeper, in messages of a socket pair that keeps message bounds. A
message is a byte for its kind and then stamps of an interface, or attempts; whatever else comes is
malformed.

Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite

from knockd.knocks.events import Attempt
from knockd.process.verbs import MalformedError
from knockd_conf.classes import NamedTuple
from knockd_conf.model import MAX_STEPS
from knockd_conf.text import decoded, encoded

MOST_STAMPS = 8_192
"""Stamps of an interface at most: the latest."""

MOST_IN_ONE = 1_024
"""Attempts in one message at most."""

_STAMPS, _ATTEMPTS = b"S", b"A"
_NAME = struct.Struct("=B")
"""Length of the interface's name, which comes next."""

_STAMP = struct.Struct("=Q")
_ATTEMPT = struct.Struct("=qdBB16s")
"""Of an attempt: watch, since, stage, length of the source's address, the address."""

MAX_HANDOVER = 1 + 256 + max(MOST_STAMPS * _STAMP.size, MOST_IN_ONE * _ATTEMPT.size)
"""Bytes that no message is longer than."""


class Stamps(NamedTuple):
    """The kernel's stamps of the latest packets judged of an interface, in microseconds since the epoch."""

    interface: str
    stamps: Sequence[int]


def encode_handover(stamps: Mapping[str, Sequence[int]], attempts: Iterable[Attempt]) -> Iterator[bytes]:
    """The messages: ``stamps`` by interface, at most MOST_STAMPS each, then the attempts."""
    for interface, its in stamps.items():
        name = encoded(interface)
        yield b"".join((_STAMPS, _NAME.pack(len(name)), name, *map(_STAMP.pack, its)))
    waiting = iter(attempts)
    while some := b"".join(
        _ATTEMPT.pack(one.watch, one.since, one.stage, len(one.source), one.source)
        for one in islice(waiting, MOST_IN_ONE)
    ):
        yield _ATTEMPTS + some


def decode_handover(message: bytes) -> Stamps | list[Attempt]:
    """What is in a message. Raises MalformedError."""
    kind, body = message[:1], message[1:]
    if kind == _STAMPS and body:
        begin = _NAME.size + body[0]
        if len(body) >= begin and not (len(body) - begin) % _STAMP.size:
            stamps = [stamp for (stamp,) in _STAMP.iter_unpack(body[begin:])]
            return Stamps(decoded(body[_NAME.size : begin]), stamps)
    if kind == _ATTEMPTS and not len(body) % _ATTEMPT.size:
        return [_attempt(*fields) for fields in _ATTEMPT.iter_unpack(body)]
    raise MalformedError(f"{len(message)} bytes of kind {kind!r}")


def _attempt(watch: int, since: float, stage: int, length: int, source: bytes) -> Attempt:
    if length not in {4, 16} or stage > MAX_STEPS or not isfinite(since):
        raise MalformedError(f"an attempt at stage {stage} of an address of {length} bytes since {since}")
    return Attempt(watch, source[:length], stage, since)
