"""``knockctl keygen --fleet``: makes the key of gateways that share a store.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from shlex import quote
from typing import Final

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.host_secret import ThereError, add_secret
from knockd.ctl.terminal import complain
from knockd.files.secret_file import change_secret, make_folder
from knockd_conf.knock_secret import FLEET
from knockd_conf.signed_packet import SECRET_BYTES
from knockd_conf.text import printable

SUBCOMMAND = "keygen"
DEFAULT_KEY: Final = "/etc/knockd/fleet_key"


def make_fleet_key(path: str) -> int:
    """Makes the key in ``path``, with its directory where that is the usual one; the exit status.

    A key that is there is kept. 1: the file holds something else; 73 it cannot be written.
    """
    from knockd.ctl.keygen import explain
    from knockd.process import privileges

    privileges.leave_no_core()
    chosen = os.path.abspath(path)
    try:
        if chosen == DEFAULT_KEY:
            make_folder(os.path.dirname(chosen))
        change_secret(chosen, lambda old: add_secret(old, os.urandom(SECRET_BYTES), FLEET))
        print(f"{printable(chosen)} has the key of a fleet now.")
    except ThereError:
        print(f"{printable(chosen)} has the key of a fleet already, and keeps it.")
    except ValueError as error:
        complain(f"{printable(chosen)}: {error}; mend it, or name another file", SUBCOMMAND)
        return NOT_DONE
    except OSError as error:
        complain(f"{printable(chosen)}: {explain(error, chosen)}", SUBCOMMAND)
        return os.EX_CANTCREAT
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
