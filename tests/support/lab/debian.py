"""A Debian of another release: its root made by mmdebstrap once, booted with systemd on a lab host.

The root is kept as an archive in CACHE; whatever is installed or written after a boot is gone with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.lab.own_systemd import OwnSystemd
from tests.support.lab.packages import PATH

CACHE = Path("/var/tmp/knockd-roots")
SLOW = 600
"""Seconds that apt may take on a busy machine."""


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


class DebianSystem(OwnSystemd):
    """Debian on a host."""

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

    def find_state(self) -> str:
        """What systemd says of itself."""
        return self.attempt("systemctl is-system-running").stdout
