"""What a refusal of the daemon means."""

from __future__ import annotations

import os

import pytest

from knockd.ctl.complaints import Complaint, explain_refusal, explain_version, list_problems
from knockd.ctl.fields import UnknownReply


def test_nearest_door() -> None:
    """Of a door that is not there the nearest one is named, and then all."""
    expected = "there is no door 'shh'; did you mean 'ssh'? All doors: web, ssh"
    assert Complaint(expected, os.EX_USAGE) == explain_refusal(
        "NoSuchDoor", {"door": "shh", "doors": ["web", "ssh"]}
    )


def test_no_near_door() -> None:
    """Where none is near, the first ones are named."""
    doors = [f"door{number}" for number in range(10)]
    expected = f"there is no door 'x'; the doors are {', '.join(doors[:8])} and 2 more"
    assert expected == explain_refusal("NoSuchDoor", {"door": "x", "doors": doors}).text


def test_no_doors_at_all() -> None:
    """A configuration may have none."""
    expected = "there is no door 'x', nor any other; see Sequence in knockd.conf(5)"
    assert expected == explain_refusal("NoSuchDoor", {"door": "x", "doors": []}).text


@pytest.mark.parametrize(
    ("error", "parameters", "text", "status"),
    [
        ("NoSuchLease", {"asked": "ssh for ::1"}, "ssh for ::1 is not open; see: knockctl status", 1),
        ("NoFleet", {}, "the configuration has no Fleet; see docs/fleet.md", 1),
        (
            "BadValue",
            {"parameter": "seconds", "expected": "at most 3600", "seen": "7200"},
            "seconds: expected at most 3600, got '7200'",
            os.EX_USAGE,
        ),
        ("Refused", {"reason": "Max_Leases"}, "Max_Leases; see: knockctl log --since today", 1),
        (
            "ConfigRefused",
            {"problems": []},
            "the configuration is bad, the old one is kept",
            os.EX_CONFIG,
        ),
        ("NotAllowed", {"needed": "root"}, "only root may do this; try it with sudo", os.EX_NOPERM),
        ("NotNow", {"life": "ending"}, "the daemon is ending; try again in a moment", os.EX_TEMPFAIL),
        (
            "Busy",
            {"clients": 6},
            "6 others ask the daemon already, as many as may; end one, or ask as root",
            os.EX_TEMPFAIL,
        ),
    ],
)
def test_refusals(error: str, parameters: dict[str, object], text: str, status: int) -> None:
    """Each has its sentence and its status."""
    assert Complaint(text, status) == explain_refusal(error, parameters)


def test_another_version() -> None:
    """What is not known comes from another version."""
    assert explain_refusal("New", {}).status == 76
    assert "says New, which" in explain_refusal("New", {}).text
    assert "not understood ('pid' is odd)" in explain_version("'pid' is odd").text


def test_problems() -> None:
    """Each problem has its place; an error of another kind has none."""
    problem = {"path": "/k.conf", "line": 7, "text": "expected 1"}
    assert ["/k.conf:7: expected 1"] == list_problems({"problems": [problem]})
    assert [] == list_problems({"reason": "x"})
    with pytest.raises(UnknownReply):
        list_problems({"problems": [1]})
