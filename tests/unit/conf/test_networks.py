"""Allow and Deny as text."""

from __future__ import annotations

import pytest

from knockd_conf.networks import parse_allow, parse_deny


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        ("192.0.2.0/24", ["192.0.2.0/24"]),
        ("192.0.2.0 / 24", ["192.0.2.0/24"]),
        ("192.0.2.1/32", ["192.0.2.1"]),
        (" 192.0.2.1 ,2001:DB8::/32", ["192.0.2.1", "2001:db8::/32"]),
        ("192.0.2.1,192.0.2.1", ["192.0.2.1"]),
        ("0.0.0.0/0, ::/0", ["0.0.0.0/0", "::/0"]),
        ("::/64", ["::/64"]),
        ("fe80::/10", ["fe80::/10"]),
    ],
)
def test_networks(text: str, expected: list[str]) -> None:
    """Addresses and networks of both versions, each once, in the order in which they are written."""
    assert expected == [str(one) for one in parse_allow(text)]
    assert expected == [str(one) for one in parse_deny(text)]


def test_words() -> None:
    """Allow = all is everybody, Deny = none is nobody: each is a list without a network."""
    assert parse_allow("All") == ()
    assert parse_deny("NONE") == ()


NETWORK = "an address or a network"
ZONE = f"{NETWORK} without a zone (packets carry none; say the interface with Interface)"
NO_NAME = ": a name is no rule, as whoever answers for it would say who may knock"
MAPPED = "(packets of IPv4 come with the address itself)"


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        ("", NETWORK, ""),
        ("/24", NETWORK, ""),
        ("192.0.2.1/24", "192.0.2.0/24", ""),
        ("2001:db8::1/64", "2001:db8::/64", ""),
        ("192.0.2.0/33", "a prefix of 0 to 32 bits behind '/'", ""),
        ("2001:db8::/129", "a prefix of 0 to 128 bits behind '/'", ""),
        ("192.0.2.0/", "a prefix of 0 to 32 bits behind '/'", ""),
        ("192.0.2.0/024", "a prefix of 0 to 32 bits behind '/'", ""),
        ("192.0.2.0/-1", "a prefix of 0 to 32 bits behind '/'", ""),
        ("192.0.2.0/24/8", "a prefix of 0 to 32 bits behind '/'", ""),
        ("192.0.2.0/" + "9" * 30, "a prefix of 0 to 32 bits behind '/'", ""),
        ("192.0.2.0/255.0.255.0", "a prefix of 0 to 32 bits behind '/'", ""),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24", ""),
        ("192.0.2.0/0.0.0.255", "192.0.2.0/24", ""),
        ("fe80::1%eth0", ZONE, ""),
        ("fe80::%eth0/64", ZONE, ""),
        ("::ffff:192.0.2.1", f"192.0.2.1 {MAPPED}", ""),
        ("::ffff:192.0.2.0/120", f"192.0.2.0/24 {MAPPED}", ""),
        ("home.example.org", NETWORK, NO_NAME),
        ("localhost", NETWORK, NO_NAME),
        ("192.0.2", NETWORK, ""),
        ("192.0.2.*", NETWORK, ""),
        ("192.0.02.1", NETWORK, ""),
        ("!192.0.2.1", f"{NETWORK} (who may not knock stands in Deny)", ""),
        ("192.0.2.1 192.0.2.9", "commas between addresses and networks", ""),
        ("192.0.2.1-192.0.2.9", "192.0.2.1, 192.0.2.2/31, 192.0.2.4/30, 192.0.2.8/31", ""),
        ("192.0.2.9-192.0.2.1", NETWORK, ""),
        ("192.0.2.1-::1", NETWORK, ""),
        ("0.0.0.1-255.255.255.254", NETWORK, ""),
        ("22/tcp", NETWORK, ""),
    ],
)
def test_what_is_refused(text: str, expected: str, why: str) -> None:
    """Whatever is no address or network is refused with what to write, and what was seen."""
    message = f"expected {expected}, got '{text}'{why}"
    for parse in (parse_allow, parse_deny):
        with pytest.raises(ValueError, match="expected") as refused:
            parse(f"198.51.100.1,{text}")
        assert message == str(refused.value)


@pytest.mark.parametrize(
    ("parse", "text", "word"),
    [
        (parse_allow, "none", "all"),
        (parse_allow, "any", "all"),
        (parse_allow, "192.0.2.1, all", "all"),
        (parse_deny, "all", "none"),
        (parse_deny, "192.0.2.1, none", "none"),
    ],
)
def test_words_stand_alone(parse: object, text: str, word: str) -> None:
    """A word for everybody or nobody is one alone, and it is the right one."""
    with pytest.raises(ValueError, match="expected") as refused:
        parse(text)  # type: ignore[operator]
    assert f"expected {word} or a list of addresses and networks, got '{text}'" == str(refused.value)
