"""Disk images of Debian for other processors, with their kernel: made once, by mmdebstrap.

Its packages' scripts run under qemu-user; binfmt_misc hands them to it only while an image is made.
Images are kept in /var/tmp/knockd-systems: a gigabyte each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

CACHE = Path("/var/tmp/knockd-systems")
MOST_SECONDS = 3_600
"""For an image's packages to be fetched, unpacked and set up under qemu-user; usually a quarter of it."""

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_HANDLERS = Path("/usr/lib/binfmt.d")  # of qemu-user-static

_PROGRAMS = (
    *("systemd-sysv", "udev", "dbus", "kmod", "initramfs-tools", "busybox", "dash", "procps", "psmisc"),
    *("iproute2", "nftables", "iptables", "tcpdump", "nmap", "hping3", "netcat-openbsd", "strace"),
    *("openssh-client", "openssh-server", "openssl", "man-db", "e2fsprogs", "faketime", "gdb-minimal"),
    *("python3", "python3-venv", "python3-structlog", "python3-nacl", "python3-impacket", "python3-jinja2"),
    *("python3-segno", "python3-prometheus-client", "python3-zstandard"),
)
_MODULES = ("virtio_blk", "virtio_pci", "virtio_mmio", "ext4", "9pnet_virtio", "9p")
"""What the initial RAM disk needs beside the little that every Debian's has."""

AGENT = """[Unit]
Description=Runs what the host of this virtual machine brings
[Service]
ExecStartPre=mkdir -p /run/host
ExecStartPre=mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none host /run/host
ExecStart=sh /run/host/agent.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
"""

_PREPARE = """set -e
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
printf 'MODULES=list\\nCOMPRESS=gzip\\n' > "$1/etc/initramfs-tools/conf.d/knockd"
printf '{modules}\\n' > "$1/usr/share/initramfs-tools/modules.d/knockd"
echo man-db man-db/auto-update boolean false | chroot "$1" debconf-set-selections
"""
"""Before the packages that are not essential: the pages of manuals are not indexed under qemu-user."""


_RELEASE_ALONE = """sed -i '/-updates /d; /-security /d' "$1/etc/apt/sources.list"
"""
"""Before packages are listed: the list of updates may be newer than its mirror, and nothing is installed."""


@dataclass(frozen=True)
class Debian:
    """A release for a processor: Debian's names of both, its kernel's package, qemu-user's handler."""

    architecture: str
    release: str
    kernel: str
    handler: str
    packages: tuple[str, ...] = ()
    """What is installed beside the programs that all have."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.architecture}-{self.release}"


@dataclass(frozen=True)
class Image:
    """A kernel, its initial RAM disk, and an ext4 file system without partitions."""

    kernel: Path
    initrd: Path
    disk: Path


def find_image(debian: Debian) -> Image:
    """The image of a system, made when there is none of this recipe. Raises CalledProcessError."""
    folder = CACHE / debian.name
    image = Image(folder / "kernel", folder / "initrd", folder / "disk.ext4")
    stamp, recipe = folder / "recipe", _recipe(debian)
    if not stamp.exists() or stamp.read_text() != recipe:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        begun = time.monotonic()
        print(f"{debian.name}: Debian is installed under qemu-user; see {folder}/log", flush=True)
        root = folder / "root"
        with handler_registered(debian.handler), (folder / "log").open("wb") as log:
            command = ("nice", *_mmdebstrap(debian, root))
            subprocess.run(command, stdout=log, stderr=log, check=True, timeout=MOST_SECONDS)
        make_disk(root, image)
        shutil.rmtree(root)
        stamp.write_text(recipe)
        print(f"{debian.name}: made in {time.monotonic() - begun:.0f} s", flush=True)
    return image


def _recipe(debian: Debian) -> str:
    """Another text for another recipe."""
    text = repr((astuple(debian), _PROGRAMS, _MODULES, AGENT, _PREPARE, _RELEASE_ALONE))
    return hashlib.sha256(text.encode()).hexdigest()


def _mmdebstrap(debian: Debian, root: Path) -> tuple[str, ...]:
    packages = ",".join((debian.kernel, *_PROGRAMS, *debian.packages))
    prepare = _PREPARE.format(modules="\\n".join(_MODULES))
    return (
        *(
            "mmdebstrap",
            "--variant=minbase",
            f"--architectures={debian.architecture}",
            f"--include={packages}",
        ),
        *("--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"'),
        f"--setup-hook={_RELEASE_ALONE}",
        f"--essential-hook={prepare}",
        *(debian.release, str(root)),
    )


def make_disk(root: Path, image: Image) -> None:
    """Makes an image of a root, with the agent in it."""
    system = root / "etc/systemd/system"
    (system / "knockd-agent.service").write_text(AGENT)
    wants = system / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "knockd-agent.service").symlink_to("../knockd-agent.service")
    (root / "etc/hostname").write_text("knockd-trial\n")
    for unit in ("ssh.service", "apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer"):
        (system / unit).symlink_to("/dev/null")
    for made, found in ((image.kernel, "vmlinuz-*"), (image.initrd, "initrd.img-*")):
        shutil.copyfile(min((root / "boot").glob(found)), made)  # beside it is a copy of the one before
    with image.disk.open("wb") as disk:
        os.truncate(disk.fileno(), 4 << 30)
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", str(root), str(image.disk)], check=True
    )


@contextmanager
def handler_registered(name: str) -> Iterator[None]:
    """Inside the block the kernel runs programs of another processor under qemu-user, in any root."""
    handler = _BINFMT / name
    if handler.exists():
        yield
        return
    if not (_BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)], check=True)
    (_BINFMT / "register").write_text((_HANDLERS / f"{name}.conf").read_text().strip())
    try:
        yield
    finally:
        handler.write_text("-1")
