"""The JSON of packets and of the sentence: one object a line."""

from __future__ import annotations

import json
from dataclasses import replace

from knockd.explanation.as_json import account_json, advice_json
from tests.support.doubles.listened import Listened, frame
from tests.support.doubles.played import door

DOOR = door("7 8", "ssh", seq_timeout=10.0)


def test_packet() -> None:
    """A packet that counts says what it is at each door."""
    listened = Listened(DOOR)
    listened.hear("7")
    assert {
        "event": "packet",
        "time": "2023-11-14T22:13:20.000000Z",
        "since": 0.0,
        "interface": None,
        "ip": "192.0.2.1",
        "destination": "10.0.0.1",
        "protocol": "tcp",
        "port": 7,
        "flags": "syn",
        "passes_filter": True,
        "cause": None,
        "reason": None,
        "doors": [
            {
                "door": "ssh",
                "verdict": "first-step",
                "stage": 1,
                "steps": 2,
                "late": None,
                "key": None,
                "ignored_until": None,
                "text": "step 1 of 2",
            }
        ],
    } == json.loads(account_json(listened.accounts[0], listened.doors))


def test_numbers() -> None:
    """Lateness and the end of an ignored time are numbers and times."""
    listened = Listened(DOOR, guards=("6",))
    listened.hear("7 6", gap=11.0)
    (said,) = json.loads(account_json(listened.accounts[1], listened.doors))["doors"]
    assert ("guard", 1.0) == (said["verdict"], said["late"])
    assert "2023-11-14T22:13:41.000000Z" == said["ignored_until"]


def test_refused() -> None:
    """What can count nowhere has a cause and a reason."""
    listened = Listened(DOOR)
    listened.sight(frame("7"), 0.0, seen_at="eth1")
    said = json.loads(account_json(listened.accounts[0], listened.doors))
    assert ("seen-twice", []) == (said["cause"], said["doors"])
    assert said["reason"].startswith("the same packet as at eth1")


def test_hostile_names() -> None:
    """A door's name is printable in it."""
    listened = Listened(replace(DOOR, name="a\x1b[2J"))
    listened.hear("7")
    (said,) = json.loads(account_json(listened.accounts[0], listened.doors))["doors"]
    assert r"a\x1b[2J" == said["door"]


def test_advice() -> None:
    """The last line counts what had to do with no door."""
    said = json.loads(advice_json("Do this.", 3, {"22:tcp": 3}, Listened(DOOR).doors))
    assert {
        "event": "advice",
        "ip": "192.0.2.1",
        "packets": 3,
        "other_ports": {"22:tcp": 3},
        "advice": "Do this.",
    } == said
