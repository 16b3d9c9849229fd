"""Messages: what a line says but for its time."""

from __future__ import annotations

import pytest

from knockd.checks.doors import find_surprises
from knockd.review.messages import Message, Messages, normal_address
from knockd_conf.model import Config, Options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7: ssh: Stage 1", ("stage", "192.0.2.7", "ssh", "", {"stage": 1})),
        ("192.0.2.7 (a.example): a: b: OPEN SESAME", ("open", "192.0.2.7", "a: b", "a.example", {})),
        ("2001:DB8:0::1: ssh: OPEN SESAME", ("open", "2001:db8::1", "ssh", "", {})),
        ("2001:db8::: ssh: OPEN SESAME", ("open", "2001:db8::", "ssh", "", {})),
        ("2001:db8:: (a): ssh: OPEN SESAME", ("open", "2001:db8::", "ssh", "a", {})),
        ("::ffff:192.0.2.7: ssh: OPEN SESAME", ("open", "::ffff:192.0.2.7", "ssh", "", {})),
        ("ssh: running command: x: y", ("command", "", "ssh", "", {"command": "x: y"})),
        ("192.0.2.7: running command: x", ("command", "", "192.0.2.7", "", {"command": "x"})),
        ("shutting down", ("stopping", "", "", "", {})),
    ],
)
def test_classic(text: str, expected: Message) -> None:
    """A classic line is read the same the first time and when its end is known."""
    messages = Messages()
    assert expected == messages.read_classic(text)
    assert expected == messages.read_classic(text)


def test_what_is_remembered_is_of_all_addresses() -> None:
    """What follows an address is read once, and stands for every address."""
    messages = Messages()
    messages.read_classic("192.0.2.1: ssh: Stage 1")
    expected = ("stage", "198.51.100.7", "ssh", "x", {"stage": 1})
    assert expected == messages.read_classic("198.51.100.7 (x): ssh: Stage 1")


@pytest.mark.parametrize(
    "text", ["", "x", "999.0.2.1: ssh: Stage 1", "1.2: ssh: Stage 1", ":::: ssh: Stage 1"]
)
def test_no_classic_message(text: str) -> None:
    """What is no event, or of no address, is no message, the first time or later."""
    messages = Messages()
    messages.read_classic("192.0.2.1: ssh: Stage 1")
    assert messages.read_classic(text) is None
    assert messages.read_classic(text) is None


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("/etc/knockd.conf:3: sequence: expected ports, got 'x'", "config-problem"),
        ("/etc/knockd.conf:7: [ssh]: its sequence is that of another door (also line 9)", "config-note"),
        ("/etc/knockd.conf: could not be read: Permission denied", "config-problem"),
        (str(next(find_surprises(Config("/etc/knockd.conf", Options(), (), "host", ())))), "config-note"),
        ("/etc/other.conf: included more than once, read once", "config-note"),
        ("/etc/codes: line 3: expected ports (not shown: it may be secret)", "config-note"),
    ],
)
def test_configuration(text: str, event: str) -> None:
    """A line about the configuration is known by the file in front, as a problem by what was expected."""
    found = Messages().read_classic(text)
    assert found is not None
    assert event == found[0]
    assert [text] == list(found[4].values())


def test_a_door_called_like_a_file() -> None:
    """A line that has an event's words is that event's, even where it begins with a file."""
    found = Messages().read_classic("/a:3: running command: x")
    assert found is not None
    assert ("command", "/a:3") == (found[0], found[2])


def test_json() -> None:
    """A JSON object has its stamp, and the fields of the catalogue."""
    text = '{"time": "T", "event": "stage", "ip": "192.0.2.1", "door": "a", "stage": 1, "x": 0}'
    expected = ("stage", "192.0.2.1", "a", "", {"stage": 1})
    assert ("T", expected) == Messages().read_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        "[]",
        '{"event": "stopping"}',
        '{"time": 1, "event": "stopping"}',
        '{"time": "T", "event": []}',
        '{"time": "T", "event": "unheard-of"}',
        '{"time": "T", "event": "stage", "stage": "1"}',
        '{"time": "T", "event": "stage", "stage": true}',
        '{"time": "T", "event": "stage", "stage": 1e999}',
        '{"time": "T", "event": "widened", "share": 1e999}',
        '{"time": "T", "event": "widened", "share": NaN}',
        '{"time": "T", "event": "stage", "stage": 1' + "0" * 5000 + "}",
        '{"time": "T", "event": "stage", "ip": "192.0.2.256"}',
        '{"time": "T", "event": "stage", "ip": "192.0.2.1 (x)"}',
    ],
)
def test_no_json_message(text: str) -> None:
    """What is no object of an event, or has absurd values, is no message."""
    assert ("", None) == Messages().read_json(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.01", None),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("::FFFF:C000:201", "::ffff:192.0.2.1"),
        ("1.2", None),
        ("a:b", None),
        ("", None),
    ],
)
def test_normal_address(text: str, expected: str | None) -> None:
    """An address is written in one way."""
    assert expected == normal_address(text)
