"""What a running daemon says of itself (method Status of org.knockd.Control), judged.

Total on any reply that the interface allows.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from knockd.doctor.findings import Finding, Looked
from knockd_conf.text import printable

SUBJECT = "daemon"
MOST_NAMED = 5


def judge_status(status: Mapping[str, Any]) -> Looked:
    """What is found in the reply of Status."""
    return Looked(SUBJECT, tuple(_find(status)))


def _find(status: Mapping[str, Any]) -> Iterator[Finding]:
    for name in status.get("waiting") or ():
        cure = "bring it up, or name another one with Interface"
        yield Finding("daemon-waiting", f"the daemon waits for interface {printable(name)}", cure)
    for name in status.get("deaf") or ():
        text = f"the daemon listens on {printable(name)}, which has no address to knock at"
        yield Finding(
            "daemon-deaf", text, "give it one, or name the bridge that it is a part of with Interface"
        )
    if status.get("life") == "up" and "worker" in status and status["worker"] is None:
        text = "the daemon has no process that reads packets: it is being replaced, or cannot start"
        yield Finding("no-packet-process", text, "see why with 'knockctl log --what daemon'")
    for door in status.get("doors") or ():
        if door.get("disabled"):
            text = f"door {printable(door['name'])} has no sequence that can be used"
            yield Finding(
                "door-disabled", text, "put new ones into its One_Time_Sequences, then 'knockctl reload'"
            )
    for problem in (status.get("refused") or ())[:MOST_NAMED]:
        line = f":{problem['line']}" if problem.get("line") else ""
        text = f"the last reload was refused: {printable(problem['text'])}"
        yield Finding(
            "reload-refused", text, "correct it, then 'knockctl reload'", f"{problem['path']}{line}"
        )
    yield from _judge_leases(status)
    yield from _judge_packets(status)


def _judge_leases(status: Mapping[str, Any]) -> Iterator[Finding]:
    failed = status.get("failed_total") or 0
    named = [one for one in status.get("leases") or () if one.get("state") in ("failed", "retrying")]
    if failed or named:
        who = ", ".join(printable(f"{one['door']} for {one['address']}") for one in named[:MOST_NAMED])
        text = f"doors that cannot be closed: {max(failed, len(named))}" + (f" ({who})" if who else "")
        cure = "see why with 'knockctl log --what command'; 'knockctl close', or 'knockctl forget LEASE'"
        yield Finding("stop-failed", text, cure)
    journal = status.get("journal") or {}
    if journal and not journal.get("lasts", True):
        reason = printable(journal.get("reason") or "StateDir cannot be used")
        text = f"open doors are noted in {printable(journal.get('place', 'memory'))} only: {reason}"
        yield Finding("journal-in-memory", text, "make StateDir usable, then 'knockctl reload'")


def _judge_packets(status: Mapping[str, Any]) -> Iterator[Finding]:
    for one in status.get("interfaces") or ():
        dropped, received = one.get("dropped") or 0, one.get("received") or 0
        if dropped:
            share = f"{dropped:,} of {dropped + received:,} packets"
            text = f"{share} at {printable(one['name'])} had no room in the ring"
            yield Finding(
                "packets-dropped", text, "raise Buffer, or knock with ports that less traffic goes to"
            )
    restarts = status.get("worker_restarts") or 0
    if restarts:
        text = f"the process that reads packets was replaced {restarts} times"
        yield Finding("worker-restarted", text, "see why with 'knockctl log --what daemon'")
