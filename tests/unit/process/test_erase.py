"""Texts that are zeroed where they lie."""

from __future__ import annotations

import ctypes
import sys

import pytest

from knockd.process.erase import erase_texts

TEXTS = [
    "nft add element",
    "no\u00ebl et cie",
    "\u03b1\u03b2\u03b3 %IP%",
    "caf\u00e9 \U0001f6aa",
    "\udcff\udcfe raw",
]


def fresh(text: str) -> str:
    """A string that nothing else shares."""
    return "".join(list(text))


@pytest.mark.parametrize("text", TEXTS)
def test_erased(text: str) -> None:
    """Each character is zero, whatever width they have, and nothing behind them is touched."""
    mine = fresh(text)
    before = ctypes.string_at(id(mine), sys.getsizeof(mine))
    erase_texts([mine])
    after = ctypes.string_at(id(mine), sys.getsizeof(mine))
    assert [ord(one) for one in mine] == [0] * len(text)
    changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    width = 1 if max(text) < "\u0100" else 2 if max(text) < "\U00010000" else 4
    assert changed[-1] - changed[0] < len(text) * width
    assert len(after) - changed[0] <= len(text) * width + width


def test_strings_that_python_shares() -> None:
    """A string of one character is everybody's, and an empty one has nothing to hide."""
    erase_texts(["x", ""])
    assert "".join(["x"]) == chr(120)


def test_others_stay() -> None:
    """An equal text elsewhere is another one."""
    mine, other = fresh("systemctl start"), fresh("systemctl start")
    erase_texts([mine])
    assert other == "systemctl " + "start"
