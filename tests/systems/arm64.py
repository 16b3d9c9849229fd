"""knockd on 64-bit ARM: Debian 12, with its Python 3.11.

``make arm64``, or one part: ``make arm64 NAME=package``. As root.
"""

from __future__ import annotations

from tests.systems.debian_image import Debian
from tests.systems.processor_trial import try_processor
from tests.systems.virtual_machine import Emulator

DEBIAN = Debian("arm64", "bookworm", "linux-image-arm64", "qemu-aarch64")
EMULATOR = Emulator("qemu-system-aarch64", ("-M", "virt", "-cpu", "cortex-a72"), "ttyAMA0", "pci")

TAGS = ("manylinux_2_26_aarch64", "manylinux_2_28_aarch64")
"""Of pcapy-ng's wheel."""


def main() -> int:
    """Tries all, or the groups of tests named on the command line."""
    return try_processor(DEBIAN, EMULATOR, megabytes=2_048, tags=TAGS)


if __name__ == "__main__":
    raise SystemExit(main())
