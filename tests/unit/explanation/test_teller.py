"""What is printed of each packet at once, and at the end."""

from __future__ import annotations

import json

import pytest

from knockd.explanation.accounts import Sighting
from knockd.explanation.teller import Teller
from knockd_bpf.wire import DLT_EN10MB
from tests.support.doubles.listened import BEGIN, HERE, Listened, frame
from tests.support.doubles.played import BOB, door

DOOR = door("7 8", "ssh")


def told(*frames: bytes, as_json: bool = False) -> Teller:
    """A teller that has been told of frames."""
    listened = Listened(DOOR)
    teller = Teller(listened.listener, listened.doors, as_json=as_json)
    for data in frames:
        teller.tell_packet(Sighting(DLT_EN10MB, data, BEGIN, 0.0, passes=True), HERE)
    return teller


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A packet is told of as it comes, and others' are not."""
    told(frame("7"), frame("7", source=BOB))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("ssh: step 1 of 2")


def test_end(capsys: pytest.CaptureFixture[str]) -> None:
    """At the end come the packets that had to do with no door, and the sentence."""
    teller = told(frame("7"), frame("22"))
    capsys.readouterr()
    teller.tell_advice()
    lines = capsys.readouterr().out.splitlines()
    assert "1 more of 192.0.2.1 had to do with no door" == lines[0]
    assert lines[1].startswith("After step 1 of 2 of ssh nothing came to 8:tcp")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON there is an object a line, the last one the advice."""
    told(frame("7"), as_json=True).tell_advice()
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["packet", "advice"] == [one["event"] for one in said]
