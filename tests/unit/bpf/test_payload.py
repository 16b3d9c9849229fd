"""What a payload must be."""

from __future__ import annotations

from knockd_bpf.payload import PayloadRule


def test_accepts() -> None:
    """Length and first word count."""
    rule = PayloadRule(8, (1, 2))
    assert rule.accepts(b"\0\0\0\2abcd")
    assert not rule.accepts(b"\0\0\0\3abcd")
    assert not rule.accepts(b"\0\0\0\2abc")
