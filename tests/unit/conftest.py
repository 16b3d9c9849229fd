"""No unit test leaves a child process behind: a later test that waits for any child would collect it.

This is not looked at where pytest is process 1, whose children all orphans become, nor where pytest itself
was started with a child.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _children() -> Iterator[None]:
    unknown = os.getpid() == 1 or _has_children()
    yield
    if not unknown and _has_children():
        pytest.fail("a child process runs, or has not been collected")


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return False
    return True
