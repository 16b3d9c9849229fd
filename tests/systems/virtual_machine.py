"""A virtual machine under qemu-system, without a network: scripts go in by a folder that it shares.

The image is not changed: what the machine writes to its disk is gone with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.systems.debian_image import Image

BOOT_SECONDS = 1_800
"""For a kernel and systemd to come up under emulation, on a busy host."""

TAIL = 4_000
"""Characters of the console that are shown when something fails."""

_AGENT = """
number=1
touch /run/host/ready
while :; do
    job=/run/host/$number
    if [ -e $job.sh ]; then
        timeout -k 10 "$(cat $job.seconds)" sh $job.sh < /dev/null > $job.out 2>&1
        echo $? > $job.status.new
        mv $job.status.new $job.status
        number=$((number + 1))
    else
        sleep 0.3
    fi
done
"""
"""Runs one script after the other; 124 is the status of one whose time was over."""


@dataclass(frozen=True)
class Emulator:
    """A qemu-system program, its machine and the devices' bus, which differs between boards."""

    program: str
    options: tuple[str, ...]
    console: str
    bus: str
    """``pci`` or ``device`` (virtio-mmio): how the names of qemu's virtio devices end."""


@dataclass(frozen=True)
class Done:
    """How a script in the machine ended, what it printed on both outputs, and the seconds it took."""

    status: int
    output: str
    seconds: float


class MachineError(Exception):
    """The machine did not boot, or a script failed in it; the text shows why."""


class VirtualMachine:
    """Boots on entering, within BOOT_SECONDS, and is switched off on leaving. Raises MachineError."""

    def __init__(
        self, emulator: Emulator, image: Image, folder: Path, *, processors: int, megabytes: int
    ) -> None:
        self._console = folder / "console"
        self.shared = folder / "shared"
        """What is /run/host in the machine."""
        self.boot_seconds = 0.0
        self._jobs = 0
        arguments = f"root=/dev/vda rw console={emulator.console} panic=-1 systemd.condition-needs-update=0"
        bus = emulator.bus
        self._argv = (
            *(emulator.program, *emulator.options, "-accel", "tcg,thread=multi", "-nographic", "-no-reboot"),
            *(
                "-smp",
                str(processors),
                "-m",
                str(megabytes),
                "-monitor",
                "none",
                "-serial",
                f"file:{self._console}",
            ),
            *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", arguments),
            *("-drive", f"file={image.disk},format=raw,if=none,id=disk,snapshot=on"),
            *("-device", f"virtio-blk-{bus},drive=disk", "-device", f"virtio-rng-{bus}", "-nic", "none"),
            *("-fsdev", f"local,id=host,path={self.shared},security_model=none"),
            *("-device", f"virtio-9p-{bus},fsdev=host,mount_tag=host"),
        )

    def __enter__(self) -> VirtualMachine:
        self.shared.mkdir(parents=True)
        (self.shared / "agent.sh").write_text(_AGENT)
        begun = time.monotonic()
        environment = {**os.environ, "TMPDIR": str(self.shared.parent)}  # of what the disk has changed
        self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, env=environment)
        try:
            self._wait(self.shared / "ready", BOOT_SECONDS, "boot")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.boot_seconds = time.monotonic() - begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def attempt(self, script: str, seconds: int) -> Done:
        """Runs a shell script as root, which is ended after so many seconds."""
        self._jobs += 1
        job = self.shared / str(self._jobs)
        job.with_suffix(".seconds").write_text(f"{seconds}\n")
        new = job.with_suffix(".new")
        new.write_text(script)
        begun = time.monotonic()
        new.rename(job.with_suffix(".sh"))
        self._wait(job.with_suffix(".status"), seconds + 60, f"script {self._jobs}")
        took = time.monotonic() - begun
        output = job.with_suffix(".out").read_text("utf-8", "replace")
        return Done(int(job.with_suffix(".status").read_text()), output, took)

    def run(self, script: str, seconds: int) -> Done:
        """The same for a script that has to succeed. Raises MachineError with the end of its output."""
        done = self.attempt(script, seconds)
        if done.status:
            raise MachineError(
                f"{script}\nended with {done.status} after {done.seconds:.0f} s:\n{done.output[-TAIL:]}"
            )
        return done

    def bring(self, path: Path) -> str:
        """Copies a file into the shared folder; its path in the machine."""
        shutil.copy(path, self.shared)
        return f"/run/host/{path.name}"

    def _wait(self, path: Path, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not path.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                console = self._console.read_text("utf-8", "replace") if self._console.exists() else ""
                state = (
                    "qemu has ended"
                    if self._process.returncode is not None
                    else f"not within {seconds:.0f} s"
                )
                raise MachineError(f"{what}: {state}; the console's end:\n{console[-TAIL:]}")
            time.sleep(0.1)
