"""``knockctl keygen --fleet``: makes the key of gateways that share a store.

World: files and standard output.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from shlex import quote
from typing import Final

from knockd.ctl.new_secret import make_secret
from knockd_conf.knock_secret import FLEET
from knockd_conf.text import printable

DEFAULT_KEY: Final = "/etc/knockd/fleet_key"


def make_fleet_key(path: str) -> int:
    """Makes the key in ``path``, with its directory where that is the usual one; the exit status.

    A key that is there is kept. 1: the file holds something else; 73 it cannot be written.
    """
    chosen = os.path.abspath(path)
    usual = chosen == DEFAULT_KEY
    if status := make_secret(chosen, FLEET, "the key of a fleet", make_directory=usual):
        return status
    for line in advise(chosen):
        print(line)
    return os.EX_OK


def advise(path: str) -> Iterator[str]:
    """What to do with the key in ``path``: lines to print."""
    yield "Every gateway needs a copy, and the store must have none. As root:"
    yield ""
    yield f"    scp -p {quote(printable(path))} OTHER.GATEWAY:{quote(printable(path))}"
    yield ""
    yield "These lines belong into [options] of each:"
    yield ""
    yield "    Fleet     = valkeys://STORE"
    yield f"    Fleet_Key = {printable(path)}"
