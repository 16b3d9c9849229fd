"""What this host has of what a fleet needs.

Whoever calls ``find_unusable_files`` has read the fleet's key: short-lived processes only.

World: files of a fleet, and the running Python.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from shlex import quote

from knockd.checks.command_notes import is_elsewhere
from knockd.checks.fleet_surprises import NO_STORE
from knockd.fleet.files import find_unusable
from knockd_conf.errors import Note, Problem
from knockd_conf.extras import find_missing
from knockd_conf.model import Config
from knockd_conf.text import printable
from knockd_conf.trust import TrustPolicy


def find_missing_store_package(config: Config) -> Problem | None:
    """What keeps this host from asking the store of a Fleet; None: nothing does."""
    if not config.options.fleet or (missing := find_missing("valkey")) is None:
        return None
    return Problem(*config.note("fleet", missing)[:4])


def find_unusable_files(config: Config) -> Iterator[Note]:
    """Yields a note for each file of the fleet that cannot be used; those of another host are not read."""
    if not config.options.fleet or is_elsewhere(config):
        return
    policy = TrustPolicy.current(allow_insecure=config.insecure)
    for field, error in find_unusable(config.options, policy):
        yield config.note(field, f"{printable(str(error.strerror))}{_cure(config, field, error)}: {NO_STORE}")


def _cure(config: Config, field: str, error: OSError) -> str:
    if error.errno == errno.EACCES and os.geteuid():
        return " to who is not root"
    if error.errno == errno.ENOENT and field == "fleet_key":
        return f", make it with 'knockctl keygen --fleet {quote(printable(str(config.options.fleet_key)))}'"
    return ""
