"""A lab host with systemd as its init: the unit file at work under the real service manager.

systemd runs on a copy-on-write view of this machine, with a /run of its own and nothing else started.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Self

import pytest

from tests.support.lab.hosts import Host
from tests.support.lab.own_systemd import SYSTEMD, OwnSystemd, control_groups
from tests.support.lab.tools import lacking, need

ROOT = Path(__file__).resolve().parents[3]
PREPARE = """
python=$1 packages=$2 source=$3
rm -rf "$root/var/lib/knockd"  # what a knockd of this machine has open is not this one's
# A Python in somebody's home directory would be hidden by the unit.
mkdir -p "$root/opt/knockd/python" "$root/opt/knockd/packages" "$root/opt/knockd/source"
mount --bind "$python" "$root/opt/knockd/python"
mount --bind "$packages" "$root/opt/knockd/packages"
mount --bind "$source" "$root/opt/knockd/source"
# The services of this machine, the ones that every system starts included, stay out.
rm -rf "$root"/lib/systemd/system/*.wants "$root"/etc/systemd/system/*.wants
mkdir -p "$root/run/systemd/system"
for target in nothing sysinit basic; do
    printf '[Unit]\\nDescription=nothing\\n' > "$root/run/systemd/system/$target.target"
done
for unit in systemd-journald.service systemd-journald.socket; do
    ln -s /dev/null "$root/run/systemd/system/$unit"
done
set -- --unit=nothing.target
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


class Booted(OwnSystemd):
    """systemd on ``host``, with this checkout's programs where the units expect them."""

    def __init__(self, host: Host) -> None:
        parts = (sys.base_prefix, sysconfig.get_path("purelib"), str(ROOT))
        super().__init__(host, Path("/"), *parts, prepare=PREPARE)

    def __enter__(self) -> Self:
        super().__enter__()
        python = Path(sys.executable).resolve().name
        for name, module in PROGRAMS.items():
            text = LAUNCHER.format(python=python, module=module)
            self.write(f"/usr/local/bin/{name}", text, mode=0o755)
        return self

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

    def find_state(self) -> str:
        """What systemd says of itself."""
        return self.run("systemctl", "is-system-running", check=False)
