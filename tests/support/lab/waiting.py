"""Waiting for something to become true, with a deadline instead of a fixed sleep."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL = 0.01
"""Seconds between two looks."""

PATIENCE = float(os.environ.get("TESTS_PATIENCE", "1"))
"""How many times as long to wait as a test says: more than 1 where the processor is emulated."""


class WaitTimeout(AssertionError):
    """The deadline passed and the thing waited for had not happened."""


def wait_until(predicate: Callable[[], T | None], timeout: float = 10.0, what: str = "condition") -> T:
    """Call ``predicate`` until it returns something true and return that.

    ``timeout`` is in seconds, times PATIENCE. Raises WaitTimeout, naming ``what``, when it passes first.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise WaitTimeout(f"not within {timeout * PATIENCE:g} s: {what}")
        time.sleep(POLL)
