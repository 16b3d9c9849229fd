"""Shows the status screen in docs anew: ``python -m tests.support.oracles.take_status_picture``.

The text goes into docs/knockctl.md, the picture, of what is not well, becomes docs/knockctl-status.png.
"""

from __future__ import annotations

import re
from datetime import UTC
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from knockd.ctl.reply import read_status
from knockd.ctl.status_screen import format_status
from knockd.review.clock import Clock
from tests.support.lab.browser import open_browser
from tests.support.samples.statuses import BUSY, NOW, STUCK

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "knockctl.md"
PLACE = re.compile(r"(?<=<!-- usual -->\n```\n).*?(?=```\n)", re.DOTALL)
"""Where the page has the screen of a usual day."""

WIDTH = 800
STYLE = """
body { margin: 0; background: #16181d; }
pre { margin: 14px 18px; color: #d6d9df; font: 15px/1.35 "DejaVu Sans Mono", "Liberation Mono", monospace; }
b { color: #fff; } i { color: #ff6b60; font-style: normal; } b i { color: #ff6b60; }
"""


def show_screen(reply: dict[str, Any], *, colour: bool = False) -> str:
    """The screen of an answer, 80 columns wide, with a line's end behind each."""
    lines = format_status(read_status(reply), NOW, 80, colour, clock=Clock(UTC))
    return "".join(f"{line}\n" for line in lines)


def make_page(screen: str) -> str:
    """A screen with its colours as HTML."""
    text = escape(screen)
    text = re.sub(r"\x1b\[1m\x1b\[31m(.*?)\x1b\[0m", r"<b><i>\1</i></b>", text)
    text = re.sub(r"\x1b\[1m(.*?)\x1b\[0m", r"<b>\1</b>", text)
    text = re.sub(r"\x1b\[31m(.*?)\x1b\[0m", r"<i>\1</i>", text)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><pre>$ knockctl status\n{text}</pre>"


def main() -> None:
    """Writes both."""
    PAGE.write_text(PLACE.sub(lambda _: show_screen(BUSY), PAGE.read_text(), count=1))
    with TemporaryDirectory() as folder, open_browser() as browser:
        page = Path(folder) / "status.html"
        page.write_text(make_page(show_screen(STUCK, colour=True)))
        browser.show(page, WIDTH, height=100)
        browser.picture(DOCS / "knockctl-status.png")


if __name__ == "__main__":
    main()
