"""The page: one file that asks for nothing, in which no text of a log is anything but text."""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.review.page import LONGEST, TEMPLATES, NoTemplateEngine, render_page
from knockd.review.summary import End, Opening, Summary
from tests.support.samples.summaries import EMPTY, HOSTILE, ONE, START, WEEK, crowded, hostile

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Read(HTMLParser):
    """What a page is made of: tags, attributes, heading levels; it must be well formed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.attributes: dict[str, list[str]] = {}
        self.headings: list[int] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Counts it."""
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A piece of SVG that closes itself."""
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Closes the tag that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keeps the text outside of the style."""
        if self.open and self.open[-1] != "style":
            self.text.append(data)


TAME = Read(render_page(hostile("tame")))
EVERY = pytest.mark.parametrize(
    "summary", [EMPTY, ONE, WEEK, crowded(), hostile()], ids=["empty", "one", "week", "crowded", "hostile"]
)


@EVERY
def test_the_page_is_well_formed(summary: Summary) -> None:
    """Every tag is closed in its order, an id is there once, and what ids refer to is there."""
    read = Read(render_page(summary))
    ids = read.attributes["id"]
    assert len(ids) == len(set(ids))
    assert set(read.attributes["aria-labelledby"]) <= set(ids)


@EVERY
def test_the_page_holds_nothing_that_acts(summary: Summary) -> None:
    """No script, no handler, no style in an attribute, no address but the page's own and the empty icon."""
    read = Read(render_page(summary))
    assert set() == {"script", "img", "iframe", "object", "form", "base", "use", "image", "a:href"} & set(
        read.tags
    )
    assert set() == {name for name in read.attributes if name.startswith("on") or name in ("style", "src")}
    assert set(read.attributes["href"]) == {"data:,", "#main"}


@EVERY
def test_the_policy_allows_the_one_style(summary: Summary) -> None:
    """The Content-Security-Policy names the hash of the style block and allows nothing else."""
    page = render_page(summary)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    hashed = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{hashed}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_text_stays_text() -> None:
    """A text of the log with markup, a template and escapes makes the same tags as a tame one."""
    wild = Read(render_page(hostile()))
    assert wild.tags == TAME.tags
    assert wild.attributes == TAME.attributes


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=60))
def test_any_text_stays_text(text: str) -> None:
    """Whatever characters a log holds, the tags are the same, and none that is unprintable is left."""
    page = render_page(hostile(text))
    assert Read(page).tags == TAME.tags
    assert page.replace("\n", "").isprintable()
    page.encode()


def test_what_would_deceive_is_made_visible() -> None:
    """Escapes of terminals, bidi overrides and ends of lines are shown as escapes; a template is not run."""
    page = render_page(hostile())
    assert not {"\x1b", "\u202e"} & set(page)
    text = "".join(Read(page).text)
    assert r"\x1b[31m\u202etxt\n" in text
    assert "{{ 7 * 7 }}" in text


def test_the_templates_mark_nothing_as_safe() -> None:
    """Nothing in the templates turns escaping off."""
    for name in TEMPLATES:
        source = (resources.files("knockd.review") / name).read_text("utf-8")
        assert not re.search(r"\|\s*safe|autoescape|Markup", source), name


def test_a_long_text_is_cut() -> None:
    """A text is shown up to a length; what is cut is said by its end."""
    page = render_page(replace(WEEK, notices=("x" * 5000,)))
    assert f"{'x' * LONGEST} ..." in page
    assert "x" * (LONGEST + 1) not in page


@EVERY
def test_headings_are_in_order(summary: Summary) -> None:
    """One heading of the first level, and none that skips a level."""
    levels = Read(render_page(summary)).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


@EVERY
def test_pictures_have_a_title_or_are_hidden(summary: Summary) -> None:
    """An SVG is a picture with a title, or decoration that screen readers leave out, or inside of one."""
    page = render_page(summary)
    for tag, follows in re.findall(r"<svg ([^>]*)>\s*(<\w+)", page):
        if 'class="sign"' in tag or "aria-hidden" in tag:
            continue
        assert 'role="img"' in tag
        assert follows == "<title"


@EVERY
def test_tables_have_captions_and_heads(summary: Summary) -> None:
    """Every table has a caption, and every head cell says what it heads."""
    read = Read(render_page(summary))
    assert read.tags["table"] == read.tags["caption"] == read.tags["thead"]
    assert read.tags["th"] == len(read.attributes["scope"])


@pytest.mark.parametrize(
    "text",
    [
        "Needs a person",
        "vpn could not be closed for 203.0.113.77",
        "198.51.100.7",
        "alice.example.net",
        "the third knock did not come within 15 seconds",
        "203.0.113.0/24",
        "nft delete element inet filter vpn { 203.0.113.77 }",
        "No such file or directory",
        "the stop command failed 3 times",
        "re-reading config file: /etc/knockd.conf",
        "nobody asked for this restart",
        "the clock was set back by 2 s at line 1204",
        "2 scanners that sent least are not listed",
        "closed by a knock at close: web",
        "18,204 lines",
        "86 of 88 addresses",
    ],
)
def test_the_page_tells(text: str) -> None:
    """What the review has found stands on the page."""
    assert text in " ".join("".join(Read(render_page(WEEK)).text).split())


