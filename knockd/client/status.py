"""Exit statuses of knock, those of sysexits.h and of shells: ``os`` has no names for them on Windows.

Pure.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0
USAGE: Final = 64
BAD_DATA: Final = 65
NO_INPUT: Final = 66
NO_HOST: Final = 68
UNAVAILABLE: Final = 69
CANNOT_CREATE: Final = 73
IO_ERROR: Final = 74
TEMPORARY: Final = 75
NO_PERMISSION: Final = 77
CONFIG: Final = 78
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
INTERRUPTED: Final = 130
"""What a shell reports for a command ended by SIGINT: 128 + 2."""


class Refused(Exception):
    """The knock cannot be made or noted: ``status`` is the exit status, each message says what to do."""

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.status = status
        self.messages = messages
