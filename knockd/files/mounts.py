"""On what kind of file system a path is, as the table of mounts says (proc(5)).

World: the table of mounts.
"""

from __future__ import annotations

import os
from typing import Final

IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "rootfs", "devtmpfs", "overlay", "aufs"})
"""File systems that a reboot may empty; of an overlay nobody knows where it writes to."""

_TABLE: Final = "/proc/self/mountinfo"


def may_be_emptied(path: str) -> bool:
    """Whether what is in a directory may be gone after a reboot; what is not known may."""
    try:
        with open(_TABLE, "rb") as file:
            table = file.read()
    except OSError:
        return True
    kind = find_kind(table, os.fsencode(os.path.realpath(path)))
    return kind is None or kind in IN_MEMORY


def find_kind(table: bytes, path: bytes) -> str | None:
    """The kind of file system that a path without links is on; None: the table does not say."""
    found: str | None = None
    longest = -1
    for line in table.splitlines():
        head, _, tail = line.partition(b" - ")
        words = head.split(b" ")
        if len(words) < 5 or not tail:
            continue
        place = _unescape(words[4])
        # Of mounts on the same place the last one covers the others.
        if _is_below(path, place) and len(place) >= longest:
            found, longest = tail.split(b" ")[0].decode("ascii", "replace"), len(place)
    return found


def _is_below(path: bytes, place: bytes) -> bool:
    return path == place or path.startswith(place.rstrip(b"/") + b"/")


def _unescape(text: bytes) -> bytes:
    """The table has octal escapes for space, tab, newline and backslash."""
    for escape, plain in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        text = text.replace(escape, plain)
    return text
