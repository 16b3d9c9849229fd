"""A summary as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import UTC
from pathlib import Path

from knockd.review.as_json import VERSION, summary_json
from knockd.review.clock import Clock
from knockd.review.summarise import Review
from knockd.review.summary import (
    CommandFailure,
    DaemonEvent,
    DoorCount,
    Failure,
    Lines,
    Opening,
    Owner,
    Scanner,
    Stuck,
    Summary,
    Timeline,
)
from tests.support.samples.entries import entry, opening

ANN = "192.0.2.7"


def test_an_object() -> None:
    """Times are RFC 3339, ends are words, and a program reads it back."""
    review = Review(clock=Clock(UTC))
    review.add_all([*opening(0, ANN), entry(20, "open", ANN)])
    found = json.loads(json.dumps(summary_json(review.finish(), Clock(UTC))))
    assert found["version"] == VERSION
    assert found["first"] == "2026-09-21T14:13:20.000+00:00"
    assert found["openings"][0]["closed"] == "2026-09-21T14:13:30.000+00:00"
    assert [one["end"] for one in found["openings"]] == ["timeout", "unknown"]
    assert found["openings"][1]["closed"] is None
    assert found["doors"][0]["openings"] == 2
    assert found["totals"]["openings"] == 2


def test_nothing() -> None:
    """A log without an entry has no times."""
    found = summary_json(Review().finish())
    assert found["first"] is None
    assert found["doors"] == []


def test_bytes_that_are_no_text() -> None:
    """A lone surrogate is an escape, as JSON has none for it."""
    review = Review()
    review.add(entry(0, "open", ANN, "d\udc80"))
    text = json.dumps(summary_json(review.finish()), ensure_ascii=False)
    assert r"d\\x80" in text
    text.encode()


def test_the_page_names_everything() -> None:
    """The schema on the page has all names of the object, and of the objects in its lists."""
    page = Path(__file__).resolve().parents[3].joinpath("docs/log-review.md").read_text("utf-8")
    schema = page.partition("<!-- schema -->")[2].partition("<!-- end -->")[0]
    said = set(re.findall(r"`([a-z_]+)`", schema))
    values = (
        Lines,
        DoorCount,
        Opening,
        Failure,
        Owner,
        Scanner,
        CommandFailure,
        Stuck,
        DaemonEvent,
        Timeline,
    )
    names = {field.name for value in (Summary, *values) for field in fields(value)}
    totals = set(Review().finish().totals)
    assert said - {"elsewhere"} == names | totals | {"version"}
