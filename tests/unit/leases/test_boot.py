"""The clock and the name of this boot."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from knockd.leases import boot


def test_clock() -> None:
    """The clock counts from the start of the machine, and is the one that the kernel shows as uptime."""
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert uptime <= boot.boot_time() + 0.01 < uptime + 5


def test_clock_is_not_that_of_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the time of day is set to, the clock goes on: a router wakes up in 1970."""
    before = boot.boot_time()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= boot.boot_time() - before < 5


def test_name() -> None:
    """The boot's name is the kernel's."""
    assert boot.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc every run is a boot of its own: what it finds is closed at once."""
    monkeypatch.setattr(boot, "_BOOT_ID", "/proc/none")
    assert boot.boot_id() != boot.boot_id()
