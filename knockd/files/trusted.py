"""Opening files that root writes, so that no other user leads root to another file.

A link is followed when root or we made it where others cannot write. Where others can, the file must
be root's, ours or the directory's owner's, and have one name only.

World: files.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from dataclasses import replace

from knockd_conf.classes import dataclass
from knockd_conf.trust import Held, TrustPolicy, judge
from knockd_conf.walk import walk


@dataclass(frozen=True, slots=True)
class OpenRule:
    """Whose links are followed and whose files are opened; ``owners`` are root's and our user ids."""

    owners: frozenset[int]

    def follows(self, link: Held, folder: Held) -> bool:
        """Whether root or we made ``link``, and nobody else can make one in ``folder``."""
        if _in_proc(folder):
            return os.path.basename(folder.path) != "fd"  # what leads to a descriptor is no path
        return link.status.st_uid in self.owners and not self._shared(folder)

    def find_problem(self, file: os.stat_result, folder: Held) -> str | None:
        """Why a file in ``folder`` must not be used, None when it may be."""
        regular = stat.S_ISREG(file.st_mode)
        if stat.S_ISCHR(file.st_mode):
            return None
        if not (regular or stat.S_ISFIFO(file.st_mode)):
            return "is neither a file nor a device nor a pipe"
        shared = self._shared(folder)
        if shared and file.st_uid not in self.owners | {folder.status.st_uid}:
            return f"belongs to uid {file.st_uid}, in a directory that others can write"
        if regular and file.st_nlink > 1 and (shared or folder.status.st_mode & stat.S_IWGRP):
            return "has a second name, in a directory that others can write"
        return None

    def _shared(self, folder: Held) -> bool:
        """Whether others than root and we may put files there; its group is root's choice."""
        return bool(folder.status.st_mode & stat.S_IWOTH) or folder.status.st_uid not in self.owners


def open_trusted(path: str, flags: int, mode: int = 0o600, policy: TrustPolicy | None = None) -> int:
    """Opens ``path`` with ``flags`` (O_CREAT: only when it is not there), without waiting; the descriptor.

    With a ``policy`` each directory and link on the way must be root's, ours or the file's owner's, and
    nobody else may write there.
    Raises OSError, with a reason for people when it is one that must not be opened.
    """
    flags |= os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    rule = OpenRule(TrustPolicy.current().owners)
    with walk(path, rule.follows) as end:
        folder = end.way[-1]
        if end.link is None:
            descriptor = _open(end.name, flags, mode, end.directory)
        elif _in_proc(folder) and end.whole:  # /dev/stdout leads here; nobody can make such a link
            descriptor = os.open(end.name, flags & ~os.O_CREAT, dir_fd=end.directory)
        else:
            raise OSError(errno.ELOOP, "is a link that somebody else may have made")
    file = os.fstat(descriptor)
    reason = rule.find_problem(file, folder)
    if reason is None and policy is not None:
        hers = replace(policy, owners=policy.owners | {file.st_uid})
        reason = next((f"{one.path}: {one.message}" for one in judge(hers, None, end.way)), None)
    if reason is None:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EPERM, reason)


def _open(name: str, flags: int, mode: int, directory: int) -> int:
    """Opens what is there, else creates it: the kernel's own guard of O_CREAT would hide our reason."""
    flags |= os.O_NOFOLLOW
    try:
        return os.open(name, flags & ~os.O_CREAT, dir_fd=directory)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        return os.open(name, flags, mode, dir_fd=directory)


def _in_proc(folder: Held) -> bool:
    try:
        return folder.status.st_dev == os.stat("/proc/self/fd").st_dev
    except OSError:
        return False


def judge_public(path: str, status: os.stat_result, policy: TrustPolicy) -> None:
    """Raises OSError when a file is none that may say who knocks; others may read it, but not change it."""
    quoted, mode = shlex.quote(path), stat.S_IMODE(status.st_mode)
    _judge_owner(quoted, status, policy)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(
            errno.EPERM, f"others than its owner may change it (mode {mode:04o}), run chmod go-w {quoted}"
        )


def judge_secret(path: str, status: os.stat_result, policy: TrustPolicy) -> None:
    """Raises OSError when a file is none that a secret may be in.

    Whoever reads a key knocks with it, so others may not use it with --allow-insecure-config either.
    """
    quoted, mode = shlex.quote(path), stat.S_IMODE(status.st_mode)
    _judge_owner(quoted, status, policy)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise OSError(
            errno.EPERM, f"others than its owner may use it (mode {mode:04o}), run chmod 600 {quoted}"
        )


def _judge_owner(quoted: str, status: os.stat_result, policy: TrustPolicy) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file")
    if policy.enforce and status.st_uid not in policy.owners:
        raise OSError(errno.EPERM, f"belongs to uid {status.st_uid}, run chown root {quoted}")


def read_at_most(descriptor: int, most: int) -> bytes:
    """The first ``most`` bytes of a file, from where its descriptor stands. Raises OSError."""
    parts: list[bytes] = []
    size = 0
    while size < most and (part := os.read(descriptor, most - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
