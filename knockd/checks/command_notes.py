"""All that is to be said of the commands of doors on this host.

World: the environment and this host's name.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from functools import cache, partial

from knockd.checks.asked_tools import PATIENCE, ask_networks, ask_version, find_syntax_errors
from knockd.checks.command_advice import COMMANDS, find_command_notes
from knockd.checks.command_files import find_file_notes, find_program_notes, find_whereabouts
from knockd.checks.keys import Days
from knockd.checks.prefix_advice import find_prefix_notes
from knockd.checks.version_advice import find_version_notes
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note
from knockd_conf.model import Config, Door


class Circumstances(NamedTuple):
    """What is known of a daemon besides its configuration."""

    ipv6: bool
    """Whether it listens to IPv6."""
    ipv6_address: bool
    """Whether an interface that it watches has an IPv6 address that is not of the link alone."""
    starting: bool = False
    """Whether it is about to run, and so has the environment that commands will have."""
    days: Days = Days("", "")
    """Dates, for keys that expire."""

    def has_ipv6(self, door: Door) -> bool:
        """Whether a door can be knocked at over IPv6 on this host."""
        aimed = any(one.version == 6 for one in door.target) if door.target else self.ipv6_address
        return self.ipv6 and aimed


def find_current_notes(config: Config, known: Circumstances) -> Iterator[Note]:
    """Yields every note about commands and what the service writes; of another host's, what holds there."""
    until = time.monotonic() + PATIENCE
    yield from find_command_notes(config.doors)
    yield from find_unreadable(config.doors, until)
    if not is_elsewhere(config):
        yield from find_one_sided(config.doors, known, until)
        yield from find_network_notes(config.doors, until)
        where = find_whereabouts(os.environ, starting=known.starting)
        yield from find_program_notes(config.doors, where)
        yield from find_file_notes(config, where)


def find_one_sided(doors: tuple[Door, ...], known: Circumstances, until: float) -> Iterator[Note]:
    """Yields a note for each command that does nothing for some knockers; nobody is asked after ``until``."""
    yield from find_version_notes(doors, known.has_ipv6, cache(partial(ask_version, until=until)))


def find_network_notes(doors: tuple[Door, ...], until: float) -> Iterator[Note]:
    """Yields a note for what is odd about doors that open for a network; nobody is asked after ``until``."""
    yield from find_prefix_notes(doors, cache(partial(ask_networks, until=until)))


def is_elsewhere(config: Config) -> bool:
    """Whether a configuration is another host's (--host): what is on this one says nothing of it then."""
    return config.host.partition(".")[0].lower() != socket.gethostname().partition(".")[0].lower()


def find_unreadable(doors: tuple[Door, ...], until: float) -> Iterator[Note]:
    """Yields a note for each command that the shell cannot read; it is not asked after ``until``."""
    texts = dict.fromkeys(command for door in doors for command in door.commands())
    said = dict(find_syntax_errors(tuple(texts), until))
    for door in doors if said else ():
        for field in COMMANDS:
            text = getattr(door, field)
            if text in said:
                yield door.note(field, f"the shell cannot read it: {said[text]}")
