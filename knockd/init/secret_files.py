"""The files with secrets that a first door needs: a key of its own, or the knock secret of this host.

World: random numbers, the environment and files.
"""

from __future__ import annotations

import os
import secrets

from knockd.init.new_files import NewFile
from knockd.signed.key_files import read_knock_secret
from knockd_conf.key_file import NamedKey, format_key, parse_name
from knockd_conf.knock_secret import KNOCK, format_secret
from knockd_conf.signed_packet import SECRET_BYTES
from knockd_conf.timed import KEY_BYTES


def make_key_file(path: str) -> NewFile:
    """A key file with one new key, named after who has become root."""
    try:
        name = parse_name(os.environ.get("SUDO_USER", ""))
    except ValueError:
        name = "owner"
    text = format_key(NamedKey(name, secrets.token_bytes(KEY_BYTES)))
    return NewFile(path, f"{text}\n".encode(), folder=True)


def make_secret_file(path: str) -> NewFile | None:
    """A file with a new knock secret, None where one is there: clients have it, so it is kept.

    Raises OSError, whose ``strerror`` is for people, when what is there cannot be used.
    """
    if os.path.lexists(path):
        read_knock_secret(path)
        return None
    text = f"{KNOCK.comment}\n{format_secret(secrets.token_bytes(SECRET_BYTES))}\n"
    return NewFile(path, text.encode(), folder=True)
