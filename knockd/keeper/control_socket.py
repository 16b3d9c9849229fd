"""The control socket's file: made so that nobody leads root elsewhere, and no other daemon's is taken.

It is root's, mode 0600, or of a group whose members may look, 0660: never more, not for a moment.

World: the control socket's file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from knockd.process.privileges import files_of_group
from knockd_conf.trust import Held, TrustPolicy
from knockd_conf.walk import End, walk

RUNTIME = "/run/knockd"
"""Our own directory: it lets members of the group pass, whoever of us has made it."""

BACKLOG = 8
"""Clients that wait in the kernel until they are accepted."""

_LONGEST = 107
"""Bytes of a path in an address: sun_path of unix(7) without its NUL."""

_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class ControlSocket:
    """A listening socket in the file system, ours until ``remove``."""

    def __init__(self, path: str, group: int | None) -> None:
        """Makes it, and its directory; ``group``: whose members may connect (None: nobody but us and root).

        ``unshared`` is then why they cannot all the same, or empty. Raises OSError whose ``strerror`` a
        person can read: then nothing is changed.
        """
        self.path = path
        self.group = group
        self.unshared = ""
        with _umask(0o066):
            os.makedirs(os.path.dirname(path), 0o711, exist_ok=True)
        owners = TrustPolicy.current().owners
        with walk(path) as end:
            if not end.name:
                raise OSError(errno.EISDIR, "is a directory")
            _judge(end.way, owners)
            if end.way[-1].path == RUNTIME and group is not None:
                os.chmod(RUNTIME, stat.S_IMODE(end.way[-1].status.st_mode) | 0o011)
            self._real = os.path.join(end.way[-1].path, end.name)
            self._lock = _lock(end, owners)
            try:
                self.listener = self._listen(end, owners)
            except OSError:
                self._unlock()
                raise

    def remove(self) -> None:
        """Removes the file, if it is still ours, and listens no more."""
        if self._made == _identity(self._real):
            with suppress(OSError):  # the next start replaces what is left behind
                os.unlink(self._real)
        self.listener.close()
        self._unlock()

    def _listen(self, end: End, owners: frozenset[int]) -> socket.socket:
        address = self._real
        if len(os.fsencode(address)) > _LONGEST:
            address = f"/proc/self/fd/{end.directory}/{end.name}"
        _clear(end, address, owners)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _umask(0o177):
                self._bind(listener, address)
            listener.setblocking(False)
            made = os.stat(end.name, dir_fd=end.directory, follow_symlinks=False)
            self._made = made.st_dev, made.st_ino
            if self.group is not None and made.st_gid == self.group:
                os.chmod(end.name, 0o660, dir_fd=end.directory)
            elif self.group is not None:
                self.unshared = self.unshared or "its directory gives files to another group"
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    def _bind(self, listener: socket.socket, address: str) -> None:
        if self.group is not None:
            try:
                with files_of_group(self.group):
                    listener.bind(address)
                return
            except OSError as error:
                self.unshared = f"could not become group {self.group}: {error.strerror}"
        listener.bind(address)

    def _unlock(self) -> None:
        with suppress(OSError):  # it stays, and is locked by who comes next
            os.unlink(_lock_name(self._real))
        os.close(self._lock)


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _judge(way: tuple[Held, ...], owners: frozenset[int]) -> None:
    """Raises OSError when others could lead us elsewhere: they own or can write a directory on the way."""
    for held in way:
        status = held.status
        if status.st_uid not in owners:
            raise OSError(errno.EPERM, f"{held.path} belongs to uid {status.st_uid}, not to root")
        shared = stat.S_ISDIR(status.st_mode) and status.st_mode & 0o022
        if shared and not status.st_mode & stat.S_ISVTX:
            raise OSError(errno.EPERM, f"others can write to {held.path}")


def _lock_name(path: str) -> str:
    """The file that is locked as long as a daemon serves the socket: a socket itself cannot be."""
    return f"{path}.lock"


def _lock(end: End, owners: frozenset[int]) -> int:
    """Takes the socket's lock; returns its descriptor. Raises OSError."""
    name = _lock_name(end.name)
    while True:
        try:
            lock = os.open(name, _LOCK, 0o600, dir_fd=end.directory)
        except PermissionError:  # fs.protected_regular keeps root from a file of another user, too
            with suppress(FileNotFoundError):
                if os.stat(name, dir_fd=end.directory, follow_symlinks=False).st_uid not in owners:
                    raise OSError(errno.EPERM, f"{name} beside it is not ours") from None
            raise
        try:
            found = os.fstat(lock)
            if found.st_uid not in owners or not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EPERM, f"{name} beside it is not ours")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(found, os.stat(name, dir_fd=end.directory, follow_symlinks=False)):
                    return lock
        except BlockingIOError:
            os.close(lock)
            raise OSError(errno.EADDRINUSE, "another knockd serves it") from None
        except OSError:
            os.close(lock)
            raise
        os.close(lock)  # the one before has just removed it


def _clear(end: End, address: str, owners: frozenset[int]) -> None:
    """Removes a socket that a daemon has left behind. Raises OSError for whatever else is there."""
    try:
        found = os.stat(end.name, dir_fd=end.directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EEXIST, "something is there that is not a socket")
    if found.st_uid not in owners:
        raise OSError(errno.EPERM, f"the socket there belongs to uid {found.st_uid}")
    if _answers(address):
        raise OSError(errno.EADDRINUSE, "another program serves it")
    os.unlink(end.name, dir_fd=end.directory)


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # it is busy, or a socket of another kind
            return True
    return True


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
