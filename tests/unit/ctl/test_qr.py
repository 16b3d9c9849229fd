"""QR codes on terminals."""

from __future__ import annotations

import io
import sys

import pytest
import segno

from knockd.ctl.qr import BORDER, NoCodeError, draw_code

TEXT = "knock://h/ssh?v=1&sequence=7000,8000:udp"


def draw(monkeypatch: pytest.MonkeyPatch, encoding: str, columns: int) -> str:
    """What is drawn on standard output of an encoding and a width."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("os.get_terminal_size", lambda _: (_ for _ in ()).throw(OSError()))
    draw_code(TEXT)
    stream.seek(0)
    return stream.read()


def light(size: int) -> list[list[bool]]:
    """Which modules of the code of TEXT, and of its border, are light."""
    rows = [
        [module == 0 for module in row] for row in segno.make_qr(TEXT, error="l").matrix_iter(border=BORDER)
    ]
    assert size == len(rows)
    return rows


def test_with_block_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two modules are a character: light ones are drawn, as terminals have light text on dark ground."""
    lines = draw(monkeypatch, "utf-8", 80).splitlines()
    size = len(lines[0])
    rows = light(size)
    shown = {"\u2588": (True, True), "\u2580": (True, False), "\u2584": (False, True), " ": (False, False)}
    for number, line in enumerate(lines):
        upper = rows[2 * number]
        lower = rows[2 * number + 1] if 2 * number + 1 < size else None
        for at, character in enumerate(line):
            assert shown[character][0] == upper[at]
            assert lower is None or shown[character][1] == lower[at]
    assert len(lines) == (size + 1) // 2


def test_without_block_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere a module is two spaces, coloured."""
    text = draw(monkeypatch, "ascii", 100)
    assert text.isascii()
    assert "\x1b[7m  " in text


def test_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that would be broken into two lines is not drawn."""
    with pytest.raises(NoCodeError, match=r"^the terminal has 40 columns, the code needs 74: make it wider$"):
        draw(monkeypatch, "ascii", 40)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The missing package is named."""
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(NoCodeError, match="segno") as error:
        draw_code(TEXT)
    assert error.value.missing
