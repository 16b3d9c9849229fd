"""What the words of a command line name."""

from __future__ import annotations

import pytest

from knockd.ctl.targets import Target, choose_target, find_address, parse_address, parse_seconds


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Target()),
        (["ssh"], Target("ssh")),
        (["203.0.113.7"], Target(None, "203.0.113.7")),
        (["ssh", "2001:DB8:0::7"], Target("ssh", "2001:db8::7")),
        (["2001:db8::7", "ssh"], Target("ssh", "2001:db8::7")),
        (["all"], Target(all=True)),
    ],
)
def test_words(words: list[str], expected: Target) -> None:
    """A word that is an address is one, "all" is everything, another one a door."""
    assert expected == choose_target(words, None, None, may_be_all=True)


def test_options_decide() -> None:
    """A door may be called as an address is, or all."""
    assert Target("203.0.113.7") == choose_target([], "203.0.113.7", None, may_be_all=True)
    assert Target("all") == choose_target([], "all", None, may_be_all=True)
    assert Target("all", "::1") == choose_target(["all"], None, "::1", may_be_all=False)


@pytest.mark.parametrize(
    ("words", "door", "ip", "expected"),
    [
        (["ssh", "web"], None, None, "expected one door, got 'ssh' and 'web'"),
        (["web"], "ssh", None, "expected one door, got 'ssh' and 'web'"),
        (["::1"], None, "::2", "expected one address, got ::2 and ::1"),
        (["all", "ssh"], None, None, "expected a door, an address or all, got all and 'ssh'"),
        (["all"], None, "::2", "expected a door, an address or all, got all and '::2'"),
    ],
)
def test_too_many(words: list[str], door: str | None, ip: str | None, expected: str) -> None:
    """One door and one address are enough."""
    with pytest.raises(ValueError, match="expected") as refused:
        choose_target(words, door, ip, may_be_all=True)
    assert expected == str(refused.value)


def test_parameters() -> None:
    """What was not named is not sent."""
    assert {"door": "ssh"} == Target("ssh").parameters
    assert {"all": True} == Target(all=True).parameters
    assert {} == Target().parameters


@pytest.mark.parametrize(
    ("text", "expected"),
    [("203.0.113.7", "203.0.113.7"), ("2001:DB8::0:7", "2001:db8::7"), ("::ffff:192.0.2.1", "192.0.2.1")],
)
def test_addresses(text: str, expected: str) -> None:
    """An address is written as the daemon writes it."""
    assert expected == parse_address(text)


@pytest.mark.parametrize("text", ["", "ssh", "203.0.113.0/24", "203.0.113", "fe80::1%eth0", "host.example"])
def test_no_address(text: str) -> None:
    """Networks, names and addresses of one link only are none."""
    assert find_address(text) is None
    with pytest.raises(ValueError, match="expected an address such as "):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("10m", 600), ("10 min", 600), ("2h", 7_200), ("1h30m", 5_400), ("1d", 86_400)],
)
def test_durations(text: str, expected: float) -> None:
    """Seconds, or a number with its unit, or several."""
    assert expected == parse_seconds(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "nan", "90 90", "1h30", "٣", "2w", "9999999999"])
def test_no_duration(text: str) -> None:
    """Everything else is refused, and what is longer than a year."""
    with pytest.raises(ValueError, match="expected a time such as 90, 90s, 10m or 2h, a year at most, got"):
        parse_seconds(text)
