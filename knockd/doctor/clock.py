"""Whether the clock is set: stamps of the log need it, and doors with keys wait for it.

World: the clock.
"""

from __future__ import annotations

import os
import time

import knockd
from knockd.doctor.findings import Finding, Looked
from knockd.sequences.kernel_clock import read_clock
from knockd_conf.model import ClockTrust, Config
from knockd_conf.text import printable

SUBJECT = "clock"
MOST_NAMED = 5
"""Doors that are named."""

_CURE = "set it, and let systemd-timesyncd, chrony or ntpd keep it"
_SLACK = 86_400.0
"""Seconds: who packs files may be careless of time zones."""


def look_at_clock(config: Config | None) -> Looked:
    """What was found. ``config``: None where it cannot be used."""
    written = os.stat(str(knockd.__file__)).st_mtime
    reading = read_clock()
    return Looked(
        SUBJECT, (*judge_clock(reading.wall, written), *judge_synchronisation(reading.loose, config))
    )


def judge_clock(now: float, written: float) -> tuple[Finding, ...]:
    """Whether it can be so early; ``written``: when knockd's files were, both in seconds since the epoch."""
    if now >= written - _SLACK:
        return ()
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    return (Finding("clock-wrong", f"the clock says {day}, before knockd was installed", _CURE),)


def judge_synchronisation(loose: str, config: Config | None) -> tuple[Finding, ...]:
    """Whether it is kept in time; ``loose``: why it is not, empty: it is."""
    if not loose:
        return ()
    waiting: list[str] = []
    if config is not None and config.options.clock is ClockTrust.SYNCHRONISED:
        keyed = [door for door in config.doors if door.sequence_key is not None or door.is_signed]
        waiting = [printable(door.name) for door in keyed]
    if not waiting:
        return (Finding("clock-loose", f"the clock is not kept in time: {loose}", _CURE),)
    named = ", ".join(waiting[:MOST_NAMED]) + (", ..." if len(waiting) > MOST_NAMED else "")
    text = f"the clock is not kept in time ({loose}): after a start doors with keys wait until it is: {named}"
    cure = (
        "let systemd-timesyncd, chrony or ntpd keep it; where a battery keeps it and nothing else can,"
        " write Clock = trust in [options]"
    )
    return (Finding("clock-keyed", text, cure),)
