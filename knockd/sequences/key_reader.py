"""Key files on disk: opened so that nobody leads us to another file, and only if no other user can read them.

Whoever calls this holds keys from then on: short-lived processes only, never the keeper.

World: key files.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat

from knockd.files.trusted import open_trusted
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
        _judge(path, os.fstat(descriptor), chosen)
        return parse_keys(_read(descriptor))
    finally:
        os.close(descriptor)


def _judge(path: str, status: os.stat_result, policy: TrustPolicy) -> None:
    """Raises OSError when a file is none that a key may be in."""
    quoted, mode = shlex.quote(path), stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file")
    if policy.enforce and status.st_uid not in policy.owners:
        raise OSError(errno.EPERM, f"belongs to uid {status.st_uid}, run chown root {quoted}")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        # Whoever reads a key knocks with it, so this holds with --allow-insecure-config too.
        raise OSError(
            errno.EPERM, f"others than its owner may use it (mode {mode:04o}), run chmod 600 {quoted}"
        )


def _read(descriptor: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size <= MAX_SIZE and (part := os.read(descriptor, MAX_SIZE + 1 - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
