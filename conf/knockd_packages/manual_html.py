"""A manual page as a page of the web site: headings of Markdown, and between them what mandoc makes.

World: mandoc.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from html import unescape
from pathlib import Path

ELSEWHERE = "https://manpages.debian.org/"
"""Where manual pages of others are."""

_HEADING = re.compile(r'<h([12]) class="S[hs]" id="([^"]*)">(.*?)</h\1>', re.DOTALL)
_FENCE = "`" * 5


def convert_manual(page: Path, ours: Collection[str]) -> str:
    """A manual page as MyST Markdown. ``ours`` are the names of those on the site, ``knock.1``.

    Raises CalledProcessError where mandoc refuses the page, and OSError where there is no mandoc.
    """
    name, _, section = page.name.rpartition(".")
    command = ["mandoc", "-T", "html", "-O", "fragment,man=%N.%S", "-W", "warning,stop", str(page)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text = re.sub(r'<table class="(?:head|foot)">.*?</table>', "", text, flags=re.DOTALL)
    text = re.sub(r'</?section[^>]*>|<div class="manual-text">', "", text)
    text = text.rstrip().removesuffix("</div>")
    text = _rename(_link(text, ours))
    parts = _HEADING.split(text)
    made = [f"# {name}({section})\n"]
    for level, anchor, title, body in zip(parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True):
        shown = re.sub(r"([\\*_<`])", r"\\\1", " ".join(unescape(re.sub(r"<[^>]*>", "", title)).split()))
        made.append(f"{'#' * (int(level) + 1)} {shown}\n")
        made.append(
            f'{_FENCE}{{raw}} html\n<div class="manual" id="{anchor}">\n{body.strip()}\n</div>\n{_FENCE}\n'
        )
    return "\n".join(made)


def _rename(text: str) -> str:
    """Places with names that no heading of Sphinx has, and with one spelling where mandoc has two."""
    text = re.sub(r'(?<= id=")[^"]+', lambda seen: _place(seen[0]), text)
    return re.sub(r'(?<= href="#)[^"]+', lambda seen: _place(seen[0]), text)


def _place(name: str) -> str:
    return "at-" + name.replace("-", "_")


def _link(text: str, ours: Collection[str]) -> str:
    """References to manual pages, with the addresses of the pages."""

    def find(page: str) -> str:
        return f"{page}.html" if page in ours else f"{ELSEWHERE}{page}"

    return re.sub(r'(?<=<a class="Xr" href=")[\w.-]+\.\d(?=")', lambda seen: find(seen[0]), text)
