"""No unit test leaves a child process behind: another one that waits for its own children would meet it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _children() -> Iterator[None]:
    before = _has_children()
    yield
    if _has_children() and not before:
        pytest.fail("a child process runs, or has not been collected")


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return False
    return True
