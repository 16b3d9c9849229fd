"""docs/control-protocol.md against the interface and the bounds in the source."""

from __future__ import annotations

import json
import re

import pytest

from knockd.control import connection, protocol, server
from knockd.control.idl import check_fields
from tests.support.oracles.make_control_protocol import MADE, PAGE, page

TEXT = PAGE.read_text()


def test_the_page_is_true() -> None:
    """Methods, types and errors are what make control-protocol prints."""
    assert page() == TEXT


@pytest.mark.parametrize("method", MADE.methods)
def test_methods(method: str) -> None:
    """Each has its row."""
    assert f"\n| `{method}` | " in TEXT


@pytest.mark.parametrize(
    "bound",
    [
        f"{protocol.MAX_CALL:,} bytes without its NUL, ",
        f" {protocol.MAX_MARKS} brackets, braces and commas in all, ",
        f"{protocol.MAX_DIGITS} characters a whole number",
        f"a call counts once more for each {connection.BYTES_A_CALL:,} bytes",
        f"| an answer | {protocol.MAX_ANSWER:,} bytes |",
        f"| reading an answer | {connection.PATIENCE:g} seconds |",
        f"| sending a call, or nothing | {connection.PATIENCE:g} seconds ",
        f"| connections at once | {server.MOST_CLIENTS}, and {server.MOST_OTHERS} of who may only look |",
        "| connections accepted | {} at once, then {:g} a second |".format(*server.COMING),
        "root's: {} at once, then {:g} a second".format(*server.CALLS_OF_ROOT),
        "others': {} at once, then {:g} a second".format(*server.CALLS_OF_OTHERS),
    ],
)
def test_bounds(bound: str) -> None:
    """The numbers are those of the source."""
    assert bound in TEXT


CALLS = re.findall(r"org\.knockd\.Control\.(\w+) '(\{.*?\})'", TEXT)
MESSAGES = re.findall(r"printf '(\{.*?\})\\0'", TEXT)


@pytest.mark.parametrize(("method", "parameters"), CALLS)
def test_examples(method: str, parameters: str) -> None:
    """What the examples ask for can be asked for."""
    check_fields(MADE, MADE.methods[method].takes, json.loads(parameters))


@pytest.mark.parametrize("message", MESSAGES)
def test_example_messages(message: str) -> None:
    """What they send is a call of a method that is there."""
    assert protocol.parse_call(message.encode()).method.rpartition(".")[2] in MADE.methods


def test_there_are_examples() -> None:
    """Both kinds were found."""
    assert len(CALLS) >= 3
    assert len(MESSAGES) >= 2
