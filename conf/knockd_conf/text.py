"""Text as people see it and as the kernel gets it. Pure."""

from __future__ import annotations

from typing import Final

MAX_DOOR_NAME: Final = 128
"""Longest name of a door, in bytes of UTF-8."""

_BIDI_CONTROLS: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

_MAPPED: Final = bytes(10) + b"\xff\xff"
"""What an IPv4 address begins with when it is written as IPv6 (RFC 4291, section 2.5.5.2)."""


def printable(text: str) -> str:
    """``text`` with everything that could forge a line or move a cursor written as an escape.

    A byte that is not UTF-8 (see ``decoded``) is written as that byte.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def garbles(character: str) -> bool:
    """Whether a character would end a line, or turn the direction of what follows, where it is printed."""
    if character.isascii():
        return character < " " or character == "\x7f"
    import unicodedata  # 0.2 MB, which only who has such a name needs

    return (
        unicodedata.category(character) in ("Cc", "Zl", "Zp")
        or unicodedata.bidirectional(character) in _BIDI_CONTROLS
    )


def well_formed(text: str) -> str:
    """``text`` with nothing escaped but what is no character, for a form that has its own escapes (JSON)."""
    return "".join(_escape(c) if "\ud800" <= c <= "\udfff" else c for c in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("unicode_escape").decode()


def encoded(text: str) -> bytes:
    """``text`` as the bytes of a command, a path or a variable: UTF-8, as the configuration is."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """The text of which ``encoded`` makes these bytes; bytes that are not UTF-8 become lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def address_text(packed: bytes) -> str:
    """A packed IPv4 or IPv6 address by RFC 5952, on every Python; mapped ones as ``::ffff:192.0.2.1``.

    Raises ValueError when there are neither 4 nor 16 bytes.
    """
    if len(packed) == 4:
        return ".".join(map(str, packed))
    if len(packed) != 16:
        raise ValueError(f"expected an address of 4 or 16 bytes, got {len(packed)}")
    if packed.startswith(_MAPPED):
        return f"::ffff:{address_text(packed[12:])}"
    groups = [f"{packed[at] << 8 | packed[at + 1]:x}" for at in range(0, 16, 2)]
    for length in range(8, 1, -1):  # the longest run of zeros, of equal ones the first
        for start in range(9 - length):
            if groups[start : start + length] == ["0"] * length:
                return f"{':'.join(groups[:start])}::{':'.join(groups[start + length :])}"
    return ":".join(groups)


def is_link_local(packed: bytes) -> bool:
    """Whether a packed address is an IPv6 one that means something on one link only (fe80::/10)."""
    return len(packed) == 16 and packed[0] == 0xFE and packed[1] & 0xC0 == 0x80


def show_span(seconds: float) -> str:
    """A span in two units at most: ``40 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = round(max(0.0, seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
