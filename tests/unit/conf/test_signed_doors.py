"""Doors with a port of signed knocks: what they take of [options], and what they lack."""

from __future__ import annotations

from knockd_conf.model import Door, Options
from knockd_conf.signed_doors import find_signed_problems, settle_signed

DOOR = Door("ssh", "knockd.conf", 3, ())


def test_settled() -> None:
    """A door that says nothing takes what [options] say, also that there is no port."""
    options = Options(signed_port=47811, authorized_keys="keys")
    assert settle_signed(DOOR, options).signed_port == 47811
    assert settle_signed(DOOR, options).authorized_keys == "keys"
    assert settle_signed(DOOR, Options()).signed_port is None


def test_what_is_missing() -> None:
    """A signed door needs a knock secret and keys."""
    door = settle_signed(DOOR, Options(signed_port=47811))
    assert len([*find_signed_problems([door], Options())]) == 2
    assert [] == [*find_signed_problems([DOOR], Options())]
