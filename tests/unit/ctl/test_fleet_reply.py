"""The daemon's answer to Fleet as a value."""

from __future__ import annotations

import pytest

from knockd.control import interface
from knockd.control.idl import check_fields, read_interface
from knockd.ctl.fields import UnknownReply
from knockd.ctl.fleet_reply import Gateway, Opening, read_fleet
from tests.support.samples.fleets import fleet


def test_every_field() -> None:
    """Gateways, openings, the store and what was counted are read."""
    found = read_fleet(fleet())
    assert found.gateways == (Gateway("gw2", "8899aabbccddeeff", 2.0, 0.012, 0.0008),)
    assert found.openings == (Opening("ssh", "203.0.113.7", 3_000.0, "gw2"),)
    assert (found.store.problem, found.store.seconds) == (None, 3_600.0)
    assert (found.used, found.unreachable) == (2, 0)
    assert (found.forged, found.dropped) == (0, 1)


def test_the_sample_is_what_the_interface_says() -> None:
    """What the tests here read could be said by a daemon."""
    known = read_interface(interface.DESCRIPTION)
    check_fields(known, known.methods["Fleet"].answers, fleet())


@pytest.mark.parametrize("name", sorted(set(fleet()) - {"burnt"}))
def test_another_version(name: str) -> None:
    """A field that is of another type is named."""
    with pytest.raises(UnknownReply):
        read_fleet(fleet(**{name: [object()]}))
