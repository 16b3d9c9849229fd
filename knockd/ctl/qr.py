"""A text as QR code on a terminal, for the camera of a telephone.

World: standard output.
"""

from __future__ import annotations

import sys

from knockd.ctl.terminal import find_columns, shows_blocks
from knockd_conf.extras import explain_missing

BORDER = 4
"""Modules of white around a code (ISO/IEC 18004)."""


class NoCodeError(Exception):
    """Why no code was drawn; its text says so. ``missing``: for lack of a package."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


def draw_code(text: str) -> None:
    """Draws a text on standard output. Raises NoCodeError."""
    try:
        import segno
    except ImportError as error:
        text = f"{explain_missing('segno', error)}; without --qr the address is printed"
        raise NoCodeError(text, missing=True) from None
    code = segno.make_qr(text, error="l")
    compact = shows_blocks()
    columns = (code.symbol_size(border=BORDER)[0]) * (1 if compact else 2)
    if columns > find_columns():
        raise NoCodeError(
            f"the terminal has {find_columns()} columns, the code needs {columns}: make it wider"
        )
    code.terminal(sys.stdout, border=BORDER, compact=compact)
