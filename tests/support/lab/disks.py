"""Small disks of a test's own: filled, read-only, taken away, without power; and a /dev with a log socket."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import TracebackType

from tests.support.lab.hosts import execute
from tests.support.lab.tools import need

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

PRIVATE_DEV = f"""
set -e
dev=$1; log=$2; shift 2
mkdir -p "$dev"
mount -t tmpfs tmpfs "$dev"
for name in {" ".join(DEVICES)}; do : > "$dev/$name"; mount --bind "/dev/$name" "$dev/$name"; done
ln -s /proc/self/fd "$dev/fd"
ln -s /proc/self/fd/1 "$dev/stdout"
ln -s "$log" "$dev/log"
mount --rbind "$dev" /dev
exec "$@"
"""


def with_devlog(program: tuple[str, ...], directory: Path) -> tuple[str, ...]:
    """A command line that sees a /dev of its own, whose ``log`` is ``directory/devlog``.

    For ``ip netns exec``, which gives each command its own mounts.
    """
    return ("sh", "-c", PRIVATE_DEV, "sh", str(directory / "dev"), str(directory / "devlog"), *program)


class Disk:
    """A tmpfs of ``size`` KiB at ``path``; a context manager. Mount it before the daemon starts."""

    def __init__(self, path: Path, size: int = 64) -> None:
        self.path = path
        self._size = size

    def __enter__(self) -> Disk:
        self.path.mkdir()
        execute("mount", "-t", "tmpfs", "-o", f"size={self._size}k,mode=755", "tmpfs", str(self.path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        execute("umount", "-l", str(self.path))

    @property
    def _filler(self) -> Path:
        return self.path / "filler"

    def fill(self) -> None:
        """Leaves not one free page."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Gives the room back."""
        self._filler.unlink()

    def read_only(self, yes: bool, *pids: int) -> None:
        """Lets nobody write, or everybody again; files must not be open for writing.

        A process that has mounts of its own sees it only when it is among ``pids``.
        """
        remount = ("mount", "-o", f"remount,{'ro' if yes else 'rw'}", str(self.path))
        execute(*remount)
        for pid in pids:
            execute("nsenter", "-t", str(pid), "-m", *remount)


class PowerDisk:
    """An ext4 file system at ``path`` whose power can be cut; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._image = path.with_suffix(".image")

    def __enter__(self) -> PowerDisk:
        with self._image.open("wb") as file:
            file.truncate(8 << 20)
        execute(need("mkfs.ext4", "e2fsprogs"), "-q", str(self._image))
        self.path.mkdir()
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        execute("umount", "-l", str(self.path))

    def cut_power(self) -> None:
        """Leaves what has been written to the disk by now, and nothing that is only in memory."""
        found = self._image.with_suffix(f".{len(list(self.path.parent.iterdir()))}")
        shutil.copyfile(self._image, found)
        execute("umount", "-l", str(self.path))
        self._image = found
        self._mount()

    def _mount(self) -> None:
        execute("mount", "-o", "loop", str(self._image), str(self.path))
