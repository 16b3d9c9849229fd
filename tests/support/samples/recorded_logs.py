"""Logs that daemons have really written: knockd 0.8 and ours, into files, by syslog and by the journal.

``python -m tests.differential.logs`` records them. A name is ``DAEMON-WHAT.log``: ``json`` is ours with
``LogFormat = json``. All of one daemon and one collector of syslog are of one run.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "logs"

ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
"""The time zone that they were recorded in."""

SAMPLES = tuple(sorted(FOLDER.glob("*.log")))
