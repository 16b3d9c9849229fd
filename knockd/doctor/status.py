"""What a running daemon says of itself (method Status of org.knockd.Control), judged.

Total: a reply that is not of the interface is one that could not be looked at.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from knockd.doctor.findings import Finding, Looked
from knockd_conf.text import printable

SUBJECT = "daemon"
MOST_NAMED = 5
FEW_DROPS = 0.001
"""The share of dropped packets that is let pass: a burst long ago is no reason to look."""


def judge_status(status: Mapping[str, Any]) -> Looked:
    """What is found in the reply of Status."""
    try:
        life = str(status.get("life", "up"))
        unlooked = (f"it is {life}: ask again when it is up",) if life in ("starting", "ending") else ()
        return Looked(SUBJECT, tuple(_find(status)), unlooked)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return Looked(SUBJECT, (), (f"what it says is not known here, it is of another version ({error!r})",))


def _find(status: Mapping[str, Any]) -> Iterator[Finding]:
    for name in status.get("waiting") or ():
        cure = "bring it up, or name another one with Interface"
        yield Finding("daemon-waiting", f"the daemon waits for interface {printable(name)}", cure)
    for sentence in status.get("deaf") or ():
        text, _, cure = printable(sentence).partition(": ")
        yield Finding("daemon-deaf", text, cure or "give it an address: ip address")
    if not (status.get("waiting") or status.get("interfaces", True)):
        yield Finding(
            "daemon-waiting", "the daemon listens on no interface", "see Interface in its configuration"
        )
    if status.get("life") == "up" and "worker" in status and status["worker"] is None:
        text = "the daemon has no process that reads packets: it is being replaced, or cannot start"
        yield Finding("no-packet-process", text, "see why with 'knockctl log --what daemon'")
    for door in status.get("doors") or ():
        if door.get("waiting"):
            text = f"door {printable(door['name'])} waits: {printable(door['waiting'])}"
            yield Finding("door-disabled", text, "it opens by itself when that is over")
        elif door.get("disabled"):
            text = f"door {printable(door['name'])} has no sequence that can be used"
            yield Finding(
                "door-disabled", text, "put new ones into its One_Time_Sequences, then 'knockctl reload'"
            )
        signed = (door.get("signed") or {}).get("waiting")
        if signed and signed != door.get("waiting"):
            text = f"signed knocks at door {printable(door['name'])} wait: {printable(signed)}"
            yield Finding("door-disabled", text, "they open it by themselves when that is over")
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
        if dropped > FEW_DROPS * received:
            share = f"{dropped:,} of {received:,} packets"
            text = f"{share} at {printable(one['name'])} had no room in the ring"
            yield Finding(
                "packets-dropped", text, "raise Buffer, or knock with ports that less traffic goes to"
            )
    restarts = status.get("worker_restarts") or 0
    if restarts:
        text = f"the process that reads packets was replaced {restarts} times"
        yield Finding("worker-restarted", text, "see why with 'knockctl log --what daemon'")
