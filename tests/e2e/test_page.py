"""The page of a review in a real browser: it asks for nothing, complains of nothing, and fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.review.page import render_page
from knockd.review.summary import Summary
from tests.support.lab.browser import Browser, open_browser
from tests.support.samples.summaries import EMPTY, ONE, WEEK, crowded, hostile

pytestmark = pytest.mark.together

SAMPLES = {"empty": EMPTY, "one": ONE, "week": WEEK, "crowded": crowded(), "hostile": hostile()}
every_sample = pytest.mark.parametrize("summary", SAMPLES.values(), ids=SAMPLES)
every_width = pytest.mark.parametrize("width", [390, 1280, 1600])
every_scheme = pytest.mark.parametrize("scheme", ["light", "dark"])

CUT_OFF = """[...document.querySelectorAll("main *, header *, footer *")].filter(one =>
    one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && one.checkVisibility() &&
    !one.closest(".scroll") && getComputedStyle(one).display !== "inline" && !(one instanceof SVGElement)
).map(one => one.outerHTML.slice(0, 200))"""
"""Elements with more in them than they show, but for tables, which scroll."""

OUTSIDE = """[...document.querySelectorAll("svg text")].filter(one => {
    const inside = one.closest("figure").getBoundingClientRect(), own = one.getBoundingClientRect();
    return own.width > 0 && (own.left < inside.left - 1 || own.right > inside.right + 1);
}).map(one => one.textContent)"""
"""Texts of charts that reach out of them."""

OVERLAPPING = """[...document.querySelectorAll("svg")].flatMap(chart => {
    const shown = [...chart.querySelectorAll(":scope > text")].map(one => [one, one.getBoundingClientRect()])
        .filter(([, box]) => box.width > 0);
    const over = (a, b) =>
        a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2;
    return shown.filter(([one, a]) => shown.some(([other, b]) => one !== other && over(a, b)))
        .map(([one]) => one.textContent);
})"""
"""Texts of charts that lie over one another."""

CONTRAST = """(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const light = (...colours) => {
        canvas.globalAlpha = 1; canvas.clearRect(0, 0, 1, 1);
        for (const [colour, opacity] of colours) {
            canvas.globalAlpha = opacity; canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        }
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(c => c / 255).map(
            c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = one => {
        for (; one; one = one.parentElement) {
            const colour = getComputedStyle(one).backgroundColor;
            if (colour !== "rgba(0, 0, 0, 0)") return colour;
        }
        return "white";
    };
    const low = [];
    for (const one of document.querySelectorAll("body *")) {
        const style = getComputedStyle(one), svg = one instanceof SVGElement;
        const text = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!one.checkVisibility() || one.closest(".skip, title, desc")) continue;
        const drawn = svg && one.matches("rect:not(.empty), .cross, .warn, .hollow");
        if (!text && !drawn) continue;
        const outlined = svg && one.matches(".cross, .hollow, .stuck"), back = [behind(one), 1];
        const colour = !svg ? style.color : outlined ? style.stroke : style.fill;
        const front = [colour, svg && !outlined ? Number(style.fillOpacity) : 1];
        const [a, b] = [light(back, front), light(back)].sort((a, b) => b - a);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < (text ? 4.5 : 3)) low.push(`${ratio.toFixed(2)} ${one.outerHTML.slice(0, 120)}`);
    }
    return [...new Set(low)];
})()"""
"""Texts with a contrast below 4.5, and parts of charts below 3 (WCAG 2.1, 1.4.3 and 1.4.11)."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with open_browser() as opened:
        yield opened


def write(folder: Path, summary: Summary, *replaced: tuple[str, str]) -> Path:
    """The page of a summary in a file, with texts of it replaced."""
    text = render_page(summary)
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "review.html"
    path.write_text(text)
    return path


@every_scheme
@every_width
@every_sample
def test_it_asks_for_nothing_and_fits(
    browser: Browser, tmp_path: Path, summary: Summary, width: int, scheme: str
) -> None:
    """At every width, light and dark: no request, no complaint, nothing cut off, no contrast too low."""
    browser.show(write(tmp_path, summary), width, scheme)
    assert browser.requests == []
    assert browser.complaints == []
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    assert browser.value(CUT_OFF) == []
    assert browser.value(OUTSIDE) == []
    assert browser.value(OVERLAPPING) == []
    assert browser.value(CONTRAST) == []


