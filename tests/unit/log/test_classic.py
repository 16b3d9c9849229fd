"""Classic lines: rendered, and parsed again whatever the names in them."""

from __future__ import annotations

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.log.catalogue import EVENTS, FIELDS
from knockd.log.classic import Value, _parse_slowly, parse_classic, render_classic
from tests.support.samples.told_events import WORDLESS, ToldEvent, told_events

ALICE = "192.0.2.1"


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (1, "config file has 1 problem, keeping the old configuration"),
        (2, "config file has 2 problems, keeping the old configuration"),
        (0, "config file has 0 problems, keeping the old configuration"),
    ],
)
def test_one_and_many(count: int, line: str) -> None:
    """One problem is no problems, and either is read again."""
    assert line == render_classic("config-kept", {"count": count})
    assert ("config-kept", {"count": count}) == parse_classic(line)


@given(told_events())
def test_there_and_back(told: ToldEvent) -> None:
    """A line says which event it is of, and what its fields were."""
    assert tuple(told) == parse_classic(render_classic(*told))


@pytest.mark.parametrize("ip", ["64:ff9b::", "2001:db8::7", "192.0.2.1", "::"])
@pytest.mark.parametrize("host", ["", "alice.example"])
@pytest.mark.parametrize("event", ["signed-unread", "signed-refused"])
def test_address_that_ends_with_colons(event: str, host: str, ip: str) -> None:
    """What stands behind an address is taken neither for a part of it nor for a door."""
    fields = {"ip": ip, "reason": "came before"} | ({"host": host} if host else {})
    if event == "signed-refused":
        fields["door"] = "ssh"
    assert (event, fields) == parse_classic(render_classic(event, fields))


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever a line holds, it is an event of the catalogue with fields of its own, or none."""
    found = parse_classic(text)
    assert found is None or found[1].keys() - {"host"} <= EVENTS[found[0]].fields


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("shutting down", ("stopping", {})),
        ("192.0.2.1: ssh: OPEN SESAME", ("open", {"ip": ALICE, "door": "ssh"})),
        ("192.0.2.1: a: b: Stage 2", ("stage", {"ip": ALICE, "door": "a: b", "stage": 2})),
        ("fe80::: ssh: OPEN SESAME", ("open", {"ip": "fe80::", "door": "ssh"})),
        (
            "192.0.2.1 (alice.example): ssh: command timeout",
            ("command-timeout", {"ip": ALICE, "host": "alice.example", "door": "ssh"}),
        ),
        (
            "eth0: filter widened to fit the kernel, 12.5% of all ports pass it",
            ("widened", {"interface": "eth0", "share": 0.125}),
        ),
        (
            "packet process ended (killed (9)), starting another in 0.5 s",
            ("worker-lost", {"reason": "killed (9)", "seconds": 0.5}),
        ),
        (
            "ssh: one time sequences file /a: cannot be read --> disabling the door",
            ("one-time-problem", {"door": "ssh", "path": "/a", "problem": "cannot be read"}),
        ),
        (
            "ssh: one time sequences file /a:3: expected a port",
            ("one-time-line", {"door": "ssh", "problem": "/a:3: expected a port"}),
        ),
    ],
)
def test_line(line: str, expected: tuple[str, dict[str, Value]]) -> None:
    """A line of each kind is parsed, numbers as numbers."""
    assert expected == parse_classic(line)


WORDS = ("x", ": ", "192.0.2.1: ", *(text for e in EVENTS.values() for text, *_ in Formatter().parse(e.text)))


@given(st.lists(st.sampled_from([*WORDS, ": running command: ", ": command said: ", "\n"])).map("".join))
def test_commands_are_no_exception(line: str) -> None:
    """A line of a command, which is read in a quicker way, is read as any other."""
    assert _parse_slowly(line) == parse_classic(line)


@pytest.mark.parametrize("event", sorted(EVENTS.keys() - WORDLESS))
def test_what_a_command_prints(event: str) -> None:
    """No output of a command passes for another event."""
    values: dict[str, Value] = {
        name: "x" if kind is str else kind(1) for name, (kind, _) in FIELDS.items() if name != "host"
    }
    forged = render_classic(event, {**values, "ip": ALICE})
    line = render_classic("command-output", {"door": "ssh", "line": forged})
    assert ("command-output", {"door": "ssh", "line": forged}) == parse_classic(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "/etc/knockd.conf:3: sequence: expected ports, got 'x'",
        "ssh: OPEN SESAME",
        "192.0.2.1: ssh: Stage one",
        "192.0.2.1 (a b): ssh: OPEN SESAME",
        "shutting down\n",
        "packet process ended (x), starting another in e s",
        "packet process ended (x), starting another in 1e+05% s",
        f"192.0.2.1: ssh: Stage {'9' * 5000}",
    ],
)
def test_no_event(line: str) -> None:
    """A line that is no event's is recognised as none."""
    assert parse_classic(line) is None


def test_text_stays_as_it_was_printed() -> None:
    """Escapes in a line are not undone: what was an escape and what a backslash is not known."""
    line = render_classic("command-output", {"door": "ssh", "line": "a\tb"})
    assert ("command-output", {"door": "ssh", "line": "a\\tb"}) == parse_classic(line)
