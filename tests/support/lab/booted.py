"""A lab host with systemd as its init: the unit file at work under the real service manager.

systemd runs in namespaces of its own (processes, mounts, control groups) on a copy-on-write
view of this machine, with a /run of its own and nothing else started. Whatever it or a
service writes is gone with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.lab.hosts import Host
from tests.support.lab.tools import lacking, need
from tests.support.lab.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
SYSTEMD = "/lib/systemd/systemd"

START = """
set -e
base=$1 python=$2 packages=$3 source=$4
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base/written" "$base/work" "$base/root"
root=$base/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/written,workdir=$base/work" "$root"
rm -rf "$root/var/lib/knockd"  # what a knockd of this machine has open is not this one's
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/run/systemd/system"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# A Python in somebody's home directory would be hidden by the unit.
mkdir -p "$root/opt/knockd/python" "$root/opt/knockd/packages" "$root/opt/knockd/source"
mount --bind "$python" "$root/opt/knockd/python"
mount --bind "$packages" "$root/opt/knockd/packages"
mount --bind "$source" "$root/opt/knockd/source"
# The services of this machine, the ones that every system starts included, stay out.
rm -rf "$root"/lib/systemd/system/*.wants "$root"/etc/systemd/system/*.wants
for target in nothing sysinit basic; do
    printf '[Unit]\\nDescription=nothing\\n' > "$root/run/systemd/system/$target.target"
done
for unit in systemd-journald.service systemd-journald.socket; do
    ln -s /dev/null "$root/run/systemd/system/$unit"
done
cd "$root"
pivot_root . .
umount -l .
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    "$0" --unit=nothing.target --log-target=console --log-level=warning --show-status=no
"""

LAUNCHER = """#!/opt/knockd/python/bin/{python} -IB
import sys
sys.path[:0] = ["/opt/knockd/source", "/opt/knockd/source/bpf", "/opt/knockd/source/conf"]
sys.path.append("/opt/knockd/packages")
from {module} import main
sys.exit(main())
"""
"""A program where the units expect it: this checkout, seen from inside."""

PROGRAMS = {"knockd": "knockd.cli", "knockctl": "knockd.ctl.cli"}


def need_systemd() -> None:
    """Leave the test where systemd cannot be started, or would not find this Python."""
    need("systemd-analyze")
    need("unshare")
    if not Path(SYSTEMD).exists():
        lacking(f"{SYSTEMD} is missing: apt-get install systemd")
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        pytest.skip("systemd needs root, outside of user namespaces")
    if control_groups() is None:
        pytest.skip("no control groups that can be written, as in most containers")


class Booted:
    """systemd on ``host``, started on entering and killed with all it has started on leaving."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._base = Path(tempfile.mkdtemp(prefix="knockd-booted-"))
        groups = control_groups()
        assert groups is not None, "need_systemd() was not asked"
        self._group = groups / f"knockd-booted-{os.getpid()}"
        self._log = self._base.with_suffix(".log")

    def __enter__(self) -> Booted:
        self._group.mkdir()
        join = f'echo $$ > {self._group}/cgroup.procs && exec "$@"'
        parts = (sys.base_prefix, sysconfig.get_path("purelib"), str(ROOT))
        spaces = ("unshare", "--fork", "--kill-child", "--pid", "--mount", "--ipc", "--uts", "--cgroup")
        with self._log.open("wb") as log:
            start = ("sh", "-c", START, SYSTEMD, str(self._base), *parts)
            self._process = subprocess.Popen(
                ["sh", "-c", join, "sh", *self._host.exec_prefix, *spaces, *start],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._init = wait_until(self._child, 10, "unshare starts systemd")
            wait_until(self._is_up, 20, "systemd answers")
        except AssertionError as error:
            error.add_note(self._log.read_text())
            self.__exit__(None, None, None)
            raise
        python = Path(sys.executable).resolve().name
        for name, module in PROGRAMS.items():
            text = LAUNCHER.format(python=python, module=module)
            self.write(f"/usr/local/bin/{name}", text, mode=0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # --kill-child: init dies with unshare, and everything with init
        self._process.wait()
        wait_until(lambda: removed(self._group), 10, f"{self._group} is empty")
        self._log.unlink()
        self._base.rmdir()

    def path(self, inside: str) -> Path:
        """A file of the host, seen from here."""
        return Path(f"/proc/{self._init}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Make a file on the host."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def attempt(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the host, outside of every service; how it ended and what it printed."""
        enter = ("nsenter", "-t", str(self._init), "--pid", "--mount", "--root")
        home = ("sh", "-c", 'cd / && exec "$@"', "sh")
        return subprocess.run(
            [*self._host.exec_prefix, *enter, *home, *argv],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def run(self, *argv: str, check: bool = True) -> str:
        """Run a command on the host, outside of every service; what it printed."""
        done = self.attempt(*argv)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """What systemd knows of a unit."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def _child(self) -> int | None:
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = path.read_text().split()
        return int(children[0]) if children else None

    def _is_up(self) -> bool:
        try:
            return "running" in self.run("systemctl", "is-system-running", check=False)
        except subprocess.TimeoutExpired:
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
