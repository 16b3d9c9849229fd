"""Another user of the machine, whose files a test needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

STRANGER = 65_533
"""A user who is neither root nor we."""


def give_away(path: Path) -> None:
    """Makes a file, link or directory the stranger's; leaves the test where that is not allowed."""
    try:
        os.chown(path, STRANGER, -1, follow_symlinks=False)
    except OSError as error:  # not root, or root of a user namespace with one user
        pytest.skip(f"files cannot be given to another user here: {error.strerror}")