def test_an_empty_log_is_said_to_be() -> None:
    """Where nothing was read the page says so, and nothing needs a person."""
    text = "".join(Read(render_page(EMPTY)).text)
    assert "No event was read." in text
    assert "Nothing needs a person" in text


@pytest.mark.parametrize(
    ("end", "closed", "precision", "text"),
    [
        (End.TIMEOUT, 10.0, 0.001, "10 s"),
        (End.TIMEOUT, 0.0, 60, "under 1 min"),
        (End.TIMEOUT, 60.0, 60, "about 1 min"),
        (End.TIMEOUT, 1800.0, 60, "about 30 min"),
        (End.UNKNOWN, None, 1, "not known"),
        (End.NOT_CLOSED, None, 1, "may still be open"),
        (End.NOT_OPENED, None, 1, "never"),
    ],
)
def test_how_long_a_door_was_open(end: End, closed: float | None, precision: float, text: str) -> None:
    """As exactly as the stamps of the log allow."""
    shut = None if closed is None else START + closed
    one = Opening(START, "ssh", "192.0.2.1", "", end, shut, "", precision)
    assert f'<td class="span">{text}</td>' in render_page(replace(WEEK, openings=(one,)))


def test_what_was_not_asked_for_is_not_said_to_be_none() -> None:
    """Lists that --what leaves out are empty, but their totals are not."""
    text = "".join(Read(render_page(replace(WEEK, scanners=(), openings=()))).text)
    assert "48 were not asked for." in text
    assert "88 were not asked for." in text


@pytest.mark.parametrize("end", list(End))
def test_openings_by_hand_say_so(end: End) -> None:
    """Whatever its end, an opening for which nobody has knocked says so."""
    one = Opening(START, "ssh", "192.0.2.1", "", end, START, "", 1, by_hand=True)
    assert "opened by hand" in render_page(replace(WEEK, openings=(one,)))
    assert "opened by hand" not in render_page(replace(WEEK, openings=(replace(one, by_hand=False),)))


def test_openings_of_other_gateways_say_so() -> None:
    """Where a door was opened, and closed, is said."""
    one = Opening(START, "ssh", "192.0.2.1", "", End.AT_GATEWAY, START, "gw3", 1, gateway="gw2")
    assert "closed at gateway gw3, opened at gateway gw2" in render_page(replace(WEEK, openings=(one,)))


def test_openings_by_signed_knocks_say_so() -> None:
    """By whose SSH key a door was opened is said, and that it has closed it."""
    given = {"key": "laptop", "fingerprint": "SHA256:x"}
    one = Opening(START, "ssh", "192.0.2.1", "", End.BY_KEY, START + 9, "", 1, **given)  # type: ignore[arg-type]
    assert "closed by its key, by laptop" in render_page(replace(WEEK, openings=(one,)))


def test_openings_with_keys_say_so() -> None:
    """By whose key a door was opened is said, whatever the name looks like."""
    one = Opening(START, "ssh", "192.0.2.1", "", End.TIMEOUT, START, "", 1, key="<b>")
    assert "with key &lt;b&gt;" in render_page(replace(WEEK, openings=(one,)))
    assert "with key" not in render_page(replace(WEEK, openings=(replace(one, key=""),)))


@pytest.mark.parametrize("end", list(End))
def test_every_end_has_words(end: End) -> None:
    """Whatever the end of an opening is, the page says it."""
    one = Opening(START, "ssh", "192.0.2.1", "", end, START, "", 1)
    assert render_page(replace(WEEK, openings=(one,)))


def test_without_jinja2_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is missing, the message says how this Python gets it."""
    render_page(EMPTY)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(NoTemplateEngine, match=r"^--html: expected .* pip install Jinja2 "):
        render_page(EMPTY)


def test_hostile_is_hostile() -> None:
    """The sample holds what it is to hold, or the tests with it prove nothing."""
    assert all(piece in HOSTILE for piece in ("<script>", "'", '"', "</style>", "{{", "\x1b", "\u202e", "\n"))


def test_openings_of_one_minute() -> None:
    """Of openings with one stamp the later one comes first, as of all others."""
    first, second = (replace(ONE.openings[0], ip=ip) for ip in ("192.0.2.1", "192.0.2.2"))
    page = render_page(replace(ONE, openings=(first, second)))
    rows = page[page.index('<h2 id="openings">') :]
    assert rows.index("192.0.2.2") < rows.index("192.0.2.1")


def test_hours_of_failed_knocks() -> None:
    """The second chart of hours says that owners' failed knocks are in it."""
    assert "<h3>Failed knocks and scans</h3>" in render_page(ONE)
