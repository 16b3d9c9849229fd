"""Why a file, or the rest of one, cannot be read.

Pure.
"""

from __future__ import annotations

DATAERR = 65
"""EX_DATAERR of sysexits.h: what is in the file is wrong."""


class Unreadable(Exception):
    """Its text says where, what was seen and what to do; ``status`` is one of sysexits.h."""

    def __init__(self, text: str, status: int = DATAERR) -> None:
        super().__init__(text)
        self.status = status
