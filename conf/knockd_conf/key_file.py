"""The text of a key file to named keys, and what is wrong with it: docs/spec/rotating-sequence.md.

A line is ``NAME KEY``, perhaps with ``expires=YYYY-MM-DD`` behind; KEY is base64 of 32 bytes. Lines that
begin with ``#`` are comments. No message shows a line: it holds a secret. The client imports this file.

Pure.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.timed import KEY_BYTES

MAX_SIZE: Final = 65_536
"""Largest file, in bytes; callers read at most one byte more and let ``parse_keys`` refuse it."""

MAX_KEYS: Final = 32
MAX_PROBLEMS: Final = 20

_NAME: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@.-]{0,63}")
_DATE: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_SHORT_MONTHS: Final = (4, 6, 9, 11)
_EXPIRES: Final = "expires="


class NamedKey(NamedTuple):
    """A key and whose it is. ``expires`` is the last day on which it opens (YYYY-MM-DD), or empty."""

    name: str
    key: bytes
    expires: str = ""

    def __repr__(self) -> str:
        return f"NamedKey({self.name!r})"  # no traceback shows a key


class KeyFile(NamedTuple):
    """What a key file holds. Each problem is one sentence that begins with its line, without any key.

    ``keys`` is empty when there is a problem: nothing of such a file counts.
    """

    keys: tuple[NamedKey, ...]
    problems: tuple[str, ...]


def parse_keys(data: bytes) -> KeyFile:
    """Everything that the bytes of a file say; never raises."""
    if len(data) > MAX_SIZE:
        return KeyFile((), (f"expected at most {MAX_SIZE} bytes, got more",))
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        at = data.count(b"\n", 0, error.start) + 1
        return KeyFile((), (f"line {at}: expected ASCII characters only",))
    keys: dict[str, tuple[int, NamedKey]] = {}
    lines_of: dict[bytes, int] = {}
    problems: list[str] = []
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        try:
            found = _parse_line(line.strip(" \t\r"))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if found.name in keys:
            problems.append(
                f"line {number}: expected a name once, {found.name} is in line {keys[found.name][0]} too"
            )
        elif (line_of := lines_of.setdefault(found.key, number)) != number:
            # Both would have the same sequences: one that is used, and heard, would open by the other name.
            problems.append(
                f"line {number}: expected another key than that of line {line_of};"
                f" knockctl keygen makes one for {found.name}"
            )
        keys[found.name] = number, found
    if not problems and not keys:
        problems.append("expected a line NAME KEY, got none; knockctl keygen makes one")
    if len(keys) > MAX_KEYS:
        problems.append(f"expected at most {MAX_KEYS} keys, got {len(keys)}")
    if problems:
        left = len(problems) - MAX_PROBLEMS
        more = (f"and {left} more",) if left > 0 else ()
        return KeyFile((), (*problems[:MAX_PROBLEMS], *more))
    return KeyFile(tuple(key for _, key in keys.values()), ())


def format_key(key: NamedKey) -> str:
    """The line of a key, without a newline."""
    text = f"{key.name} {b2a_base64(key.key, newline=False).decode()}"
    return f"{text} {_EXPIRES}{key.expires}" if key.expires else text


def parse_name(text: str) -> str:
    """The name of a key. Raises ValueError."""
    if not _NAME.fullmatch(text):
        raise ValueError("expected a name of at most 64 letters, digits and _ @ . -")
    return text


def parse_key(text: str) -> bytes:
    """The bytes of a key in base64. Raises ValueError, which does not show the text."""
    try:
        key = a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise ValueError("expected a key in base64 behind the name") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
    if b2a_base64(key, newline=False).decode() != text:  # the last character holds two bits of nothing
        raise ValueError("expected a key in base64 behind the name, got one that was changed at its end")
    return key


def parse_date(text: str) -> str:
    """A day of the calendar as YYYY-MM-DD, which sorts as text. Raises ValueError."""
    found = _DATE.fullmatch(text)
    if found is None or int(found[3]) > _days(int(found[1]), int(found[2])):
        raise ValueError("expected a day as YYYY-MM-DD")
    return text


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in _SHORT_MONTHS else 31


def _parse_line(line: str) -> NamedKey:
    words = line.split()
    if not words:
        raise ValueError("expected NAME KEY, got an empty line")
    if len(words) < 2:
        raise ValueError("expected NAME KEY, got one word")
    if len(words) > 3:
        raise ValueError(f"expected NAME KEY and perhaps {_EXPIRES}YYYY-MM-DD, got more words")
    name, key = parse_name(words[0]), parse_key(words[1])
    if len(words) == 2:
        return NamedKey(name, key)
    if not words[2].startswith(_EXPIRES):
        raise ValueError(f"expected {_EXPIRES}YYYY-MM-DD behind the key")
    try:
        return NamedKey(name, key, parse_date(words[2].removeprefix(_EXPIRES)))
    except ValueError:
        raise ValueError(f"expected {_EXPIRES}YYYY-MM-DD behind the key, a day of the calendar") from None
