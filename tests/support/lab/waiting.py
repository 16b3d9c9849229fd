"""Waiting for something to become true, with a deadline instead of a fixed sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL = 0.01
"""Seconds between two looks."""


class WaitTimeout(AssertionError):
    """The deadline passed and the thing waited for had not happened."""


def wait_until(predicate: Callable[[], T | None], timeout: float = 10.0, what: str = "condition") -> T:
    """Call ``predicate`` until it returns something true and return that.

    ``timeout`` is in seconds. Raises WaitTimeout, naming ``what``, when it passes first.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise WaitTimeout(f"not within {timeout:g} s: {what}")
        time.sleep(POLL)
