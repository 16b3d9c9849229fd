"""The version of the checkout and its date, by which everything that is built is named and stamped.

World: files of the checkout.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

EARLIEST = 315_532_800
"""1980-01-01, the first date of a ZIP file: that of what is built of a version without a date."""


def read_version(root: Path) -> str:
    """``__version__`` of knockd/__init__.py, the only place that has it. Raises ValueError."""
    found = re.search(r'^__version__ = "([^"]+)"$', (root / "knockd/__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError('knockd/__init__.py: expected a line __version__ = "...", got none')
    return found[1]


def find_date(root: Path, version: str) -> datetime | None:
    """The date of the section of a version in CHANGELOG.md, midnight UTC; None: it has none."""
    heading = rf"^## \[{re.escape(version)}\] - (\d{{4}}-\d\d-\d\d)$"
    found = re.search(heading, (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None


def find_epoch(root: Path) -> int:
    """The time that everything built is stamped with, in seconds since 1970.

    SOURCE_DATE_EPOCH, else the version's date in CHANGELOG.md, else 1980: a checkout and its sdist agree.
    """
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    date = find_date(root, read_version(root))
    return EARLIEST if date is None else int(date.timestamp())
