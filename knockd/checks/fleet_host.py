"""What this host has of what a fleet needs.

World: files of a fleet, and the running Python.
"""

from __future__ import annotations

from knockd_conf.errors import Problem
from knockd_conf.extras import find_missing
from knockd_conf.model import Config


def find_missing_store_package(config: Config) -> Problem | None:
    """What keeps this host from asking the store of a Fleet; None: nothing does."""
    if not config.options.fleet or (missing := find_missing("valkey")) is None:
        return None
    return Problem(*config.note("fleet", missing)[:4])
