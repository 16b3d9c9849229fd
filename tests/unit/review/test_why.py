"""Why a knock failed."""

from __future__ import annotations

import pytest

from knockd.review.entries import Entry
from knockd.review.why import explain_failure, stage_of
from tests.support.samples.entries import NOON, entry


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (entry(30, "expired", stage=2), "too slow: only step 2 in 30 s"),
        (
            entry(0, "expired", stage=1, steps=3, precision=60.0),
            "too slow: only step 1 of 3",
        ),
        (entry(0, "spoiled", stage=2, steps=3), "wrong order after step 2 of 3"),
        (entry(0, "guarded", seconds=12.0), "guard port touched, ignored for 12 s"),
        (
            entry(0, "ignored", seconds=11.6, reason="guard port"),
            "ignored for 12 s more: guard port",
        ),
        (entry(0, "guarded"), "guard port touched"),
        (
            entry(0, "flags-unfit", flags="syn,ack"),
            "the next step wants tcpflags syn,ack, which no ordinary client sends",
        ),
        (
            entry(0, "signed-refused", key="laptop", fingerprint="SHA256:x", reason="its key has expired"),
            "signed knock of laptop refused: its key has expired",
        ),
        (
            entry(0, "signed-unread", door="", key="", fingerprint="", reason="came before"),
            "signed knock refused: came before",
        ),
        (entry(0, "signed-unread", door=""), "signed knock refused: the log does not say why"),
        (entry(0, "key-used", key="anne", seconds=17.0), "a sequence that was used already"),
        (entry(0, "key-behind", key="anne", seconds=70.2), "clock of the knocker 70 s behind"),
        (entry(0, "key-ahead"), "clock of the knocker ahead"),
        (entry(0, "key-before-start"), "a sequence of before the daemon's start"),
        (entry(0, "refused", reason="too many"), "refused: too many"),
        (entry(0, "command-failed", status=1), "start command failed: exit status 1"),
        (entry(0, "stage", stage=2), "stopped after step 2, no reason logged"),
        (entry(0, "novel"), "novel"),
    ],
)
def test_reasons(line: Entry, expected: str) -> None:
    """A few words for each way to fail."""
    assert explain_failure(line, NOON) == expected


def test_a_stage_that_is_no_number() -> None:
    """The JSON of a stranger may hold anything."""
    assert stage_of(entry(0, "spoiled", stage="two")) == 0
