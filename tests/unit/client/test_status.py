"""Exit statuses."""

from __future__ import annotations

import os

import pytest

from knockd.client import status


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("EX_USAGE", status.USAGE),
        ("EX_DATAERR", status.BAD_DATA),
        ("EX_NOINPUT", status.NO_INPUT),
        ("EX_NOHOST", status.NO_HOST),
        ("EX_UNAVAILABLE", status.UNAVAILABLE),
        ("EX_CANTCREAT", status.CANNOT_CREATE),
        ("EX_IOERR", status.IO_ERROR),
        ("EX_TEMPFAIL", status.TEMPORARY),
        ("EX_NOPERM", status.NO_PERMISSION),
        ("EX_CONFIG", status.CONFIG),
    ],
)
def test_the_numbers_are_those_of_sysexits(name: str, number: int) -> None:
    """Where the system has names for them, they are the same."""
    assert getattr(os, name) == number


def test_a_refusal_holds_status_and_messages() -> None:
    """Each message is one to print; the text is all of them."""
    refused = status.Refused(status.CONFIG, "one", "two")
    assert (status.CONFIG, ("one", "two")) == (refused.status, refused.messages)
    assert "one\ntwo" == str(refused)
