"""Makes a secret in a file of its own: the knock secret of a host, or the key of a fleet.

World: the process, its standard streams and the file.
"""

from __future__ import annotations

import os

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.keygen import SUBCOMMAND, explain
from knockd.ctl.terminal import complain
from knockd.files.secret_file import change_secret, make_folder
from knockd.process import privileges
from knockd_conf.knock_secret import Kind, format_secret, parse_secret
from knockd_conf.signed_packet import SECRET_BYTES
from knockd_conf.text import printable


class ThereError(Exception):
    """A file has a secret already."""


def make_secret(path: str, kind: Kind, what: str, *, make_directory: bool) -> int:
    """Makes a secret in the file, unless it has one, and prints which of both; the exit status.

    ``what``: its name in a sentence. ``make_directory``: also the file's directory, where there is none.
    1: the file holds something else; 73: it cannot be written.
    """
    privileges.leave_no_core()
    shown = printable(path)
    try:
        if make_directory:
            make_folder(os.path.dirname(path))
        change_secret(path, lambda old: add_secret(old, os.urandom(SECRET_BYTES), kind))
        print(f"{shown} has {what} now.")
    except ThereError:
        print(f"{shown} has {what} already, and keeps it.")
        print("(To make another one, remove the file first: all who have a copy need the new one then.)")
    except ValueError as error:
        complain(f"{shown}: {error}; mend it, or name another file", SUBCOMMAND)
        return NOT_DONE
    except OSError as error:
        complain(f"{shown}: {explain(error, path)}", SUBCOMMAND)
        return os.EX_CANTCREAT
    return os.EX_OK


def add_secret(old: bytes, secret: bytes, kind: Kind) -> bytes:
    """The text of a file with a secret. Raises ThereError; ValueError: the file holds something else."""
    if any(line.strip() and not line.lstrip().startswith(b"#") for line in old.split(b"\n")):
        parse_secret(old, kind)
        raise ThereError
    end = b"" if not old or old.endswith(b"\n") else b"\n"
    comment = "" if old else f"{kind.comment}\n"
    return old + end + f"{comment}{format_secret(secret)}\n".encode()
