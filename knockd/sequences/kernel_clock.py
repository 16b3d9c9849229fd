"""The kernel's clocks, and whether the kernel calls the wall clock synchronised (adjtimex(2)).

World: the kernel's clocks.
"""

from __future__ import annotations

import ctypes
import os
import time
from typing import Final

from knockd.sequences.trusted_clock import Reading

_STA_UNSYNC: Final = 0x40  # linux/timex.h

_libc = ctypes.CDLL(None, use_errno=True)


class _Timex(ctypes.Structure):
    """The head of struct timex, and room for the rest of it, whatever the libc."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("numbers", ctypes.c_long * 4),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def read_clock() -> Reading:
    """The clocks now."""
    return Reading(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), _find_why_loose())


def _find_why_loose() -> str:
    """Why the wall clock is not synchronised, empty when it is; what cannot be asked is not."""
    timex = _Timex()  # modes 0: nothing is changed
    try:
        failed = _libc.adjtimex(ctypes.byref(timex)) < 0
    except AttributeError:
        return "this system has no adjtimex"
    if failed:
        return f"adjtimex: {os.strerror(ctypes.get_errno())}"
    return "the kernel says STA_UNSYNC" if timex.status & _STA_UNSYNC else ""
