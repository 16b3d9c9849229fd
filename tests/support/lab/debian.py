"""A Debian of another release: its root made by mmdebstrap once, booted with systemd on a lab host.

The root is kept as an archive in CACHE. A boot works on a copy-on-write view of it, in namespaces of its own
(processes, mounts, control groups); whatever is installed or written there is gone with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.support.lab.booted import control_groups, removed
from tests.support.lab.hosts import Host
from tests.support.lab.packages import PATH
from tests.support.lab.waiting import wait_until

CACHE = Path("/var/tmp/knockd-roots")
SLOW = 600
"""Seconds that apt may take on a busy machine."""

START = """
set -e
base=$1 lower=$2
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
cd "$root"
pivot_root . .
umount -l .
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-target=console --log-level=warning --show-status=no
"""


def make_root(suite: str, variant: str, packages: tuple[str, ...], hooks: tuple[str, ...] = ()) -> Path:
    """The folder of a root with these packages, made where it is not there yet; nobody writes to it.

    ``hooks`` are shell commands that mmdebstrap runs on the root, which is ``$1``. Raises CalledProcessError.
    """
    words = "\0".join((variant, *packages, *hooks))
    name = f"{suite}-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
    archive, folder = CACHE / f"{name}.tar", CACHE / name
    if folder.exists():
        return folder
    CACHE.mkdir(exist_ok=True)
    if not archive.exists():
        print(f"making a root of {suite} (minutes)", flush=True)
        unfinished = archive.with_suffix(".new.tar")
        options = [f"--variant={variant}", f"--include={','.join(packages)}", "--dpkgopt=force-unsafe-io"]
        options += [f"--customize-hook={one}" for one in hooks]
        environment = {**os.environ, "PATH": PATH}
        command = ["mmdebstrap", "--quiet", *options, suite, str(unfinished)]
        subprocess.run(command, check=True, env=environment)
        unfinished.rename(archive)
    unpacked = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=CACHE))
    unpacked.chmod(0o755)
    subprocess.run(["tar", "-xpf", str(archive), "-C", str(unpacked)], check=True)
    unpacked.rename(folder)
    return folder


class DebianSystem:
    """systemd of ``root`` on ``host``, started on entering and killed with all it has started on leaving."""

    def __init__(self, host: Host, root: Path) -> None:
        self._host, self._root = host, root
        self._base = Path(tempfile.mkdtemp(prefix="knockd-debian-"))
        groups = control_groups()
        if groups is None:
            raise SystemExit("no control groups of the second version can be made here: run this as root")
        self._group = groups / f"knockd-debian-{os.getpid()}-{self._base.name[-8:]}"
        self._log = self._base.with_suffix(".log")

    def __enter__(self) -> DebianSystem:
        self._group.mkdir()
        join = f'echo $$ > {self._group}/cgroup.procs && exec "$@"'
        spaces = ("unshare", "--fork", "--kill-child", "--pid", "--mount", "--ipc", "--uts", "--cgroup")
        start = ("sh", "-c", START, "sh", str(self._base), str(self._root))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", join, "sh", *self._host.exec_prefix, *spaces, *start],
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
        """A file of the system, seen from here."""
        return Path(f"/proc/{self._init}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Makes a file of the system."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def copy(self, source: Path, folder: str) -> None:
        """Copies a file from here into a folder of the system."""
        self.path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(source, self.path(folder))

    def attempt(self, command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the shell as root, without a terminal or an input; both its outputs in stdout."""
        enter = ("nsenter", "-t", str(self._init), "--all")
        environment = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root")
        quiet = ("DEBIAN_FRONTEND=noninteractive", "PYTHONDONTWRITEBYTECODE=1")
        return subprocess.run(
            [*enter, *environment, *quiet, "sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SLOW,
        )

    def run(self, command: str) -> str:
        """What a command prints; AssertionError when it fails."""
        done = self.attempt(command)
        assert done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}"
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --value --property={name} {unit}").strip()

    def _child(self) -> int | None:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _is_up(self) -> bool:
        try:
            done = self.attempt("systemctl is-system-running")
        except (subprocess.TimeoutExpired, OSError):
            return False
        return done.stdout.strip() in {"running", "degraded"}
