"""What a step was meant to be, in one sentence that says what to write."""

from __future__ import annotations

import pytest

from knockd_conf.mistakes import explain_step, is_quoted, odd_character


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("", "expected a step before and behind each comma, got none"),
        ("7000-7010", "expected single ports (there are no ranges: write each), got '7000-7010'"),
        ("7000 8000 9000", "expected commas between steps, got white space"),
        ("7000|8000:udp", "expected commas between steps, got '|'"),
        ("> 7000", "expected a port from 0 to 65535, got '> 7000'"),
        ("UDP:53", "expected 53:udp, got 'UDP:53'"),
        ("53 / udp", "expected 53:udp, got '53 / udp'"),
        ("'53'", "expected steps without quotes, got '"),
        ("\u201e53", "expected steps without quotes, got \u201e"),
        ("5\uff13", "expected digits, colons and commas of ASCII, got '\uff13' (U+FF13)"),
        ("53:icmp", "expected tcp or udp, got 'icmp'"),
        ("65536:udp", "expected a port from 0 to 65535, got '65536'"),
        ("ssh", "expected a port from 0 to 65535, got 'ssh'"),
    ],
)
def test_a_step(part: str, sentence: str) -> None:
    """Each mistake that people make has its own sentence."""
    assert sentence == explain_step(part)


def test_quotes() -> None:
    """A value in quotes begins and ends with one."""
    assert is_quoted('"a"')
    assert is_quoted("\u201ca\u201d")
    assert not is_quoted('"')
    assert not is_quoted('a"')


def test_odd_characters() -> None:
    """The first one that a keyboard may have put in place of an ordinary one, by its number."""
    assert odd_character("a-b") is None
    assert "'\u2013' (U+2013)" == odd_character("a\u2013b\u201d")
    assert "'\\xa0' (U+00A0)" == odd_character("a\u00a0")
