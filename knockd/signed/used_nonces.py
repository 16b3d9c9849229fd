"""Which packets have counted, and who knocked last, in a record that outlives the daemon (key_record).

A note has up to 170 bytes, and of a packet 22 are left when the record is written anew. At most 50 count in
a second (limits), and each is kept for three minutes: 9,200 packets, 200 KB of the 1 MiB of a record.

Pure.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterator
from typing import Any, Final

from knockd.sequences.key_record import KeyRecord
from knockd.signed.live_minutes import find_unused, is_over
from knockd_conf.authorized_keys import MAX_KEYS, AuthorizedKey
from knockd_conf.hashes import hash_sha256

SIZE: Final = 16
"""Bytes by which key and nonce are noted."""

_NONCE, _NONCES, _KNOCKED = "nonce", "nonces", "knocked"


class UsedNonces:
    """The packets that ``record`` holds. Times are in seconds since the epoch."""

    def __init__(self, record: KeyRecord) -> None:
        self._record = record
        self._used: dict[int, set[bytes]] = {}
        self._last: dict[str, tuple[float, str]] = {}
        """By fingerprint; who knocked last is the last."""
        record.kinds.append(self)

    def has_counted(self, minute: int, public: bytes, nonce: bytes) -> bool:
        """Whether a packet of a key with this nonce has counted."""
        return _mark(public, nonce) in self._used.get(minute, ())

    def may_have_counted(self, minute: int) -> bool:
        """Whether packets of a minute may have counted before the start, of which nothing is known."""
        return minute < self.find_first()

    def find_first(self) -> int:
        """The first minute of which all that has counted is known."""
        return find_unused(self._record.floor)

    def use(self, minute: int, key: AuthorizedKey, nonce: bytes, source: str, now: float) -> None:
        """Notes that a packet counts, and where it came from; when this returns it survives a power cut.

        Where the note does not survive the log says so.
        """
        noted, mark = self._record.reach(now), _mark(key.public, nonce)
        if minute not in self._used:
            self._forget()
        self._add(minute, mark, noted, key.fingerprint, source)
        self._record.note([_NONCE, minute, _pack(mark), noted, key.fingerprint, source], lasting=True)

    def find_last(self, fingerprint: str) -> tuple[float, str] | None:
        """When a packet of a key counted last, and where it came from; None: none is known."""
        return self._last.get(fingerprint)

    def absorb(self, note: list[Any]) -> None:
        """Takes in a note of a packet, or of who knocked."""
        match note:
            case ["nonce", int(minute), str(mark), int() | float() as noted, str(fingerprint), str(source)]:
                for one in _unpack(mark):
                    self._add(minute, one, float(noted), fingerprint, source)
                self._record.reach(float(noted))
            case ["nonces", int(minute), str(marks)]:
                self._used.setdefault(minute, set()).update(_unpack(marks))
            case ["knocked", str(fingerprint), int() | float() as when, str(source)]:
                self._remember(fingerprint, float(when), source)

    def list_notes(self) -> Iterator[list[Any]]:
        """All that still counts."""
        self._forget()
        for minute, marks in self._used.items():
            yield [_NONCES, minute, _pack(b"".join(sorted(marks)))]
        for fingerprint, (when, source) in self._last.items():
            yield [_KNOCKED, fingerprint, when, source]

    def _forget(self) -> None:
        newest = self._record.newest
        self._used = {minute: marks for minute, marks in self._used.items() if not is_over(minute, newest)}

    def _add(self, minute: int, mark: bytes, when: float, fingerprint: str, source: str) -> None:
        self._used.setdefault(minute, set()).add(mark)
        self._remember(fingerprint, when, source)

    def _remember(self, fingerprint: str, when: float, source: str) -> None:
        if when < self._last.get(fingerprint, (0.0, ""))[0]:
            return
        self._last.pop(fingerprint, None)
        self._last[fingerprint] = when, source
        if (
            len(self._last) > MAX_KEYS
        ):  # the keys that are known are no more; who is struck out goes in the end
            del self._last[next(iter(self._last))]


def _mark(public: bytes, nonce: bytes) -> bytes:
    """What stands for key and nonce: somebody else's packet with the same nonce is another one."""
    return hash_sha256(public + nonce)[:SIZE]


def _pack(marks: bytes) -> str:
    return b2a_base64(marks, newline=False).decode()


def _unpack(packed: str) -> list[bytes]:
    """The marks of a note; none, if it is not one of ours."""
    try:
        data = a2b_base64(packed, strict_mode=True)
    except (Error, ValueError):
        return []
    return [] if len(data) % SIZE else [data[at : at + SIZE] for at in range(0, len(data), SIZE)]
