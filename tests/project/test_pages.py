"""Pages of the project: what they name exists, and what they show is drawn from its source."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from tests.support.oracles.make_demo_picture import CAST, PICTURE, draw

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs").glob("*/*.md"),
        ROOT / "bpf/README.md",
        ROOT / "tests/support/README.md",
    ]
)
SHORT = {
    *("knocks", "leases", "keeper", "log", "worker", "process", "net", "files", "sequences", "client", "ctl"),
}
"""Folders of knockd that a page may name without ``knockd/``."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of the project leads to one."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
    assert [] == [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("name", ["docs/architecture.md", "docs/CONTRIBUTING.md", "bpf/README.md"])
def test_paths_exist(name: str) -> None:
    """A path that a page names exists; after a path of a folder the bare names of its files are enough."""
    named = re.findall(r"`([\w/]+\.(?:py|md|conf|dict|dot|5|8|1))`", (ROOT / name).read_text())
    assert named
    assert [] == [path for path in named if not found(path)]


def found(path: str) -> bool:
    """Whether a file of the project has this path, or ends with it."""
    full = f"knockd/{path}" if path.partition("/")[0] in SHORT else path
    return (ROOT / full).exists() or ("/" not in path and any(ROOT.glob(f"*/**/{path}"))) or "ASPECT" in path


def test_the_picture_is_drawn_from_its_source() -> None:
    """Each label of docs/architecture.dot stands in docs/architecture.svg, and no other."""
    source = (ROOT / "docs/architecture.dot").read_text()
    wanted = {line for label in re.findall(r'label="([^"]*)"', source) for line in label.split(r"\n")}
    drawn = {
        unescape(text)
        for text in re.findall(r"<text[^>]*>([^<]*)</text>", (ROOT / "docs/architecture.svg").read_text())
    }
    assert wanted == drawn


def test_the_demo_is_drawn_from_its_record() -> None:
    """docs/demo.svg is what its recording shows: it opens and closes, plays once, and fetches nothing."""
    drawn = PICTURE.read_text()
    assert draw(CAST.read_text()) == drawn
    assert ["no answer", "OPEN SESAME", "The port is open", "command timeout"] == re.findall(
        r"no answer(?=.*OPEN)|OPEN SESAME|The port is open|command timeout", drawn.replace("\n", " ")
    )
    assert len(drawn) < 100_000
    assert not re.search(r"infinite|href|url\(", drawn)


def test_every_page_is_listed() -> None:
    """docs/README.md, of which the web site makes its menu, lists each page and manual of docs, once."""
    docs = ROOT / "docs"
    listed = re.findall(r"^- \[[^]]*\]\(([^)]+)\)", (docs / "README.md").read_text(), re.MULTILINE)
    pages = {
        str(path.relative_to(docs)) for path in docs.rglob("*") if path.suffix in (".md", ".1", ".5", ".8")
    }
    assert len(listed) == len(set(listed))
    assert pages - {"README.md"} == {link for link in listed if not link.startswith("../")}


def test_the_readme_leads_to_the_pages_for_contributors() -> None:
    """README links architecture, contributing and the security policy."""
    text = (ROOT / "README.md").read_text()
    assert [] == [
        page
        for page in ("docs/architecture.md", "docs/CONTRIBUTING.md", "SECURITY.md")
        if f"({page})" not in text
    ]