def test_light_and_dark_differ(browser: Browser, tmp_path: Path) -> None:
    """The page follows what the person has chosen for all pages."""
    path, seen = write(tmp_path, WEEK), {}
    for scheme in ("light", "dark"):
        browser.show(path, scheme=scheme)
        seen[scheme] = browser.value("getComputedStyle(document.body).backgroundColor")
    assert seen == {"light": "rgb(246, 246, 243)", "dark": "rgb(18, 21, 24)"}


@pytest.mark.parametrize(
    ("planted", "directive"),
    [
        ("<script>document.title = 'caught'</script>", "script-src"),
        ('<p onclick="1">', "script-src"),
        ('<img src="http://192.0.2.1/x.png" alt="">', "img-src"),
        ('<p style="color: red">', "style-src"),
        ("<style>p { color: red }</style>", "style-src"),
        ('<link rel="stylesheet" href="http://192.0.2.1/x.css">', "style-src"),
        ('<iframe src="http://192.0.2.1/"></iframe>', "frame-src"),
    ],
)
def test_the_policy_is_in_force(browser: Browser, tmp_path: Path, planted: str, directive: str) -> None:
    """What the page does not hold could do nothing in it: the browser refuses it and says so."""
    planted += '<button id="planted">' if "onclick" in planted else ""
    browser.show(write(tmp_path, WEEK, ("<header>", f"{planted}<header>")))
    if "onclick" in planted:
        browser.value("document.querySelector('[onclick]').click()")
    assert [text for text in browser.complaints if directive in text and "Content Security Policy" in text]
    assert browser.value("document.title") == "Port knocks: review of the log"


def test_a_request_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    """Without the policy a planted picture is asked for: the test above can fail."""
    off = ('http-equiv="Content-Security-Policy"', 'name="off"')
    planted = ("<header>", '<img src="http://192.0.2.1/x.png" alt=""><header>')
    browser.show(write(tmp_path, WEEK, off, planted))
    assert browser.requests == ["http://192.0.2.1/x.png"]


def test_a_script_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    """Without the policy what a planted script writes to the console is seen."""
    off = ('http-equiv="Content-Security-Policy"', 'name="off"')
    browser.show(write(tmp_path, WEEK, off, ("<header>", "<script>console.log('planted')</script><header>")))
    assert any("planted" in text for text in browser.complaints)


def test_what_does_not_fit_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    """A text that is cut off is found."""
    wide = '<div><svg width="600" height="9"></svg></div>'
    browser.show(write(tmp_path, WEEK, ("<footer>", f"<footer>{wide}")), 390)
    assert browser.value(CUT_OFF) != []


def test_the_keyboard_reaches_the_review(browser: Browser, tmp_path: Path) -> None:
    """The first stop of the Tab key is the link that skips to the review, and it is seen then."""
    browser.show(write(tmp_path, WEEK))
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert browser.value("document.activeElement.className") == "skip"
    assert browser.value("document.activeElement.getBoundingClientRect().left") >= 0


def test_screen_readers_hear_the_charts(browser: Browser, tmp_path: Path) -> None:
    """Charts are images with names, and what they show is in tables with names."""
    browser.show(write(tmp_path, WEEK))
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    heard = {
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if "role" in node
    }
    images = {name for role, name in heard if role == "image"}
    assert "Openings: 47" in images
    assert "vpn, 203.0.113.77: 11 openings, the last Fri 20 Nov 19:18" in images
    assert "203.0.113.0/24: failed knocks 742, touches of guard ports 305" in images
    assert all(images)
    assert "Who opened which door, and how long it was open, newest first" in {
        name for role, name in heard if role == "table"
    }


def test_it_prints_on_paper(browser: Browser, tmp_path: Path) -> None:
    """Printed in the dark it is light, and the head of a table that goes on is on the next sheet too."""
    browser.show(write(tmp_path, WEEK), scheme="dark")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.call("Emulation.setEmulatedMedia", media="")
    sheets = browser.paper_text(tmp_path)
    assert len(sheets) > 3
    assert sum("How it ended" in sheet for sheet in sheets) > 1
