"""Text as people see it and as the kernel gets it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd_conf.text import (
    address_text,
    decoded,
    encoded,
    garbles,
    is_link_local,
    printable,
    show_span,
    well_formed,
)


def grouped(groups: list[int]) -> IPv6Address:
    """The address of eight groups of 16 bits."""
    return IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))


def test_what_garbles() -> None:
    """Line ends of every kind and marks that turn the direction do; spaces, joiners and letters do not."""
    assert all(map(garbles, "\0\n\x1f\x7f\x80\x85\u2028\u2029\u202e\u2066"))
    assert not any(map(garbles, " ~a\u00a0\u00fc\u200d\u05d0\U0001f511"))


@pytest.mark.parametrize("text", ["", "OPEN SESAME \u2192 %s {x}", "T\u00fcr", "a\\n"])
def test_what_is_shown_as_itself(text: str) -> None:
    """A printable text is itself, letters of any language and backslashes included."""
    assert text == printable(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n", "a\\tb\\n"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("txt\u202egpj", "txt\\u202egpj"),
        ("one\u2028two", "one\\u2028two"),
        ("\udcff\udc80", "\\xff\\x80"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_what_is_escaped(text: str, shown: str) -> None:
    """What ends a line, moves a cursor, turns the direction of writing or is no character is an escape."""
    assert shown == printable(text)


@pytest.mark.parametrize("data", [b"", b"/bin/true", "T\u00fcr".encode(), b"\xff\xc3", bytes(range(256))])
def test_every_byte_comes_back(data: bytes) -> None:
    """Bytes of any kind survive being text."""
    assert data == encoded(decoded(data))


def test_the_encoding() -> None:
    """The encoding is UTF-8 whatever the locale says."""
    assert "T\u00fcr".encode() == encoded("T\u00fcr")
    assert "T\u00fcr" == decoded(b"T\xc3\xbcr")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::", "::"),
        ("::1", "::1"),
        ("fe80::", "fe80::"),
        ("2001:DB8:0::0001", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::ffff:c000:201", "::ffff:192.0.2.1"),
        ("::192.0.2.1", "::c000:201"),
        ("::fffe:c000:201", "::fffe:c000:201"),
    ],
)
def test_an_address_has_one_form(text: str, printed: str) -> None:
    """Addresses are printed by RFC 5952; the IPv4 part of a mapped one in dotted decimal (section 5)."""
    assert printed == address_text(ip_address(text).packed)


@given(
    st.one_of(
        st.ip_addresses(), st.lists(st.sampled_from([0, 1, 0xFFFF]), min_size=8, max_size=8).map(grouped)
    )
)
def test_a_printed_address_is_read_again(address: IPv4Address | IPv6Address) -> None:
    """The printed text of an address identifies it."""
    assert address == ip_address(address_text(address.packed))


@pytest.mark.parametrize("size", [0, 3, 5, 15, 17])
def test_no_address(size: int) -> None:
    """Another number of bytes is no address."""
    with pytest.raises(ValueError, match=f"expected an address of 4 or 16 bytes, got {size}"):
        address_text(bytes(size))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\tb\n", "a\tb\n"), ("v\udcff", "v\\xff"), ("\ud800", "\\ud800"), ("T\u00fcr", "T\u00fcr")],
)
def test_well_formed(text: str, expected: str) -> None:
    """Only what is no character is an escape."""
    assert expected == well_formed(text)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("fe80::1", True), ("febf::1", True), ("fe7f::1", False), ("fec0::1", False), ("254.128.0.1", False)],
)
def test_link_local(address: str, expected: bool) -> None:
    """fe80::/10 is link-local; no IPv4 address is."""
    assert expected == is_link_local(ip_address(address).packed)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, "0 s"), (59.6, "60 s"), (120, "2 min"), (3_600, "1 h"), (12_000, "3 h 20 min"),
        (172_800, "2 d"), (187_200, "2 d 4 h"),
    ],
)  # fmt: skip
def test_spans(seconds: float, expected: str) -> None:
    """Two units at most."""
    assert show_span(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0 s"), (7.4, "7 s"), (119.0, "119 s"), (120.0, "2 min"), (3_598.0, "59 min"),
        (3_599.9, "1 h"), (7_000.0, "1 h 56 min"), (7_199.8, "2 h"),
        (172_799.0, "47 h 59 min"), (187_200.0, "2 d 4 h"),
    ],
)  # fmt: skip
def test_left(seconds: float, text: str) -> None:
    """The service manager is told the words of ``knockctl status``."""
    assert show_span(seconds) == text
