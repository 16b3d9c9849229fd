"""A review as one page of HTML that needs nothing else: no script, no request to anywhere.

Every text of a log goes through ``printable`` and Jinja2's escaping; the templates mark nothing as safe.

World: Jinja2 and the templates of this package.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from knockd.review import charts, dates
from knockd.review.clock import show_rough_span
from knockd.review.sections import show_opener
from knockd.review.summary import End, Opening, Summary
from knockd_conf.extras import explain_missing
from knockd_conf.text import printable, show_span

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = ("page.html", "charts.html", "tables.html", "page.css")
LONGEST = 400
"""Characters of a text that are shown."""

_ENDED: Mapping[End, str] = {
    End.TIMEOUT: "its time was over",
    End.DOOR: "closed by a knock at",
    End.RENEWED: "opened anew by another knock",
    End.CLOSED_ANOTHER: "opened nothing, closed",
    End.BY_KEY: "closed by its key",
    End.BY_HAND: "closed by hand",
    End.AT_GATEWAY: "closed at gateway",
    End.DAEMON: "the daemon ended",
    End.NOT_CLOSED: "not closed",
    End.NOT_OPENED: "not opened",
    End.UNKNOWN: "the log does not say",
}


class NoTemplateEngine(Exception):
    """Jinja2 is not installed. The text says how to get it."""


def render_page(summary: Summary) -> str:
    """The page as text, to be written in UTF-8. Raises NoTemplateEngine where Jinja2 is missing."""
    try:
        import jinja2  # noqa: F401 - looked for each time, so that it is missed whatever was cached
    except ImportError as error:
        raise NoTemplateEngine(f"--html: {explain_missing('jinja2', error)}") from error
    environment = _environment()
    style = environment.get_template("page.css").render()
    page = environment.get_template("page.html").render(
        s=summary,
        start=summary.first or 0.0,
        end=_end(summary),
        ticks=_ticks(summary),
        years=summary.first is not None
        and dates.year_of(summary.first) != dates.year_of(summary.last or summary.first),
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
    )
    return page.lstrip()


@cache
def _environment() -> Environment:
    """The templates, with what they use."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    folder = resources.files("knockd.review")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        loader=DictLoader({name: (folder / name).read_text("utf-8") for name in TEMPLATES}),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(charts=charts, dates=dates, ended=_ended, open_for=_open_for)
    environment.globals.update(End=End, show_span=show_span)
    return environment


def _shown(value: object) -> object:
    """What the page shows of a value: texts in printable characters, and not more than LONGEST of them."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return f"{value:,}" if type(value) is int else value
    return printable(value if len(value) <= LONGEST else f"{value[:LONGEST]} ...")


def _end(summary: Summary) -> float:
    """Where the axes of time end: the last part of the timeline is whole."""
    line = summary.timeline
    return max(summary.last or 0.0, line.start + line.width * len(line.openings))


def _ticks(summary: Summary) -> tuple[tuple[float, dates.Tick], ...]:
    """Ticks of the axes of time with their places in percent."""
    start, end = summary.timeline.start, _end(summary)
    return tuple((charts.place(tick.time, start, end), tick) for tick in dates.find_ticks(start, end))


def _open_for(one: Opening) -> str:
    """How long a door was open, as exactly as the log says it."""
    if one.end in charts.OPENED_NOTHING:
        return "never"
    if one.closed is None:
        return "may still be open" if one.end is End.NOT_CLOSED else "not known"
    show = show_span if one.precision < 60 else show_rough_span
    return show(one.closed - one.time)


def _ended(one: Opening) -> str:
    """How an opening ended, in words, by which key it was, and where nobody had knocked here, why."""
    return _describe_end(one) + show_opener(one)


def _describe_end(one: Opening) -> str:
    if one.end in (End.DOOR, End.AT_GATEWAY, End.CLOSED_ANOTHER):
        return f"{_ENDED[one.end]} {one.closer}"
    if one.end in (End.NOT_CLOSED, End.NOT_OPENED) and one.closer:
        return f"{_ENDED[one.end]}: {one.closer}"
    return _ENDED[one.end]
