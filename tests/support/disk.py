"""A disk whose power can be cut: stands in for ``os`` and ``fcntl`` in the store, and says what survives.

What counts is what POSIX promises and no more. Names come to the disk in the order they were
changed, when their directory is synced at the latest; bytes when their file is synced at the latest,
whatever its name does.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from types import SimpleNamespace
from typing import Any


class PowerCutError(BaseException):
    """The power is gone."""


@dataclass(eq=False)
class File:
    """Its bytes, and how many of the first ones are on the disk for certain."""

    data: bytes = b""
    synced: int = 0


@dataclass(eq=False)
class Directory:
    """Names now, names on the disk, and the changes that may not have got there."""

    names: dict[str, Any] = field(default_factory=dict)
    synced: dict[str, Any] = field(default_factory=dict)
    pending: list[dict[str, Any]] = field(default_factory=list)
    """The names after each change since the last sync."""
    locked: bool = False

    def change(self) -> None:
        """Notes that ``names`` have changed."""
        self.pending.append(dict(self.names))


@dataclass
class Disk:
    """Directories below /d. The power is cut before step ``cut`` of those that change something."""

    cut: int | None = None
    top: Directory = field(default_factory=Directory)
    steps: int = 0
    _open: dict[int, tuple[Any, int]] = field(default_factory=dict)
    _last: int = 100

    def __getattr__(self, name: str) -> Any:
        """What does not touch the disk is that of os."""
        if name.startswith("O_") or name in {"path", "geteuid", "environ"}:
            return getattr(os, name)
        raise AttributeError(name)

    # What the store calls.

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """Opens a file in a directory, or a directory by its path."""
        del mode
        if dir_fd is None:
            return self._descriptor(self._directory(path), flags)
        directory = self._open[dir_fd][0]
        if flags & os.O_CREAT:
            if path in directory.names:
                raise FileExistsError(errno.EEXIST, "File exists")
            self._step()
            directory.names[path] = File()
            directory.change()
        elif path not in directory.names:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return self._descriptor(directory.names[path], flags)

    def close(self, descriptor: int) -> None:
        """Closes; a lock goes with it."""
        node, flags = self._open.pop(descriptor)
        if isinstance(node, Directory) and flags & _LOCKED:
            node.locked = False

    def fstat(self, descriptor: int) -> Any:
        """What kind of node it is, and ours."""
        return self._stat(self._open[descriptor][0])

    def lstat(self, path: str) -> Any:
        """The same by its path."""
        return self._stat(self._directory(path))

    def read(self, descriptor: int, size: int) -> bytes:
        """All at once, then the end."""
        node, flags = self._open[descriptor]
        if flags & _READ:
            return b""
        self._open[descriptor] = node, flags | _READ
        return bytes(node.data[:size])

    def write(self, descriptor: int, data: bytes) -> int:
        """Writes a bit of it, as writes may."""
        self._step()
        node = self._open[descriptor][0]
        piece = bytes(data[: max(1, len(data) // 2)])
        node.data += piece
        return len(piece)

    def fsync(self, descriptor: int) -> None:
        """Brings bytes, or names, to the disk."""
        self._step()
        node = self._open[descriptor][0]
        if isinstance(node, Directory):
            node.synced, node.pending = dict(node.names), []
        else:
            node.synced = len(node.data)

    def rename(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        """Replaces in one change."""
        assert src_dir_fd == dst_dir_fd
        self._step()
        directory = self._open[src_dir_fd][0]
        directory.names[new] = directory.names.pop(old)
        directory.change()

    def unlink(self, name: str, *, dir_fd: int) -> None:
        """Removes a name."""
        directory = self._open[dir_fd][0]
        if name not in directory.names:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self._step()
        del directory.names[name]
        directory.change()

    def listdir(self, descriptor: int) -> list[str]:
        """The names in a directory."""
        return list(self._open[descriptor][0].names)

    def makedirs(self, path: str, mode: int, *, exist_ok: bool) -> None:
        """There is /d already."""
        assert (path, mode, exist_ok) == ("/d", 0o755, True)

    def mkdir(self, path: str, mode: int) -> None:
        """Makes a directory in /d."""
        assert mode == 0o700
        name = os.path.basename(path)
        if name in self.top.names:
            raise FileExistsError(errno.EEXIST, "File exists")
        self._step()
        self.top.names[name] = Directory()
        self.top.change()

    @property
    def fcntl(self) -> Any:
        """What stands in for the module fcntl."""
        return SimpleNamespace(flock=self._flock, LOCK_EX=2, LOCK_NB=4)

    # What a test asks.

    def survivors(self) -> Iterator[Disk]:
        """Every disk that may be found after the power was cut now."""
        for top in [self.top.synced, *self.top.pending]:
            directories = list(top.items())
            states = [[one.synced, *one.pending] for _, one in directories]
            for chosen in product(*states):
                files = {id(file): file for names in chosen for file in names.values()}
                for lengths in product(*(_lengths(file) for file in files.values())):
                    kept = {key: file.data[:n] for (key, file), n in zip(files.items(), lengths, strict=True)}
                    disk = Disk()
                    for (name, _), names in zip(directories, chosen, strict=True):
                        found = {one: _on_disk(kept[id(file)]) for one, file in names.items()}
                        disk.top.names[name] = Directory(dict(found), dict(found))
                    disk.top.synced = dict(disk.top.names)
                    yield disk

    def _step(self) -> None:
        if self.steps == self.cut:
            raise PowerCutError
        self.steps += 1

    def _descriptor(self, node: Any, flags: int) -> int:
        self._last += 1
        self._open[self._last] = node, flags & ~(_READ | _LOCKED)
        return self._last

    def _directory(self, path: str) -> Directory:
        if path == "/d":
            return self.top
        try:
            found: Directory = self.top.names[os.path.basename(path)]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory") from None
        return found

    def _stat(self, node: Any) -> Any:
        kind = stat.S_IFDIR | 0o700 if isinstance(node, Directory) else stat.S_IFREG | 0o600
        return SimpleNamespace(st_uid=os.geteuid(), st_mode=kind, st_dev=1, st_ino=id(node))

    def _flock(self, descriptor: int, _how: int) -> None:
        node, flags = self._open[descriptor]
        if node.locked:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        node.locked = True
        self._open[descriptor] = node, flags | _LOCKED


_READ = 1 << 40
_LOCKED = 1 << 41


def _lengths(file: File) -> list[int]:
    """How much of a file may be found: what was synced, and any part of the rest (a few of them)."""
    size, synced = len(file.data), file.synced
    return sorted({synced, synced + 1 if synced < size else synced, (synced + size) // 2, size})


def _on_disk(data: bytes) -> File:
    return File(data, len(data))
