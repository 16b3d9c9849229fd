"""No packet that somebody has made of others is granted, with the knock secret or without."""

from __future__ import annotations

import pytest

from tests.support.measures.signed_attacks import ATTACKS, attack
from tests.support.oracles.signed_mutations import INSIDER, Attack


@pytest.mark.parametrize("one", ATTACKS, ids=lambda one: one.__name__)
def test_is_never_granted(one: Attack) -> None:
    """Valid packets beside them are, once each; what has the secret gets past the look-up of the key."""
    outcome = attack(200, 15, [one])
    assert outcome.granted == []
    assert outcome.refused.total() == outcome.packets == 200
    if one in INSIDER:
        assert not {"key", "minute", "filter"} & {*outcome.refused} or one.__name__ == "change_minute"
    else:
        assert not {"signature", "malformed", "door"} & {*outcome.refused}


def test_signatures_are_looked_at() -> None:
    """Of what somebody makes who has the secret, most is refused for its signature alone."""
    outcome = attack(400, 16, INSIDER)
    assert outcome.refused["signature"] == outcome.checked > 200
