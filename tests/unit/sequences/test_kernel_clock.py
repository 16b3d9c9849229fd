"""What the kernel says of its clocks."""

from __future__ import annotations

import ctypes
import time
from types import SimpleNamespace
from typing import Any

import pytest

from knockd.sequences import kernel_clock
from knockd.sequences.kernel_clock import read_clock


def adjtimex(status: int, result: int = 0) -> SimpleNamespace:
    """A libc whose adjtimex says this."""

    def call(given: Any) -> int:
        given._obj.status = status
        return result

    return SimpleNamespace(adjtimex=call)


def test_both_clocks() -> None:
    """The wall clock and the one that counts sleep, of now."""
    before = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    reading = read_clock()
    after = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before[0] <= reading.wall <= after[0]
    assert before[1] <= reading.steady <= after[1]


@pytest.mark.parametrize(
    ("libc", "loose"),
    [
        (adjtimex(0x2001), ""),
        (adjtimex(0x0041, 5), "the kernel says STA_UNSYNC"),
        (SimpleNamespace(), "this system has no adjtimex"),
    ],
    ids=["synchronised", "loose", "none"],
)
def test_synchronised(monkeypatch: pytest.MonkeyPatch, libc: SimpleNamespace, loose: str) -> None:
    """It is synchronised only if the kernel says so."""
    monkeypatch.setattr(kernel_clock, "_libc", libc)
    assert loose == read_clock().loose


def test_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sandbox refuses the question, the reason says so."""
    monkeypatch.setattr(kernel_clock, "_libc", adjtimex(0, -1))
    ctypes.set_errno(1)
    assert read_clock().loose == "adjtimex: Operation not permitted"


def test_the_kernel_is_really_asked() -> None:
    """The kernel's status fits what its return value says: 5 (TIME_ERROR) is what a loose clock has."""
    timex = kernel_clock._Timex()
    result = kernel_clock._libc.adjtimex(ctypes.byref(timex))
    assert 0 <= result <= 5
    assert (result == 5) >= bool(timex.status & 0x40)
    assert bool(read_clock().loose) == bool(timex.status & 0x40)
