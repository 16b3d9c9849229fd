"""Sequences that manuals and articles print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.checks.printed_sequences import OUR_EXAMPLES, PRINTED, where_printed

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("ports", "place"),
    [
        ((7000, 8000, 9000), "the configuration and manual of knockd 0.8"),
        ((9000, 8000, 7000), "the configuration and manual of knockd 0.8"),
        ((700, 800, 900), "articles about knockd"),
        ((8881, 7777, 9991), "articles about port knocking"),
        ((7000, 9000, 8000), None),
        ((7000, 8000), None),
    ],
)
def test_forwards_and_backwards(ports: tuple[int, ...], place: str | None) -> None:
    """A sequence is known in both directions, in no other order and not by a part of it."""
    assert place == where_printed(ports)


def test_each_once() -> None:
    """A sequence is in one row, so that one place is named; every port is one."""
    rows = [row for rows in PRINTED.values() for row in rows]
    assert len(rows) == len(set(rows))
    assert all(0 < port < 65_536 for row in rows for port in row)


def our_sequences() -> Iterator[tuple[int, ...]]:
    """Every sequence in the configurations that our pages and examples print."""
    pages = [ROOT / "README.md", ROOT / "docs/knockd.conf.5", *(ROOT / "conf").rglob("*.conf")]
    for page in pages:
        for found in re.finditer(
            r"^#?\s*Sequence(?:\[\w+\])?\s*= ([\d:tcpud,]+)$", page.read_text(), re.M | re.I
        ):
            yield tuple(int(step.partition(":")[0]) for step in found[1].split(","))


def test_our_own() -> None:
    """Whatever our README, manual page and examples print is known as ours, and nothing else is."""
    printed = set(our_sequences())
    assert len(printed) >= 10
    assert printed == set(PRINTED[OUR_EXAMPLES])
