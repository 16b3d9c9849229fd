"""The files of signed knocks on disk: opened so that nobody leads us to another file.

Whoever reads the secret holds it from then on: short-lived processes only, never the keeper.

World: files of signed knocks.
"""

from __future__ import annotations

import errno
import os

from knockd.files.trusted import judge_public, judge_secret, open_trusted, read_at_most
from knockd.signed.local_time import local_seconds
from knockd_conf import authorized_keys, knock_secret
from knockd_conf.authorized_keys import AuthorizedFile, parse_authorized_keys
from knockd_conf.knock_secret import parse_secret
from knockd_conf.trust import TrustPolicy


def read_authorized_keys(path: str, policy: TrustPolicy | None = None) -> AuthorizedFile:
    """The keys of a file, and what is wrong with it.

    Raises OSError, whose ``strerror`` is for people, when the file cannot be read, when others can change
    it, and when it or its directories are somebody else's.
    """
    chosen = policy or TrustPolicy.current()
    descriptor = open_trusted(path, os.O_RDONLY, policy=chosen)
    try:
        judge_public(path, os.fstat(descriptor), chosen)
        data = read_at_most(descriptor, authorized_keys.MAX_SIZE + 1)
    finally:
        os.close(descriptor)
    return parse_authorized_keys(data, local_seconds)


def read_knock_secret(path: str, policy: TrustPolicy | None = None) -> bytes:
    """The secret of a file.

    Raises OSError as above, also where others can read it and where it holds something else; no message
    shows it.
    """
    chosen = policy or TrustPolicy.current()
    descriptor = open_trusted(path, os.O_RDONLY, policy=chosen)
    try:
        judge_secret(path, os.fstat(descriptor), chosen)
        data = read_at_most(descriptor, knock_secret.MAX_SIZE + 1)
    finally:
        os.close(descriptor)
    try:
        return parse_secret(data)
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from None
