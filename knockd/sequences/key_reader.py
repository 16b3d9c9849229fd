"""Key files on disk: opened so that nobody leads us to another file, and only if no other user can read them.

Whoever calls this holds keys from then on: short-lived processes only, never the keeper.

World: key files.
"""

from __future__ import annotations

import os

from knockd.files.trusted import judge_secret, open_trusted, read_at_most
from knockd_conf.key_file import MAX_SIZE, KeyFile, parse_keys
from knockd_conf.trust import TrustPolicy


def read_key_file(path: str, policy: TrustPolicy | None = None) -> KeyFile:
    """The keys of a file, and what is wrong with it; no message shows a key.

    Raises OSError, whose ``strerror`` is for people, when the file cannot be read, when group or others can
    read or write it, and when it or its directories are somebody else's.
    """
    chosen = policy or TrustPolicy.current()
    descriptor = open_trusted(path, os.O_RDONLY, policy=chosen)
    try:
        judge_secret(path, os.fstat(descriptor), chosen)
        return parse_keys(read_at_most(descriptor, MAX_SIZE + 1))
    finally:
        os.close(descriptor)
