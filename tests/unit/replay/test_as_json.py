"""The report for programs."""

from __future__ import annotations

import json

from knockd.replay.as_json import format_json
from tests.support.doubles.played import door
from tests.support.doubles.replays import BOB, HOME, KEYS, STAMP, frame, keyed_knock, replayed
from tests.support.doubles.signed_replays import SSH as SIGNED
from tests.support.doubles.signed_replays import means_of, signed_frame, signed_packet

SSH = door("1 2", "ssh", start_command="open %IP%")


def test_object() -> None:
    """One object has the capture, counts, events and sources."""
    made = json.loads(format_json(replayed([frame(0, 1), frame(1, 2), frame(2, 1, BOB)], SSH)))
    assert ("Ethernet", "2023-11-14T22:13:20.000000Z") == (made["capture"]["link"], made["capture"]["first"])
    assert (3, 3, 1) == (made["packets"]["all"], made["packets"]["judged"], made["openings"])
    assert [
        {
            "time": "2023-11-14T22:13:21.000000Z",
            "event": "open",
            "door": "ssh",
            "ip": "192.0.2.1",
            "packet": 2,
            "destination": "10.0.0.1",
            "key": None,
        },
        {
            "time": "2023-11-14T22:13:21.000000Z",
            "event": "start",
            "door": "ssh",
            "ip": "192.0.2.1",
            "command": "open 192.0.2.1",
        },
    ] == made["events"]
    assert {
        "ip": "192.0.2.2",
        "packets": 1,
        "dropped": 0,
        "openings": 0,
        "guard_hits": 0,
        "door": "ssh",
        "stage": 1,
        "steps": 2,
        "reason": "nothing came after step 1 of 2 before the capture ended",
    } == made["sources"][1]


def test_knocks_with_a_key() -> None:
    """An opening has the name of its key; a whole knock that opens nothing is an event with the reason."""
    at = 30 - STAMP / 1e6 % 30
    frames = [*keyed_knock(at, period=1), *keyed_knock(at + 9.7, period=-1, source=BOB)]
    made = json.loads(format_json(replayed(frames, HOME, keys=KEYS)))
    events = [one for one in made["events"] if one["event"] in ("open", "stale")]
    assert [(one["event"], one["ip"], one["packet"], one["key"]) for one in events] == [
        ("open", "192.0.2.1", 4, "ann"),
        ("stale", "192.0.2.2", 8, "ann"),
    ]
    assert events[1]["reason"] == "clock of the knocker is 55 s behind"
    assert made["openings"] == 1


def test_nothing() -> None:
    """A capture without frames has no times, no events and no sources."""
    made = json.loads(format_json(replayed([], SSH)))
    assert (None, [], [], None) == (
        made["capture"]["first"],
        made["events"],
        made["sources"],
        made["capture"]["broken"],
    )


def test_refused() -> None:
    """What is not run has its reason in place of a command."""
    made = json.loads(format_json(replayed([frame(0, 1)], door("1", start_command="a" * 5_000))))
    assert "its start command is longer than 4096 bytes" == made["events"][1]["reason"]


def test_signed_knocks() -> None:
    """Signed knocks are events with the key; one that does nothing has the reason, and perhaps no door."""
    frames = [
        signed_frame(0, signed_packet()),
        signed_frame(1, signed_packet(name="cellar", nonce=2)),
        signed_frame(2, signed_packet(verb="close", nonce=3)),
        signed_frame(3, bytes(124)),
        signed_frame(4, signed_packet()),
    ]
    made = json.loads(format_json(replayed(frames, SIGNED, signed=means_of())))
    events = [one for one in made["events"] if "packet" in one]
    key = "alice@laptop (SHA256:ICWTIMFqIa1seHwfScxOpzmnnS/35sGRnuqEN5d9eOM)"
    assert [(one["event"], one["door"], one["packet"], one["key"]) for one in events] == [
        ("open", "ssh", 1, key),
        ("refuse", None, 2, key),
        ("close", "ssh", 3, key),
    ]
    assert events[1]["reason"] == "no such door at this port"
    assert events[2]["destination"] == "10.0.0.1"
    assert (made["packets"]["no_signed_knock"], made["packets"]["signed_discarded"]) == (1, 1)
