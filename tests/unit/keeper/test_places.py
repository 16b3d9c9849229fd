"""Where an opening is that nobody has knocked for here."""

from __future__ import annotations

from knockd.keeper.places import find_place

LINK = b"\xfe\x80" + bytes(13) + b"\1"
GLOBAL = b"\x20\x01\x0d\xb8" + bytes(11) + b"\2"
PLACES = {"wan0": [bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1])], "lan0": [LINK, GLOBAL], "tun0": []}


def test_the_first_interface() -> None:
    """It is the first one with such an address, by its lowest one, and one of its link last."""
    assert find_place(PLACES, 4) == ("wan0", "10.0.0.1")
    assert find_place(PLACES, 6) == ("lan0", "2001:db8::2")
    assert find_place({"lan0": [LINK]}, 6) == ("lan0", "fe80::1")


def test_a_named_interface() -> None:
    """No other one counts then."""
    assert find_place(PLACES, 4, "lan0") is None
    assert find_place(PLACES, 6, "lan0") == ("lan0", "2001:db8::2")
    assert find_place(PLACES, 4, "eth9") is None


def test_nowhere() -> None:
    """There may be none."""
    assert find_place({}, 4) is None
    assert find_place({"tun0": []}, 6) is None
