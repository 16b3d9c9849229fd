"""The names of link types."""

from __future__ import annotations

from knockd.knocks.kernel_view import shown_linktype
from knockd.replay.links import LINK_NAMES


def test_every_link_type_has_a_name() -> None:
    """What can be replayed has a name: these numbers of tcpdump.org and no others."""
    assert {0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 276} == set(LINK_NAMES)
    assert set(LINK_NAMES) == {number for number in range(300) if shown_linktype(number) is not None}
