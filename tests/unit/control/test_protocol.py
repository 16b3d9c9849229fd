"""Varlink's messages: what is a call, what is none and why, and what an answer looks like."""

from __future__ import annotations

import json

import pytest

from knockd.control.protocol import (
    MAX_CALL,
    MAX_MARKS,
    Answer,
    BadMessageError,
    Request,
    encode_answer,
    encode_call,
    encode_error,
    parse_answer,
    parse_call,
)


def test_a_call() -> None:
    """Method, parameters, and how many answers are welcome."""
    data = b'{"method": "a.b.C", "parameters": {"d": 1}, "more": true, "oneway": false, "upgrade": null}'
    assert Request("a.b.C", {"d": 1}, more=True) == parse_call(data)


@pytest.mark.parametrize("parameters", ["", ', "parameters": null', ', "parameters": {}'])
def test_no_parameters(parameters: str) -> None:
    """Missing, null and {} mean the same."""
    assert Request("a.B", {}) == parse_call(f'{{"method": "a.B"{parameters}}}'.encode())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "expected JSON: Expecting value"),
        (b"hello", "expected JSON: Expecting value"),
        (b'{"method": "a.B"', "expected JSON: Expecting ','"),
        (b'{"method": "a.B"} x', "expected JSON: Extra data"),
        (b"[]", r"expected a JSON object, got \[\]"),
        (b"7", "expected a JSON object, got 7"),
        (b"{}", "expected method, a string, got none"),
        (b'{"method": 7}', "expected method, a string, got 7"),
        (b'{"method": "a.B", "parameters": []}', r"expected parameters, an object, got \[\]"),
        (b'{"method": "a.B", "more": 1}', "expected more, true or false, got 1"),
        (b'{"method": "a.B", "oneway": "x"}', 'expected oneway, true or false, got "x"'),
        (b'{"method": "a.B", "more": true, "oneway": true}', "expected more or oneway, got both"),
        (b'{"method": "a.B", "upgrade": true}', "expected no upgrade"),
        (b'{"method": "a.B", "colour\\n": 1}', r'upgrade, got "colour\\n"'),
        (b'{"method": "a.B", "parameters": {"a": NaN}}', "expected JSON: NaN is no number"),
        (b'{"method": "a.B", "parameters": {"a": -Infinity}}', "expected JSON: -Infinity is no number"),
        (b'{"method": "a.B", "parameters": {"a": 1e999}}', "expected JSON: a number is too large"),
        (b'{"method": "a.B", "method": "a.C"}', "expected JSON: a name stands twice in one object"),
        (b'{"method": "a.B", "parameters": {"a": 1, "a": 1}}', "a name stands twice"),
        (b'{"method": "a.\xff"}', "expected UTF-8, got the byte 0xff"),
        (b'{"method": "a.\xed\xa0\x80"}', "expected UTF-8, got the byte 0xed"),
        (b'{"method": "a.\\ud800"}', "expected characters, got half of a surrogate pair"),
        (b'{"method": "a.B", "parameters": {"\\udfff": 1}}', "half of a surrogate pair"),
        (
            b'{"method": "a.B", "parameters": {"a": %s}}' % (b"9" * 5_000),
            "expected JSON: a number is too large",
        ),
        (b"[" * (MAX_MARKS + 1), f"expected at most {MAX_MARKS} brackets and commas, got more"),
        (b'{"a":' * (MAX_MARKS + 1), f"expected at most {MAX_MARKS} brackets and commas, got more"),
        (b'{"a": [%s]}' % (b"0.1," * MAX_MARKS), f"at most {MAX_MARKS} brackets and commas, got more"),
        (b" " * (MAX_CALL + 1), f"expected at most {MAX_CALL} bytes, got {MAX_CALL + 1}"),
    ],
)
def test_no_call(data: bytes, reason: str) -> None:
    """The reason says what was expected and what was seen."""
    with pytest.raises(BadMessageError, match=reason):
        parse_call(data)


def test_deep_but_not_too_deep() -> None:
    """As many brackets as may be are no danger."""
    depth = MAX_MARKS - 3
    data = b'{"method": "a.B", "parameters": {"a": %s%s}}' % (b"[" * depth, b"]" * depth)
    assert "a.B" == parse_call(data).method


def test_all_of_unicode() -> None:
    """A pair of surrogates is one character."""
    assert {"a": "\U0001f511ü"} == parse_call(
        rb'{"method": "a.B", "parameters": {"a": "\ud83d\udd11\u00fc"}}'
    )[1]


def test_what_is_seen_is_short_and_printable() -> None:
    """A reason forges no line and is no page."""
    with pytest.raises(BadMessageError) as error:
        parse_call(json.dumps({"method": ["\x1b\n" * 50]}).encode())
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 120


def test_calls_that_are_sent_are_read() -> None:
    """Both ends mean the same."""
    data = encode_call("a.B", {"c": "ü"}, more=True)
    assert (Request("a.B", {"c": "ü"}, more=True), 0) == (parse_call(data[:-1]), data[-1])
    assert Request("a.B", {}, oneway=True) == parse_call(encode_call("a.B", {}, oneway=True)[:-1])


def test_answers_that_are_sent_are_read() -> None:
    """Both ends mean the same."""
    assert Answer({"a": 1}) == parse_answer(encode_answer({"a": 1})[:-1])
    assert Answer({"a": 1}, continues=True) == parse_answer(encode_answer({"a": 1}, continues=True)[:-1])
    assert Answer({"a": 1}, error="a.B") == parse_answer(encode_error("a.B", {"a": 1})[:-1])


@pytest.mark.parametrize("data", [b"", b"SSH-2.0", b"[]", b'{"error": 7}', b'{"parameters": 7}'])
def test_no_answer(data: bytes) -> None:
    """Whoever is no knockd is found out."""
    with pytest.raises(BadMessageError):
        parse_answer(data)


def test_bytes_that_are_not_utf8() -> None:
    """Names of interfaces and doors may hold any byte: it is written as in the log."""
    data = encode_answer({"names": ["eth\udcff", ("x",)], "\udc80": {"a": "\udc80"}, "n": 1})
    assert {"names": ["eth\\xff", ["x"]], "\\x80": {"a": "\\x80"}, "n": 1} == parse_answer(
        data[:-1]
    ).parameters
