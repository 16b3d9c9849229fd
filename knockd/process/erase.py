"""Zeroes texts in the memory of a child: what its parent knew and it must not.

A fork inherits the parent's memory, and a freed string stays there until its place is taken.

World: its own memory.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable

_ASCII_HEAD = sys.getsizeof("") - 1
_HEAD = str.__basicsize__ - ctypes.sizeof(ctypes.c_void_p)
"""Bytes of a string in front of its characters: CPython's PyASCIIObject and PyCompactUnicodeObject."""


def erase_texts(texts: Iterable[str]) -> None:
    """Zeroes the characters of each text, in place; nothing in this process may use it any more.

    Strings of one character are left alone: Python has one for all who use it.
    """
    for text in texts:
        if len(text) > 1:
            ctypes.memset(id(text) + (_ASCII_HEAD if text.isascii() else _HEAD), 0, len(text) * _width(text))


def _width(text: str) -> int:
    """Bytes of each character: as many as the widest one needs."""
    widest = ord(max(text))
    return 1 if widest < 1 << 8 else 2 if widest < 1 << 16 else 4
