"""Open_Prefix with the keys beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd_conf.model import Config
from knockd_conf.open_prefix import parse_open_prefix

Load = Callable[..., Config]
Problems = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24/56", (24, 56)), ("24", (24, 128)), ("8/32", (8, 32)), ("32/128", (32, 128)), ("16 / 48", (16, 48))],
)
def test_prefixes(text: str, expected: tuple[int, int]) -> None:
    """The bits of an IPv4 network and of an IPv6 one; without the second each IPv6 knocker is alone."""
    assert expected == parse_open_prefix(text)


FORM = "expected the bits of an IPv4 network, and of an IPv6 one, as 24/56, got '{}'"
FOUR = "expected an IPv4 network of 8 to 32 bits, got {} in '{}'"
SIX = "expected an IPv6 network of 32 to 128 bits, got {} in '{}'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (text, FORM.format(text))
            for text in ("", "/24", "24/", "24/56/64", "/24/56", "a", "-1", "24,56", "2400")
        ),
        ("192.0.2.0/24", FORM.format("192.0.2.0/24")),
        ("0", FOUR.format(0, "0")),
        ("7/56", FOUR.format(7, "7/56")),
        ("33", FOUR.format(33, "33")),
        ("56/24", FOUR.format(56, "56/24")),
        ("24/31", SIX.format(31, "24/31")),
        ("24/129", SIX.format(129, "24/129")),
    ],
)
def test_what_is_no_prefix(text: str, message: str) -> None:
    """Whatever is none is refused with what to write; so are networks of more than a provider."""
    with pytest.raises(ValueError, match="expected") as refused:
        parse_open_prefix(text)
    assert message == str(refused.value)


@pytest.mark.parametrize("key", ["Start_Command", "Start_Command_6", "Stop_Command", "Stop_Command_6"])
def test_a_network_without_a_prefix(problems: Problems, key: str) -> None:
    """A command that names the network needs the key that says how large it is."""
    message = "expected an Open_Prefix beside %NET%, as Open_Prefix = 24/56, got none"
    assert [f"knockd.conf:3: {key}: {message}"] == problems(f"[a]\nSequence = 1\n{key} = open %NET%\n")


def test_a_prefix_of_a_template(load_text: Load) -> None:
    """The key may come from a template, and so may the command."""
    text = "[t]\nOpen_Prefix = 24\nStart_Command = open %NET%\n[a : t]\nSequence = 1\n"
    [door] = load_text(text).doors
    assert (24, 128) == door.open_prefix


def test_each_knock_its_own_stop(problems: Problems) -> None:
    """With Reknock = repeat the first to close would close for everybody in the network."""
    expected = (
        "knockd.conf:3: Open_Prefix: expected Reknock = renew or extend beside it, got repeat: who closes"
        " first would close for all of the network"
    )
    text = "[a]\nSequence = 1\nOpen_Prefix = 24\nReknock = repeat\nStart_Command = open %NET%\n"
    assert [expected] == problems(text)
