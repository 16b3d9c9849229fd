"""This boot of the machine: its clock, which no one can set, and its name.

World: this boot's clock and name.
"""

from __future__ import annotations

import os
import time

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_time() -> float:
    """Seconds since boot, sleep included: no jump of the wall clock moves a lease."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """The name of this boot (random(4)); without /proc every run counts as a boot of its own."""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            return file.read(64).strip()
    except OSError:
        return random_name()


def random_name() -> str:
    """A name that nothing else has."""
    return os.urandom(8).hex()
