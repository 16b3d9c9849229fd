"""A router with OpenWrt's tools as far as Debian has them: busybox, nft and a Python split as there.

What only OpenWrt has stands in openwrt_shell.py.
``make_root`` makes its flash, a folder; ``Router`` boots it on a lab host.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from knockd_packages.ipk import LIBRARY
from tests.support.lab import openwrt_shell
from tests.support.lab.hosts import Host
from tests.support.lab.openwrt_python import PYTHON, install_program, install_python
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/ash\nnobody:*:65534:65534:nobody:/var:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "lib/functions.sh": openwrt_shell.FUNCTIONS,
    "lib/functions/procd.sh": openwrt_shell.PROCD,
    "etc/rc.common": openwrt_shell.RC_COMMON,
    "sbin/supervise": openwrt_shell.SUPERVISE,
    "sbin/init": openwrt_shell.INIT,
    "bin/opkg": openwrt_shell.OPKG,
}
FOLDERS = (
    "dev",
    "etc/rc.d",
    "etc/init.d",
    "etc/config",
    "overlay",
    "proc",
    "root",
    "sys",
    "tmp",
    "usr/lib/opkg/info",
)

START = """
set -e
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
cd "$root"
pivot_root . .
umount -l .
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
"""


def make_root(root: Path, packages: Iterable[str]) -> None:
    """The flash of a router without knockd, on which ``packages`` of OpenWrt's Python are installed."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    busybox = Path(need("busybox"))
    install_program(root, busybox, "bin/busybox")
    for place in subprocess.run(
        [busybox, "--list-full"], capture_output=True, text=True, check=True
    ).stdout.split():
        link = root / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to("/bin/busybox")
    install_program(root, Path(need("nft")), "usr/sbin/nft")
    install_python(root, packages)
    (root / "var").symlink_to("tmp")
    for place, text in FILES.items():
        path = root / place
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    for name in ("libc", LIBRARY, "python3-light", *packages):
        (root / f"usr/lib/opkg/info/{name}.control").write_text(f"Package: {name}\n")


class Router:
    """``root`` booted on ``host``; ended on leaving, with all that runs on it."""

    def __init__(self, host: Host, root: Path) -> None:
        self._host = host
        self._root = root
        self._log = root.with_suffix(".boot")
        self._process: subprocess.Popen[Any]
        self._init = 0

    def __enter__(self) -> Router:
        spaces = ("unshare", "--fork", "--kill-child", "--pid", "--mount", "--ipc", "--uts")
        with self._log.open("wb") as log:
            self._process = self._host.popen(
                *spaces,
                "sh",
                "-c",
                START,
                "sh",
                str(self._root),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._init = wait_until(self._child, 10, "init runs")
        wait_until(lambda: self.path("/var/run/booted").exists(), 30, "the router has booted")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self._log.read_text() + self.log())
        self._process.kill()
        self._process.wait()

    def path(self, inside: str) -> Path:
        """A file of the router, seen from here; links in the way lead astray but for /var."""
        inside = inside.replace("/var/", "/tmp/", 1) if inside.startswith("/var/") else inside
        return Path(f"/proc/{self._init}/root{inside}")

    def attempt(self, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command on the router; how it ended and what it printed."""
        enter = ("nsenter", "-t", str(self._init), "--pid", "--mount", "--ipc", "--uts", "--root")
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", 'cd / && exec "$@"', "sh")
        return self._host.status(*enter, *clean, *argv, timeout=timeout)

    def run(self, *argv: str, timeout: float = 60) -> str:
        """Run a command on the router; what it printed. AssertionError where its status is not 0."""
        done = self.attempt(*argv, timeout=timeout)
        assert done.returncode == 0, (
            f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}{self.log()}"
        )
        return done.stdout

    def log(self) -> str:
        """What the log of the system and standard error of services have."""
        texts = [self.path(f"/var/log/{name}") for name in ("messages", "stderr")]
        return "".join(path.read_text("utf-8", "replace") for path in texts if path.exists())

    def processes(self) -> list[int]:
        """The processes that are Python, by the numbers that they have out here."""
        found = self._host.run("ip", "netns", "pids", self._host.namespace).split()
        return sorted(int(pid) for pid in found if _program(pid) == f"/usr/bin/{PYTHON}")

    def _child(self) -> int | None:
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = path.read_text().split() if path.exists() else []
        return int(children[0]) if children else None


def _program(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def flash(root: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(os.lstat(path).st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
