"""Whether the clock is set, and kept in time."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

import knockd
from knockd.doctor import clock as module
from knockd.doctor.clock import judge_clock, judge_synchronisation, look_at_clock
from knockd.sequences.trusted_clock import Reading
from knockd_conf.model import ClockTrust, Config, Options
from tests.support.doubles.played import door

YEAR = 365 * 86_400.0
LOOSE = "the kernel says STA_UNSYNC"
DOORS = (door("1 2", "plain"), *(door("", f"d{n}", sequence_key="/k") for n in range(7)))
KEYED = Config("/f", Options(), DOORS[:2], "host", ("/f",))


def test_a_clock_that_is_not_set() -> None:
    """A clock that is before the installation is told of, with the day that it says."""
    (finding,) = judge_clock(0.0, 56 * YEAR)
    assert "clock-wrong" == finding.name
    assert "the clock says 1970-01-01, before knockd was installed" == finding.text


def test_a_clock_that_is_set() -> None:
    """One that is later, or a few hours earlier, is well."""
    assert () == judge_clock(57 * YEAR, 56 * YEAR)
    assert () == judge_clock(56 * YEAR - 3600, 56 * YEAR)


def test_doors_that_wait() -> None:
    """Doors with a key wait for a clock that is kept in time; what to do depends on what can keep it."""
    (finding,) = judge_synchronisation(LOOSE, KEYED)
    assert finding.name == "clock-keyed"
    assert finding.text == (
        "the clock is not kept in time (the kernel says STA_UNSYNC):"
        " after a start doors with keys wait until it is: d0"
    )
    assert "Clock = trust" in finding.cure
    (finding,) = judge_synchronisation(LOOSE, replace(KEYED, doors=DOORS))
    assert finding.text.endswith(": d0, d1, d2, d3, d4, ...")


def test_doors_of_signed_knocks_wait() -> None:
    """As those with a key do."""
    doors = (door("1 2", "plain"), door("", "ssh", signed_port=47811))
    (finding,) = judge_synchronisation(LOOSE, replace(KEYED, doors=doors))
    assert "clock-keyed" == finding.name
    assert finding.text.endswith("wait until it is: ssh")


@pytest.mark.parametrize(
    "config",
    [None, replace(KEYED, doors=DOORS[:1]), replace(KEYED, options=Options(clock=ClockTrust.TRUST))],
    ids=["no configuration", "no key", "trusted"],
)
def test_nobody_waits(config: Config | None) -> None:
    """Where no door waits for it, it is a note."""
    assert ["clock-loose"] == [one.name for one in judge_synchronisation(LOOSE, config)]


def test_kept_in_time() -> None:
    """A clock that is kept in time is well."""
    assert () == judge_synchronisation("", KEYED)


def test_the_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own clock is judged, whoever keeps it."""
    later = os.stat(str(knockd.__file__)).st_mtime + YEAR
    monkeypatch.setattr(module, "read_clock", lambda: Reading(later, 1.0, LOOSE))
    assert ["clock-keyed"] == [one.name for one in look_at_clock(KEYED).findings]
    monkeypatch.setattr(module, "read_clock", lambda: Reading(0.0, 1.0))
    assert ["clock-wrong"] == [one.name for one in look_at_clock(KEYED).findings]
