"""The configuration, for subcommands that need no daemon. No name is looked up, nothing is run.

World: the configuration's files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from knockd.ctl.complaints import EX_CONFIG, EX_NOPERM, NOT_DONE, explain_refusal
from knockd.ctl.parser import Parser
from knockd_conf.errors import ConfigError
from knockd_conf.load import load
from knockd_conf.model import Config, Door
from knockd_conf.text import encoded, printable

DEFAULT_CONFIG: Final = "/etc/knockd.conf"

_DIRECTORY: Final = "/"
"""Where service managers start the daemon: relative paths are meant from there."""

_ANY_ADDRESS: Final = "192.0.2.1"
"""For the names in Target, which say nothing here (RFC 5737)."""


class RefusedError(Exception):
    """Why nothing is done, with an exit status of sysexits.h."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def read_config(path: str) -> Config:
    """A configuration with the whole paths of files with keys. Raises ConfigError."""
    config = load(path, resolve=lambda _: [_ANY_ADDRESS])
    options = config.options
    return replace(
        config,
        options=replace(
            options,
            knock_secret=_whole(options.knock_secret),
            authorized_keys=_whole(options.authorized_keys),
        ),
        doors=tuple(
            replace(
                door,
                sequence_key=_whole(door.sequence_key),
                authorized_keys=_whole(door.authorized_keys),
            )
            for door in config.doors
        ),
    )


def read_doors(path: str) -> tuple[Door, ...]:
    """The doors of a configuration, with the whole paths of files with keys. Raises ConfigError."""
    return read_config(path).doors


def add_config(parser: Parser) -> None:
    """Adds -c, the configuration."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=DEFAULT_CONFIG,
        help="the configuration; default: %(default)s",
    )


def insist_on_config(path: str) -> Config:
    """The same for a subcommand that does nothing without it. Raises RefusedError."""
    if os.geteuid() != 0 and os.path.exists(path) and not os.access(path, os.R_OK):
        raise RefusedError(f"only root may read {printable(path)}; try it with sudo", EX_NOPERM)
    try:
        return read_config(path)
    except ConfigError as error:
        raise RefusedError("\n".join(printable(str(one)) for one in error.problems), EX_CONFIG) from None


def insist_on_door(name: str, doors: Sequence[Door], subcommand: str) -> Door:
    """The door of that name. Raises RefusedError."""
    found = [door for door in doors if door.name == name]
    if len(found) > 1:
        raise RefusedError(
            f"{len(found)} doors are called {printable(name)}: give them different names first", NOT_DONE
        )
    if not found:
        said = explain_refusal(
            "NoSuchDoor", {"door": name, "doors": [door.name for door in doors]}, subcommand
        )
        raise RefusedError(printable(said.text), said.status)
    return found[0]


def _whole(path: str | None) -> str | None:
    return None if path is None else os.path.join(_DIRECTORY, os.fsdecode(encoded(path)))
