"""Whether the clock is set: stamps of the log need it, and knocks with a key will.

World: the clock.
"""

from __future__ import annotations

import os
import time

import knockd
from knockd.doctor.findings import Finding, Looked
from knockd.net.programs import Patience, UnreadableError, find_program, run_program

SUBJECT = "clock"
TIMEOUT = 5.0
_CURE = "set it, and let systemd-timesyncd, chrony or ntpd keep it"
_SLACK = 86_400.0
"""Seconds: who packs files may be careless of time zones."""


def look_at_clock() -> Looked:
    """What was found; whether it is kept in time is asked of systemd only."""
    written = os.stat(str(knockd.__file__)).st_mtime
    found = judge_clock(time.time(), written)
    timedatectl = find_program("timedatectl")
    if timedatectl is None or not os.path.isdir("/run/systemd/system"):
        return Looked(SUBJECT, found, ("whether it is kept in time: there is no systemd to ask",))
    try:
        said = run_program(Patience(TIMEOUT), timedatectl, "show", "--property", "NTPSynchronized", "--value")
    except (OSError, UnreadableError) as error:
        return Looked(SUBJECT, found, (f"whether it is kept in time ({error})",))
    return Looked(SUBJECT, (*found, *judge_synchronisation(said)))


def judge_clock(now: float, written: float) -> tuple[Finding, ...]:
    """Whether it can be so early; ``written``: when knockd's files were, both in seconds since the epoch."""
    if now >= written - _SLACK:
        return ()
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    return (Finding("clock-wrong", f"the clock says {day}, before knockd was installed", _CURE),)


def judge_synchronisation(said: str) -> tuple[Finding, ...]:
    """What systemd says of NTPSynchronized."""
    if said.strip() != "no":
        return ()
    return (Finding("clock-loose", "the kernel says that the clock is not kept in time", _CURE),)
