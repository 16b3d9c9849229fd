"""Doors of one name are distinguished by their order in the file."""

from __future__ import annotations

from collections.abc import Callable

from knockd_conf.model import Config


def test_occurrence(load_text: Callable[..., Config]) -> None:
    """Of the doors of one name the first is 0, the next 1, whatever stands between; others begin at 0."""
    text = "".join(f"[{name}]\nsequence = {port}\n" for port, name in enumerate(("a", "b", "a", "a"), 1))
    assert [(door.name, door.occurrence) for door in load_text(text).doors] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("a", 2),
    ]
