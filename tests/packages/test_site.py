"""The web site: it is built without a warning, its links lead somewhere, and it fetches nothing."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.lab.browser import Browser, open_browser
from tests.support.lab.tools import lacking, need

FETCHED = {
    "img": "src",
    "script": "src",
    "link": "href",
    "iframe": "src",
    "source": "srcset",
    "object": "data",
}
"""Elements that make a browser fetch something, and the attribute that says what."""

MANUALS = ("knock.1", "knockctl.1", "knockd.conf.5", "knockd.8")
WIDTHS = {"wide": 1280, "narrow": 390}


class Page(HTMLParser):
    """One page: what can be linked to in it, where it leads, and what it has a browser fetch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in FETCHED and FETCHED[tag] in found:
            self.fetched.append(found[FETCHED[tag]])


class Site(NamedTuple):
    """A site that was built, and its pages."""

    root: Path
    pages: dict[Path, Page]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site, built anew; a warning of Sphinx or mandoc fails."""
    need("mandoc")
    for package in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(package) is None:
            lacking(f"{package} is missing: pip install -e '.[site]'")
    from knockd_packages.site import build_site

    root = tmp_path_factory.mktemp("site")
    build_site(root)
    return Site(root, {path: Page(path) for path in sorted(root.rglob("*.html"))})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, for all tests of this file."""
    with open_browser() as opened:
        yield opened


def broken(site: Site, page: Path, link: str) -> bool:
    """Whether a link leads nowhere; of addresses elsewhere the form alone is looked at."""
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme not in ("https", "mailto") or (
            parts.scheme == "https" and "." not in parts.netloc
        )
    to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not to.is_relative_to(site.root) or not to.is_file():
        return True
    return bool(parts.fragment) and to in site.pages and unquote(parts.fragment) not in site.pages[to].ids


def test_links_lead_somewhere(site: Site) -> None:
    """Every link of every page leads to a file of the site and to a place in it."""
    assert [] == [
        (str(path.relative_to(site.root)), link)
        for path, page in site.pages.items()
        for link in page.links
        if broken(site, path, link)
    ]


def test_places_have_one_name(site: Site) -> None:
    """No two places of a page that is ours have one name, so that a link leads to the right one."""
    assert {} == {
        str(path.relative_to(site.root)): twice
        for path, page in site.pages.items()
        if (twice := {one for one in page.ids if page.ids.count(one) > 1})
    }


def test_nothing_is_fetched(site: Site) -> None:
    """No page and no style sheet names a font, a script or a picture of another host."""
    named = [what for page in site.pages.values() for what in page.fetched]
    for sheet in site.root.rglob("*.css"):
        named += re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", sheet.read_text())
    assert len(named) > 100
    assert [] == [what for what in named if urlsplit(what).netloc]


def test_manuals_name_each_other(site: Site) -> None:
    """A manual page is there, and each reference to one of ours is a link to it."""
    for name in MANUALS:
        path = site.root / "docs" / f"{name}.html"
        others = {other for other in MANUALS if other != name}
        assert others == {link.removesuffix(".html") for link in site.pages[path].links} & others
        text = re.sub(r"<a [^>]*>.*?</a>", "", path.read_text(), flags=re.DOTALL)
        assert [] == re.findall(r"knock(?:d|ctl|d\.conf)?</(?:b|code)>\(\d\)", text)


def test_every_page_of_ours_is_there(site: Site) -> None:
    """Each guide, manual and page of docs is a page of the site, and in its menu."""
    docs = Path(__file__).parents[2] / "docs"
    wanted = {str(path.relative_to(docs).with_suffix("")) for path in docs.rglob("*.md")} | {*MANUALS}
    menu = {
        link.removeprefix("docs/").removesuffix(".html")
        for link in site.pages[site.root / "index.html"].links
    }
    assert set() == wanted - menu - {"README"}


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name", ["index", "docs/guides/first-door", "docs/knockd.8", "docs/spec/signed-knock"]
)
def test_in_a_browser(site: Site, browser: Browser, name: str, scheme: str, width: int) -> None:
    """From the disk a page shows without a complaint, asks for its own files alone, and fits the window."""
    browser.show(site.root / f"{name}.html", width, scheme)
    assert [] == browser.complaints
    assert [] == [asked for asked in browser.requests if not asked.startswith(("file:", "data:"))]
    assert browser.value("document.documentElement.scrollWidth") <= width
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 384) == (scheme == "light")
