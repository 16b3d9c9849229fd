"""Times of a C library that counts seconds with 32 bits, to January 2038."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo

import pytest

FIRST_UNCOUNTED = 1 << 31


class SmallDatetime(datetime):
    """A datetime whose methods ask such a library."""

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> SmallDatetime:
        """Raises OverflowError for a time that is not counted."""
        return super().fromtimestamp(_counted(timestamp), tz)

    def timestamp(self) -> float:
        """Raises OverflowError for a local time that is not counted."""
        return super().timestamp() if self.tzinfo is not None else _counted(super().timestamp())

    def astimezone(self, tz: tzinfo | None = None) -> SmallDatetime:
        """Raises OverflowError where local time is asked for and not counted."""
        if tz is None or self.tzinfo is None:
            _counted(super().timestamp())
        return super().astimezone(tz)


def count_with_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the functions of the module ``time`` be those of such a library."""
    for name in ("localtime", "gmtime"):
        real = getattr(time, name)
        monkeypatch.setattr(time, name, lambda seconds, real=real: real(_counted(seconds)))


def _counted(seconds: float) -> float:
    if not -FIRST_UNCOUNTED <= seconds < FIRST_UNCOUNTED:
        raise OverflowError("timestamp out of range for platform time_t")
    return seconds
