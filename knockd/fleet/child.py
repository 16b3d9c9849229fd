"""The fleet child: it alone has the fleet's key, and it alone speaks with the store.

It reads key, password and certificates, gives up all rights, and then passes on what the keeper says to the
other gateways, and the other way round (gateway.py). It ends with the keeper.

World: a child process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from typing import Final

from knockd.fleet.files import read_secrets
from knockd.fleet.verbs import StoreIs, write
from knockd.process.erase import erase_texts
from knockd.process.fork import fork_child
from knockd.process.link import pair
from knockd.process.privileges import User, end_with, give_up, leave_no_core, limit_memory
from knockd_conf.classes import NamedTuple
from knockd_conf.extras import explain_missing
from knockd_conf.model import Config
from knockd_conf.trust import TrustPolicy

DESCRIPTORS: Final = 64
"""Connections to the store, and the few files of a look-up of names."""

MEMORY: Final = 512 << 20
"""Bytes of memory that it may take: what the store answers has no bound of its own."""

NAME: Final = "knock-fleet"


class FleetChild(NamedTuple):
    """A child as the keeper holds it."""

    pid: int
    link: socket.socket


def start_fleet_child(config: Config, user: Callable[[], User | None], commands: Sequence[str]) -> FleetChild:
    """Starts the child of a configuration with a fleet; it becomes ``user``. Raises OSError.

    ``commands`` are not to be found in its memory. What is wrong with a file it says in a StoreIs, and ends.
    """
    ours, theirs = pair()
    parent = os.getpid()
    policy = TrustPolicy.current(allow_insecure=config.insecure)

    def main() -> int:
        leave_no_core()
        end_with(parent)
        try:
            secrets = read_secrets(config.options, policy)
            from knockd.fleet.gateway import serve  # imports valkey, asyncio and ssl
        except OSError as error:
            return _end(theirs, str(error.strerror))
        except ImportError as error:
            return _end(theirs, explain_missing("valkey", error))
        erase_texts(commands)
        limit_memory(MEMORY)
        give_up(user(), DESCRIPTORS)
        serve(theirs, config.options, config.host, secrets)
        return os.EX_OK

    with theirs:
        try:
            pid = fork_child(main, [theirs.fileno()], name=NAME)
        except OSError:
            ours.close()
            raise
    return FleetChild(pid, ours)


def _end(link: socket.socket, problem: str) -> int:
    link.send(write(StoreIs("", problem)))
    return os.EX_CONFIG
