"""The SSH keys with which their owners log in to this host, to be proposed for knocking.

World: authorized_keys files of users.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator

from knockd.files.trusted import open_trusted, read_at_most
from knockd.signed.local_time import local_seconds
from knockd_conf.authorized_keys import MAX_SIZE, AuthorizedKey, parse_authorized_keys
from knockd_conf.key_line import KeyLine, format_key_line
from knockd_conf.ssh_keys import PublicKey

FILE = ".ssh/authorized_keys"


def find_known_keys() -> tuple[str, ...]:
    """Lines of the keys that can sign knocks, of who has become root, else of root.

    Keys with options are left out: they are for something.
    """
    for user in dict.fromkeys((os.environ.get("SUDO_USER", ""), "root")):
        found = tuple(_read_lines(user)) if user else ()
        if found:
            return found
    return ()


def _read_lines(user: str) -> Iterator[str]:
    """Yields lines without options; nothing where there are none, or they cannot be read."""
    try:
        path = os.path.join(pwd.getpwnam(user).pw_dir, FILE)
        descriptor = open_trusted(path, os.O_RDONLY)
    except (KeyError, OSError):
        return
    try:
        data = read_at_most(descriptor, MAX_SIZE + 1)
    except OSError:
        return
    finally:
        os.close(descriptor)
    for key in parse_authorized_keys(data, local_seconds).keys:
        if not _is_limited(key):
            yield format_key_line(KeyLine(PublicKey(key.public, key.application), key.comment))


def _is_limited(key: AuthorizedKey) -> bool:
    return bool(key.allow or key.deny or key.doors is not None or key.expires is not None)
