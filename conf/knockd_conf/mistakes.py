"""What a value was meant to be that cannot be read: sentences that say what to write.

Nothing here repeats more of a sequence than one step.

Pure.
"""

from __future__ import annotations

import re
from typing import Final

from knockd_conf.errors import seen

QUOTES: Final = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
"""Quotation marks, those of typewriters first."""

_STEP: Final = r"[0-9]+(?:\s*:\s*[A-Za-z]+)?"
_RANGE: Final = re.compile(r"[0-9]+\s*[-\u2013]\s*[0-9]+(?:\s*:\s*\w+)?")
_SWAPPED: Final = re.compile(r"(tcp|udp)\s*[:/]\s*([0-9]+)", re.IGNORECASE)
_SLASH: Final = re.compile(r"([0-9]+)\s*/\s*(tcp|udp)", re.IGNORECASE)
_SEVERAL: Final = re.compile(rf"{_STEP}(?P<between>\s*[;|+>]\s*|\s+){_STEP}(?:(?P=between){_STEP})*")


def explain_step(part: str) -> str:
    """Why ``part``, which stands between two commas of a sequence, is no step."""
    if not part:
        return "expected a step before and behind each comma, got none"
    if is_quoted(part) or part[0] in QUOTES or part[-1] in QUOTES:
        return f"expected steps without quotes, got {part[0] if part[0] in QUOTES else part[-1]}"
    if odd := odd_character(part):
        return f"expected digits, colons and commas of ASCII, got {odd}"
    if _RANGE.fullmatch(part):
        return f"expected single ports (there are no ranges: write each), got {seen(part)}"
    if several := _SEVERAL.fullmatch(part):
        between = several["between"].strip()
        return f"expected commas between steps, got {seen(between) if between else 'white space'}"
    if swapped := _SWAPPED.fullmatch(part):
        return f"expected {swapped[2]}:{swapped[1].lower()}, got {seen(part)}"
    if slash := _SLASH.fullmatch(part):
        return f"expected {slash[1]}:{slash[2].lower()}, got {seen(part)}"
    port, _, name = (piece.strip() for piece in part.partition(":"))
    if re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= 65_535:
        return f"expected tcp or udp, got {seen(name)}"
    return f"expected a port from 0 to 65535, got {seen(port)}"


def is_quoted(value: str) -> bool:
    """Whether a value stands in quotes."""
    return len(value) > 1 and value[0] in QUOTES and value[-1] in QUOTES


def odd_character(text: str) -> str | None:
    """The first character that is not of ASCII, with its number, None when there is none."""
    odd = next((c for c in text if not c.isascii()), None)
    return None if odd is None else f"{seen(odd)} (U+{ord(odd):04X})"
