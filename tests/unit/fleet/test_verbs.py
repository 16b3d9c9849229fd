"""What keeper and fleet child say to each other: every verb comes over as it was, and nothing else does."""

from __future__ import annotations

import json

import pytest

from knockd.fleet import verbs
from knockd.fleet.verbs import MAX_MESSAGE, MOST_ROWS, MalformedError, Verdict, read_order, read_report, write

ORDERS = [
    verbs.Burn(7, "one-time ssh 1:tcp", 60, tell=True),
    verbs.Reach(8),
    verbs.Watch("ssh", "one-time ssh 1:tcp"),
    verbs.Open("ssh", "192.0.2.1", 30.0),
    verbs.Open("wake", "2001:db8::1", None),
    verbs.Close("ssh", "192.0.2.1"),
    verbs.Hold("ssh", "192.0.2.1", 12.5),
    verbs.Ask(9),
]
OVERVIEW = verbs.Overview(
    9,
    {"name": "north", "forged": 2.0},
    (("south", "ab" * 8, 1.5, -40.0, 0.01),),
    (("ssh", "192.0.2.1", 29.5, "south"),),
    more=False,
)
REPORTS = [
    *(verbs.Answered(7, verdict) for verdict in Verdict),
    verbs.Opened("north", "ssh", "192.0.2.1", 30.0),
    verbs.Opened("north", "wake", "2001:db8::1", None),
    verbs.Closed("north", "ssh", "192.0.2.1"),
    verbs.UsedUp("ssh", "one-time ssh 1:tcp"),
    verbs.Came("north"),
    verbs.Left("north", silent=True),
    verbs.StoreIs("store.example:6379", ""),
    OVERVIEW,
]


@pytest.mark.parametrize("order", ORDERS, ids=repr)
def test_orders(order: verbs.Order) -> None:
    """The child reads what the keeper writes."""
    assert read_order(write(order)) == order
    with pytest.raises(MalformedError):
        read_report(write(order))


@pytest.mark.parametrize("report", REPORTS, ids=repr)
def test_reports(report: verbs.Report) -> None:
    """The keeper reads what the child writes."""
    assert read_report(write(report)) == report
    with pytest.raises(MalformedError):
        read_order(write(report))


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["Opened", "north", "ssh", "192.0.2.1"],
        ["Opened", "north", "ssh", "192.0.2.1", 5, "reboot"],
        ["Opened", "north", "ssh", "192.0.2.1; reboot", 5],
        ["Opened", "north", "ssh", "192.0.2.001", 5],
        ["Opened", "north", "ssh", "192.0.2.0/24", 5],
        ["Opened", "north", "ssh", "192.0.2.1", -1],
        ["Opened", "north", "ssh", "192.0.2.1", True],
        ["Opened", "north", ["ssh"], "192.0.2.1", 5],
        ["Opened", "x" * 1_001, "ssh", "192.0.2.1", 5],
        ["Answered", 7, "maybe"],
        ["Answered", -1, "used"],
        ["Answered", 7.0, "used"],
        ["Left", "north", 1],
        ["Overview", 1, {}, [["south"]], [], False],
        ["Overview", 1, {"a": []}, [], [], False],
        ["Overview", 1, {}, [], [["ssh", "a", 1, "b"]] * (MOST_ROWS + 1), False],
        ["Run", "reboot"],
        {"Opened": 1},
        7,
    ],
    ids=repr,
)
def test_nonsense(said: object) -> None:
    """What a child that was taken over might say is no verb; the reason shows nothing of it."""
    with pytest.raises(MalformedError) as caught:
        read_report(json.dumps(said).encode())
    assert "reboot" not in str(caught.value)


@pytest.mark.parametrize(
    "said", [b"", b"\xff", b"[" * 100_000, b'["Opened","n","s","192.0.2.1",1e999]', b"NaN"]
)
def test_no_json(said: bytes) -> None:
    """So is what is no JSON, or none of ours."""
    with pytest.raises(MalformedError):
        read_report(said)


def test_the_longest() -> None:
    """An overview with the most rows of the longest names fits into a message."""
    rows = tuple(("x" * 255, "2001:db8:" + "1" * 30, 1e9, "y" * 255) for _ in range(MOST_ROWS))
    assert len(write(OVERVIEW._replace(openings=rows))) < MAX_MESSAGE
