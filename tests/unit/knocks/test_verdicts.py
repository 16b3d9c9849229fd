"""The words of verdicts: they are in the JSON of --explain, so none is ever changed."""

from __future__ import annotations

from knockd.knocks.verdicts import Kind, Verdict


def test_words() -> None:
    """Each kind has the word that it has had."""
    words = (
        "not-our-address wrong-flags not-admitted used-up guard guard-again ignored cooldown first-step"
        " next-step repeated-step wrong-step no-attempt ends-another-knock opens stale used"
    )
    assert words.split() == [kind.value for kind in Kind]


def test_verdict() -> None:
    """A verdict of which nothing more is said is about no attempt, and is no reason for silence."""
    verdict = Verdict(3, 1, Kind.FLAGS)
    assert (0, 0, 0) == (verdict.before, verdict.stage, verdict.expired)
    assert not verdict.silent
    assert not verdict.begins
