"""What options and profiles have in common."""

from __future__ import annotations

import pytest

from knockd.client.choices import OF_A_KEY, PARSERS, Choices, choose, show_choice
from knockd_conf.timed import Rule


@pytest.mark.parametrize(
    ("word", "text", "choices"),
    [
        ("key", "~/home.key", Choices(key="~/home.key")),
        ("door", "ssh at home", Choices(door="ssh at home")),
        ("door", "büro\xa0süd", Choices(door="büro\xa0süd")),
        ("door", "d" * 128, Choices(door="d" * 128)),
        ("name", "alice", Choices(name="alice")),
        ("steps", "3", Choices(steps=3)),
        ("steps", "16", Choices(steps=16)),
        ("period", "10", Choices(period=10)),
        ("period", "3600", Choices(period=3600)),
        ("ports", "1024-40000", Choices(ports=(1024, 40000))),
        ("protocol", "MIXED", Choices(protocol="mixed")),
        ("sequence-file", "once", Choices(sequence_file="once")),
        ("signed", "1", Choices(signed=1)),
        ("signed", "65535", Choices(signed=65535)),
        ("secret", "~/home.secret", Choices(secret="~/home.secret")),
        ("identity", "~/.ssh/id_ed25519", Choices(identity="~/.ssh/id_ed25519")),
        ("identity", "SHA256:a/b", Choices(identity="SHA256:a/b")),
        ("bind", "None", Choices(bind="none")),
        ("bind", "AUTO", Choices(bind="auto")),
        ("bind", "192.0.2.7", Choices(bind="192.0.2.7")),
        ("bind", "2001:DB8:0::7", Choices(bind="2001:db8::7")),
        ("bind", "::ffff:192.0.2.7", Choices(bind="192.0.2.7")),
        ("delay", "0", Choices(delay=0)),
        ("delay", "2147483647", Choices(delay=2147483647)),
        ("verify", "22", Choices(verify=22)),
        ("verify", "65535:TCP", Choices(verify=65535)),
        ("tries", "1", Choices(tries=1)),
        ("both", "Yes", Choices(both=True)),
        ("both", "no", Choices(both=False)),
    ],
)
def test_a_good_value(word: str, text: str, choices: Choices) -> None:
    """Each value fills its field and no other."""
    assert choices == choose(Choices(), word, text)


@pytest.mark.parametrize(
    ("word", "text", "message"),
    [
        ("key", "", "expected a path, got ''"),
        ("sequence-file", "a\0b", "expected a path, got 'a\\x00b'"),
        ("door", "", "expected a name of at most 128 bytes, got ''"),
        ("door", "ü" * 65, f"expected a name of at most 128 bytes, got '{'ü' * 60}...'"),
        ("door", "a\nb", "expected a name of at most 128 bytes, got 'a\\nb'"),
        ("name", "\udce4", "expected a name of at most 128 bytes, got '\\udce4'"),
        ("signed", "0", "expected a UDP port from 1 to 65535, got '0'"),
        ("signed", "ssh", "expected a UDP port from 1 to 65535, got 'ssh'"),
        ("secret", "", "expected a path, got ''"),
        ("identity", "", "expected a path, got ''"),
        ("bind", "", "expected none, auto or an address, got ''"),
        ("bind", "home.example", "expected none, auto or an address, got 'home.example'"),
        ("bind", "192.0.2.0/24", "expected none, auto or an address, got '192.0.2.0/24'"),
        ("bind", "0.0.0.0", "expected none, auto or an address, got '0.0.0.0'"),
        ("bind", "::", "expected none, auto or an address, got '::'"),
        ("bind", "::ffff:0.0.0.0", "expected none, auto or an address, got '::ffff:0.0.0.0'"),
        ("bind", "fe80::1%eth0", "expected none, auto or an address, got 'fe80::1%eth0'"),
        ("steps", "2", "expected a whole number from 3 to 16, got '2'"),
        ("steps", "four", "expected a whole number from 3 to 16, got 'four'"),
        ("steps", "²", "expected a whole number from 3 to 16, got '²'"),
        ("period", "9", "expected whole seconds from 10 to 3600, got '9'"),
        ("period", "30s", "expected whole seconds from 10 to 3600, got '30s'"),
        ("ports", "20000", "expected the lowest and the highest port, as in 20000-60000, got '20000'"),
        (
            "ports",
            "20000-20100",
            "expected at least 1024 ports, got 20000-20100",
        ),
        ("ports", "2-1", "expected at least 1024 ports, got 2-1"),
        ("ports", "0-5000", "expected a lowest port from 1 to 65535, got 0"),
        ("ports", "20000-²", "expected the lowest and the highest port, as in 20000-60000, got '20000-²'"),
        ("ports", "1-9999999999", "expected ports from 1 to 65535, got '1-9999999999'"),
        ("protocol", "sctp", "expected tcp, udp or mixed, got 'sctp'"),
        ("verify", "0", "expected a TCP port from 1 to 65535, got '0'"),
        ("verify", "ssh", "expected a TCP port from 1 to 65535, got 'ssh'"),
        ("verify", "53:udp", "expected a TCP port (no answer can be expected of others), got '53:udp'"),
        ("tries", "0", "expected a whole number from 1 to 1000, got '0'"),
        ("both", "true", "expected yes or no, got 'true'"),
    ],
)
def test_a_bad_value(word: str, text: str, message: str) -> None:
    """The message says what was expected and what was seen."""
    with pytest.raises(ValueError, match="expected") as caught:
        choose(Choices(), word, text)
    assert message == str(caught.value)


def test_every_field_can_be_written() -> None:
    """There is a parser for each field, and for nothing else."""
    assert {name.replace("_", "-") for name in Choices._fields} == set(PARSERS)
    assert set(OF_A_KEY) <= set(Choices._fields)


def test_one_over_the_other() -> None:
    """What one says counts; where it says nothing, the other does. False and 0 say something."""
    mine = Choices(delay=0, both=False, door="mine")
    theirs = Choices(delay=100, both=True, key="theirs", steps=5)
    assert Choices(delay=0, both=False, door="mine", key="theirs", steps=5) == mine.over(theirs)


def test_chosen_names() -> None:
    """Names of what was chosen come as they are written."""
    assert ("sequence-file",) == Choices(sequence_file="f", tries=1).chosen("key", "sequence_file")


def test_the_rule_has_the_values_of_the_specification() -> None:
    """Where nothing is chosen, steps, period, ports and protocol are those that a door has unasked."""
    assert Rule(4, 30, 20_000, 60_000, "tcp") == Choices().rule()
    chosen = Choices(steps=5, period=60, ports=(1024, 40000), protocol="udp")
    assert Rule(5, 60, 1024, 40000, "udp") == chosen.rule()


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("steps", "5"),
        ("ports", "1024-40000"),
        ("both", "yes"),
        ("both", "no"),
        ("door", "ssh"),
        ("verify", "22"),
    ],
)
def test_there_and_back(word: str, text: str) -> None:
    """A value is written as it is read."""
    assert text == show_choice(getattr(choose(Choices(), word, text), word))


def test_nothing_chosen_is_not_written() -> None:
    """None is no text."""
    assert "" == show_choice(None)
