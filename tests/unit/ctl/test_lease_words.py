"""A door that is open for an address, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.ctl.lease_words import describe_lease
from knockd.ctl.reply import read_lease
from tests.support.samples.statuses import lease


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "ssh for 203.0.113.7 is open, 7 s left"),
        ({"seconds_left": None}, "ssh for 203.0.113.7 is open"),
        (
            {"state": "failed", "failures": 5},
            "ssh for 203.0.113.7 could not be closed: its stop command failed 5 times; close it by hand,"
            " then: knockctl forget 9f86d081884c7d65",
        ),
        (
            {"state": "retrying", "failures": 1},
            "ssh for 203.0.113.7 is still open: its stop command failed 1 time, and is tried again in 7 s;"
            " see: knockctl log --what command",
        ),
        (
            {"state": "stopping"},
            "ssh for 203.0.113.7 is being closed: its stop command has not ended yet; see: knockctl status",
        ),
        (
            {"state": "starting"},
            "ssh for 203.0.113.7 is being opened: its start command has not ended yet; see: knockctl status",
        ),
        (
            {"unopened": True},
            "ssh for 203.0.113.7 was not opened: its start command failed; see: knockctl log --what command",
        ),
    ],
)
def test_sentences(fields: dict[str, Any], expected: str) -> None:
    """How it is, and what to do where it is not well."""
    assert expected == describe_lease(read_lease(lease("ssh", "203.0.113.7", **fields)))
