"""What a screen shows below its head."""

from __future__ import annotations

import pytest

from knockd.review.sections import describe_end, show_who
from knockd.review.summary import End, Opening
from tests.support.samples.entries import NOON

ANN = "192.0.2.7"


@pytest.mark.parametrize(
    ("end", "closed", "closer", "expected"),
    [
        (End.TIMEOUT, 10.0, "", "10 s, time over"),
        (End.DOOR, 7_200.0, "closeSSH", "2 h, closed by closeSSH"),
        (End.RENEWED, 5.0, "ssh", "5 s, then opened again"),
        (End.DAEMON, 5.0, "", "5 s, the daemon ended"),
        (End.BY_HAND, 5.0, "", "5 s, closed by hand"),
        (End.CLOSED_ANOTHER, 5.0, "openSSH", "closed openSSH"),
        (End.NOT_OPENED, None, "why", "NOT OPENED: why"),
        (End.NOT_CLOSED, None, "why", "NOT CLOSED: why"),
        (End.UNKNOWN, None, "no stop command in the log", "no stop command in the log"),
    ],
)
def test_ends(end: End, closed: float | None, closer: str, expected: str) -> None:
    """How long it was open, and who ended it."""
    at = NOON + closed if closed is not None else None
    assert describe_end(Opening(NOON, "ssh", ANN, "", end, at, closer, 0.001)) == expected


def test_opened_by_hand() -> None:
    """Where nobody has knocked that is said."""
    one = Opening(NOON, "ssh", ANN, "", End.TIMEOUT, NOON + 10, "", 0.001, by_hand=True)
    assert describe_end(one) == "10 s, time over, opened by hand"


def test_opened_at_another_gateway() -> None:
    """Where it was opened, and closed, is said."""
    one = Opening(NOON, "ssh", ANN, "", End.AT_GATEWAY, NOON + 10, "gw3", 0.001, gateway="gw2")
    assert describe_end(one) == "10 s, closed at gateway gw3, opened at gateway gw2"


def test_opened_with_a_key() -> None:
    """Whose key it was is said."""
    one = Opening(NOON, "ssh", ANN, "", End.TIMEOUT, NOON + 10, "", 0.001, key="anne")
    assert describe_end(one) == "10 s, time over, with key anne"


def test_opened_by_a_signed_knock() -> None:
    """Whose SSH key it was is said, and that it has closed it."""
    one = Opening(
        NOON, "ssh", ANN, "", End.BY_KEY, NOON + 10, "", 0.001, key="laptop", fingerprint="SHA256:x"
    )
    assert describe_end(one) == "10 s, closed by its key, by laptop"


def test_a_span_between_stamps_of_a_minute() -> None:
    """It is said to be about so long."""
    assert (
        describe_end(Opening(NOON, "ssh", ANN, "", End.TIMEOUT, NOON + 60, "", 60.0))
        == "about 1 min, time over"
    )


def test_addresses_with_names() -> None:
    """The name stands behind the address, where there is one."""
    assert show_who(ANN, "") == ANN
    assert show_who(ANN, "laptop.example") == "192.0.2.7 (laptop.example)"
