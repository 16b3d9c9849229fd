"""The doors of a configuration, for subcommands that need no daemon. Nothing is looked up or run.

World: the configuration's files.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from knockd_conf.load import load
from knockd_conf.model import Door
from knockd_conf.text import encoded

DEFAULT_CONFIG: Final = "/etc/knockd.conf"

_DIRECTORY: Final = "/"
"""Where service managers start the daemon: relative paths are meant from there."""

_ANY_ADDRESS: Final = "192.0.2.1"
"""For the names in Target, which say nothing here (RFC 5737)."""


def read_doors(path: str) -> tuple[Door, ...]:
    """The doors of a configuration, with the whole path of their key files. Raises ConfigError."""
    doors = load(path, resolve=lambda _: [_ANY_ADDRESS]).doors
    return tuple(replace(door, sequence_key=_whole(door.sequence_key)) for door in doors)


def _whole(path: str | None) -> str | None:
    return None if path is None else os.path.join(_DIRECTORY, os.fsdecode(encoded(path)))
