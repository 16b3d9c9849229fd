"""systemd as the init of a lab host, on a copy-on-write view of some root.

It runs in namespaces of its own (processes, mounts, control groups). Whatever it or a service writes is gone
with it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.lab.hosts import Host
from tests.support.lab.waiting import wait_until

SYSTEMD = "/lib/systemd/systemd"

START = """
set -e
base=$1 lower=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base/written" "$base/work" "$base/root"
root=$base/root
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$base/written,workdir=$base/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
chmod 1777 "$root/tmp"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
%s
cd "$root"
pivot_root . .
umount -l .
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    "$0" --log-target=console --log-level=warning --show-status=no "$@"
"""


class OwnSystemd(ABC):
    """systemd on ``host``, started on entering and killed with all it has started on leaving.

    ``prepare`` is shell that changes the view of ``root``, ``$root``, before systemd starts. It is given
    ``arguments``, and what it leaves of them goes to systemd.
    """

    def __init__(self, host: Host, root: Path, *arguments: str, prepare: str = "") -> None:
        groups = control_groups()
        if groups is None:
            raise SystemExit("no control groups of the second version can be made here: run this as root")
        self._host = host
        self._base = Path(tempfile.mkdtemp(prefix="knockd-systemd-"))
        self._start = ("sh", "-c", START % prepare, SYSTEMD, str(self._base), str(root), *arguments)
        self._group = groups / f"{self._base.name}-{os.getpid()}"
        self._log = self._base.with_suffix(".log")

    def __enter__(self) -> Self:
        self._group.mkdir()
        join = f'echo $$ > {self._group}/cgroup.procs && exec "$@"'
        spaces = ("unshare", "--fork", "--kill-child", "--pid", "--mount", "--ipc", "--uts", "--cgroup")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", join, "sh", *self._host.exec_prefix, *spaces, *self._start],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._init = wait_until(self._child, 30, "unshare starts systemd")
            wait_until(self._is_up, 120, "systemd has booted")
        except AssertionError as error:
            error.add_note(self._log.read_text())
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # --kill-child: init dies with unshare, and everything with init
        self._process.wait()
        wait_until(lambda: removed(self._group), 20, f"{self._group} is empty")
        self._log.unlink()
        self._base.rmdir()

    def path(self, inside: str) -> Path:
        """A file of the host, seen from here."""
        return Path(f"/proc/{self._init}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Makes a file on the host."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    @abstractmethod
    def find_state(self) -> str:
        """What ``systemctl is-system-running`` prints."""

    def _child(self) -> int | None:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _is_up(self) -> bool:
        try:
            return self.find_state().strip() in {"running", "degraded"}
        except (subprocess.TimeoutExpired, OSError):
            return False


def control_groups() -> Path | None:
    """Where control groups of the second version can be made."""
    for place in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (place / "cgroup.procs").exists() and (place / "cgroup.subtree_control").exists():
            return place if os.access(place, os.W_OK) else None
    return None


def removed(group: Path) -> bool:
    """Remove a control group and those in it; False as long as a process is dying there."""
    try:
        for folder in sorted((folder for folder in group.rglob("*") if folder.is_dir()), reverse=True):
            folder.rmdir()
        group.rmdir()
    except OSError:
        return not group.exists()
    return True
