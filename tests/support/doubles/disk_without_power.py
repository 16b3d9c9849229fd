"""A disk whose power can be cut: stands in for ``os`` and ``fcntl`` where files are written to survive it.

What counts is what POSIX promises and no more. Names come to the disk in the order they were
changed, when their directory is synced at the latest; bytes when their file is synced at the latest,
whatever its name does. Of what was not synced any sectors may be there; each as a whole. After a sync that
failed nobody writes the same bytes again (fsync(2) on Linux): what is read is there, the disk may lack it.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations, product
from types import SimpleNamespace
from typing import Any

SECTOR = 512
"""Bytes that come to the disk as a whole."""

FEW = 8
"""Parts of which every choice is tried; of more the first ones, the last ones, and all but one."""


class PowerCutError(BaseException):
    """The power is gone."""


@dataclass(eq=False)
class File:
    """Its bytes, those that are on the disk for certain, and what was written since: offsets and bytes."""

    data: bytes = b""
    synced: bytes = b""
    pending: list[tuple[int, bytes]] = field(default_factory=list)
    forsaken: list[tuple[int, bytes]] = field(default_factory=list)
    """What a sync that failed has left in memory."""
    locked: bool = False

    def write(self, offset: int, data: bytes) -> None:
        """Writes, to memory."""
        self.data = _written(self.data, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        """Brings to the disk what was written since the last sync, whether that failed or not."""
        for offset, data in self.pending:
            self.synced = _written(self.synced, offset, data)
        self.forsaken = [one for one in self.forsaken if not _is_covered(one, self.pending)]
        self.pending = []


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
    sector: int = SECTOR
    broken: bool = False
    """Whether files cannot be synced."""
    top: Directory = field(default_factory=Directory)
    steps: int = 0
    _open: dict[int, tuple[Any, int]] = field(default_factory=dict)
    _last: int = 100

    def __getattr__(self, name: str) -> Any:
        """What does not touch the disk is that of os."""
        if name.startswith("O_") or name in {"path", "geteuid", "environ", "strerror"}:
            return getattr(os, name)
        raise AttributeError(name)

    # What the state directory calls.

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """Opens a file in a directory, or a directory by its path."""
        del mode
        if dir_fd is None:
            return self._descriptor(self._directory(path), flags)
        directory = self._open[dir_fd][0]
        if path == ".":
            return self._descriptor(directory, flags)
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
        if flags & _LOCKED:
            node.locked = False

    def fstat(self, descriptor: int) -> Any:
        """What kind of node it is, and ours."""
        return self._stat(self._open[descriptor][0])

    def lstat(self, path: str) -> Any:
        """The same by its path."""
        return self._stat(self._directory(path))

    def stat(self, path: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
        """The same by its path, or by its name in a directory."""
        del follow_symlinks
        folder, name = os.path.split(path)
        directory = self._directory(folder) if dir_fd is None else self._open[dir_fd][0]
        return self._stat(directory.names[name])

    def fchmod(self, descriptor: int, mode: int) -> None:
        """There are no other modes."""
        assert stat.S_IMODE(self.fstat(descriptor).st_mode) == mode

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
        node.write(len(node.data), piece)
        return len(piece)

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        """Writes all of it."""
        self._step()
        self._open[descriptor][0].write(offset, bytes(data))
        return len(data)

    def ftruncate(self, descriptor: int, size: int) -> None:
        """Empties a file."""
        assert size == 0
        self._step()
        node = self._open[descriptor][0]
        node.write(_TRUNCATED, b"")

    def fdopen(self, descriptor: int, mode: str) -> Any:
        """What reads a file and closes it."""
        assert mode == "rb"
        data = self._open[descriptor][0].data
        self.close(descriptor)
        return io.BytesIO(data)

    def fdatasync(self, descriptor: int) -> None:
        """Brings bytes to the disk."""
        self.fsync(descriptor)

    def fsync(self, descriptor: int) -> None:
        """Brings bytes, or names, to the disk."""
        self._step()
        node = self._open[descriptor][0]
        if isinstance(node, Directory):
            node.synced, node.pending = dict(node.names), []
        elif self.broken:
            node.forsaken, node.pending = node.forsaken + node.pending, []
            raise OSError(errno.EIO, "Input/output error")
        else:
            node.sync()

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
                for contents in product(*(_contents(file, self.sector) for file in files.values())):
                    kept = dict(zip(files, contents, strict=True))
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
        size = len(node.data) if isinstance(node, File) else 0
        who = {"st_uid": os.geteuid(), "st_gid": os.getegid(), "st_nlink": 1}
        return SimpleNamespace(**who, st_mode=kind, st_dev=1, st_ino=id(node), st_size=size)

    def _flock(self, descriptor: int, _how: int) -> None:
        node, flags = self._open[descriptor]
        if node.locked:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        node.locked = True
        self._open[descriptor] = node, flags | _LOCKED


_TRUNCATED = -1
"""The offset of a write that empties the file."""

_READ = 1 << 40
_LOCKED = 1 << 41


def _contents(file: File, sector: int) -> set[bytes]:
    """What may be found in a file: what was synced, and any part of the rest."""
    pending = [*file.forsaken, *file.pending]
    parts = [part for offset, data in pending for part in _sectors(offset, data, sector)]
    numbers = range(len(parts))
    if len(parts) <= FEW:
        chosen = chain.from_iterable(combinations(numbers, count) for count in range(len(parts) + 1))
    else:
        edges = (edge for at in numbers for edge in (tuple(numbers[:at]), tuple(numbers[at:])))
        chosen = chain(edges, combinations(numbers, len(parts) - 1))
    found = set()
    for choice in chosen:
        data = file.synced
        for number in choice:
            data = _written(data, *parts[number])
        found.add(data)
    return found


def _sectors(offset: int, data: bytes, sector: int) -> list[tuple[int, bytes]]:
    """A write, divided where one sector ends and the next begins."""
    if offset == _TRUNCATED:
        return [(offset, data)]
    ends = [at - offset for at in range(offset + sector - offset % sector, offset + len(data), sector)]
    return [
        (offset + start, data[start:end]) for start, end in zip([0, *ends], [*ends, len(data)], strict=True)
    ]


def _written(before: bytes, offset: int, data: bytes) -> bytes:
    """Bytes after a write; a gap is filled with zeros."""
    if offset == _TRUNCATED:
        return b""
    return before[:offset].ljust(offset, b"\0") + data + before[offset + len(data) :]


def _is_covered(one: tuple[int, bytes], later: list[tuple[int, bytes]]) -> bool:
    """Whether a later write has the same bytes."""
    return any(at <= one[0] and one[0] + len(one[1]) <= at + len(data) for at, data in later)


def _on_disk(data: bytes) -> File:
    return File(data, data)
