"""knockd on 32-bit ARM (armv7, hard float): Debian 13, with its Python 3.13 and 64-bit times.

``make armhf``, or one part: ``make armhf NAME=package``. As root.
"""

from __future__ import annotations

from tests.systems.debian_image import Debian
from tests.systems.processor_trial import try_processor
from tests.systems.virtual_machine import Emulator

DEBIAN = Debian("armhf", "trixie", "linux-image-armmp", "qemu-arm")
EMULATOR = Emulator("qemu-system-arm", ("-M", "virt,highmem=off", "-cpu", "cortex-a15"), "ttyAMA0", "device")


def main() -> int:
    """Tries all, or the groups of tests named on the command line."""
    return try_processor(DEBIAN, EMULATOR, megabytes=2_048)


if __name__ == "__main__":
    raise SystemExit(main())
