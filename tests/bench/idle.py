"""Whether a daemon that has nothing to do is ever woken."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.stage import doors, stage
from tests.bench.subject import Subject, Usage, Who

HOW = (
    "Context switches, voluntary or not, of all processes of the daemon (/proc/PID/status) in {seconds}"
    " s, {rest} s after its start; no packet that passes its filter comes."
)
REST = 3


def run(quick: bool, say: Say) -> Outcome:
    """One daemon after the other."""
    seconds = 3 if quick else 10
    found: dict[Who, Usage] = {}
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as folder, stage() as on:
        for who in Who:
            say(who.value)
            with Subject(who, on.server, doors("/bin/true"), Path(folder)) as subject:
                time.sleep(REST)
                before = subject.usage()
                time.sleep(seconds)
                found[who] = subject.usage().since(before)
    ours, peer = found[Who.OURS], found[Who.PEER]
    figures = (
        at_most(f"user-space wake-ups in {seconds} s", "", ours.switches, 0, peer.switches),
        Figure(f"processor time in {seconds} s", "s", ours.cpu, peer.cpu),
    )
    return Outcome("Idle", HOW.format(seconds=seconds, rest=REST), figures)
