"""Why a file cannot be read."""

from __future__ import annotations

import os

from knockd.review.unreadable import Unreadable


def test_status() -> None:
    """What is in the file is wrong, unless it is said otherwise."""
    assert os.EX_DATAERR == Unreadable("damaged").status
    assert os.EX_NOINPUT == Unreadable("gone", os.EX_NOINPUT).status
