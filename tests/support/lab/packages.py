"""Which Debian package each program comes from, and which of them the demo and the tests use.

``python -m tests.support.lab.packages demo`` (or another one of TARGETS) sees to it that they are there: root
gets them installed, everyone else gets the command to type.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEMO = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux"}
TEST = DEMO | {
    "iptables": "iptables",
    "tcpdump": "tcpdump",
    "/usr/sbin/knockd": "knockd",
    "nmap": "nmap",
    "hping3": "hping3",
    "nc": "netcat-openbsd",
    "faketime": "faketime",
    "man": "man-db",
    "setpriv": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "systemd-analyze": "systemd",
    "ufw": "ufw",
    "firewalld": "firewalld",
    "dbus-daemon": "dbus-daemon",
    "busybox": "busybox",
    "dash": "dash",
    "bash": "bash",
    "openssl": "openssl",
    "strace": "strace",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ssh-agent": "openssh-client",
    "ssh-add": "openssh-client",
    "etherwake": "etherwake",
    "pidof": "sysvinit-utils",
    "pgrep": "procps",
    "killall": "psmisc",
    "start-stop-daemon": "dpkg",
    "chromium": "chromium",
    "pdftotext": "poppler-utils",
    "mkfs.ext4": "e2fsprogs",
    "mandoc": "mandoc",
    "redis-server": "redis-server",
    "keepalived": "keepalived",
}
BENCH = DEMO | {
    "tcpreplay": "tcpreplay",
    "/usr/sbin/knockd": "knockd",
    "nmap": "nmap",
    "nc": "netcat-openbsd",
    "fwknopd": "fwknop-server",
    "fwknop": "fwknop-client",
    "taskset": "util-linux",
    "redis-server": "redis-server",
    "cc": "gcc",
    "gencat": "libc6-dev",  # comes with the headers that a compiler needs
}
BUILD = {
    "dpkg-buildpackage": "dpkg-dev",
    "dh": "debhelper",
    "dh_python3": "dh-python",
    "dh_apparmor": "dh-apparmor",
    "pyproject-build": "pybuild-plugin-pyproject",
    "pcap-config": "libpcap-dev",
    "python3-config": "python3-dev",
    "/usr/share/build-essential/list": "build-essential",
    "/usr/share/doc/python3-all/copyright": "python3-all",
    "/usr/lib/python3/dist-packages/setuptools": "python3-setuptools",
    "/usr/lib/python3/dist-packages/wheel": "python3-wheel",
    "git": "git",
}
"""What ``make deb``, ``make ipk`` and ``make release`` build with."""

SITE = {"git": "git", "mandoc": "mandoc"}
JUDGES = {
    "lintian": "lintian",
    "shellcheck": "shellcheck",
    "apparmor_parser": "apparmor",
    "fail2ban-regex": "fail2ban",
    "fail2ban-client": "fail2ban",
    "logrotate": "logrotate",
    "mandoc": "mandoc",
    "zsh": "zsh",
    "fish": "fish",
    "chromium": "chromium",
}
"""What the tests try packages and pages with."""

SYSTEMS = {"mmdebstrap": "mmdebstrap"}
"""What whole systems are made with; what one of them needs beside it, its module installs."""

PROCESSORS = {
    "mmdebstrap": "mmdebstrap",
    "arch-test": "arch-test",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "mkfs.ext4": "e2fsprogs",
}
"""What Debian for other processors is installed, and then booted, with."""

OPENWRT = DEMO | {"busybox": "busybox"}
CONTAINER = SYSTEMS | DEMO | {"podman": "podman", "crun": "crun"}
"""What the router of tests/systems is made of, and what builds and runs the container."""

TARGETS = {
    "demo": DEMO,
    "test": TEST,
    "bench": BENCH,
    "build": BUILD,
    "site": SITE,
    "judges": JUDGES,
    "systems": SYSTEMS,
    "processors": PROCESSORS,
    "openwrt": OPENWRT,
    "container": CONTAINER,
}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
"""Where programs are looked for: Debian leaves the sbin folders out of a user's PATH."""

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's hook that says whether a package may start its service."""


def find(tool: str) -> str | None:
    """The path of a program, or of a file that a package without programs has; None: it is not there."""
    if tool.startswith("/"):
        return tool if Path(tool).exists() else None
    return shutil.which(tool, path=PATH)


def missing(target: str) -> list[str]:
    """Debian packages that a make target (one of TARGETS) needs and that are not there."""
    packages = {package for tool, package in TARGETS[target].items() if find(tool) is None}
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        packages.add("python3-venv")
    return sorted(packages)


@contextmanager
def services_stay_stopped() -> Iterator[None]:
    """Inside the block no package starts a service (unless the machine has a policy of its own)."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install(packages: list[str]) -> None:
    """Install Debian packages without a question. Raises CalledProcessError."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ("-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120")
    print(f"installing {' '.join(packages)}", flush=True)
    with services_stay_stopped():
        subprocess.run(["apt-get", *options, "update"], check=True, env=quiet)
        command = ["apt-get", *options, "install", "-y", "--no-install-recommends", *packages]
        subprocess.run(command, check=True, env=quiet, stdout=subprocess.DEVNULL)


def provide(packages: list[str]) -> int:
    """Install packages or name them, who is not root; exit status 0 when nothing is missing any more."""
    if not packages:
        return 0
    command = f"apt-get install {' '.join(packages)}"
    if os.geteuid() != 0 or find("apt-get") is None:
        print(f"Missing programs. As root: {command}", file=sys.stderr)
        return 1
    try:
        install(packages)
    except subprocess.CalledProcessError as error:
        print(f"{command} failed with status {error.returncode}", file=sys.stderr)
        return 1
    return 0


def main(target: str) -> int:
    """Install or name what ``target`` lacks; exit status 0 when nothing is missing any more."""
    return provide(missing(target))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
