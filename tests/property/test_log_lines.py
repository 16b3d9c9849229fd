"""Events to the lines of each format and back: what a format holds, a reader of lines finds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knockd.log.catalogue import EVENTS
from knockd.log.classic import render_classic
from knockd.review.entries import Entry
from knockd.review.lines import LineReader
from tests.support.samples.told_events import ToldEvent, told_events

ZONES = ("UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "NST3:30NDT,M3.2.0,M11.1.0", "<+1245>-12:45")
START = 1_751_328_000
"""2025-07-01 00:00 UTC."""

AUTUMN = 1_792_884_600
"""2026-10-25 01:30 in Berlin, half an hour before the hour that comes twice."""

Timed = list[tuple[float, ToldEvent]]


def _stamp(form: str, moment: float) -> str:
    return time.strftime(form, time.localtime(moment))


def _offset(moment: float) -> str:
    zone = _stamp("%z", moment)
    return f"{zone[:3]}:{zone[3:]}"


def _fraction(moment: float, digits: int) -> str:
    return f"{round(moment % 1 * 1000):03d}".ljust(digits, "0")


def _iso(moment: float, digits: int = 6) -> str:
    return f"{_stamp('%Y-%m-%dT%H:%M:%S', moment)}.{_fraction(moment, digits)}{_offset(moment)}"


def _json(moment: float, told: ToldEvent) -> str:
    known = {"time": _iso(moment, 3), "level": EVENTS[told.event].level, "event": told.event}
    return json.dumps({**known, **told.fields})


def _classic(moment: float, told: ToldEvent) -> str:
    return f"{_stamp('[%Y-%m-%d %H:%M] ', moment)}{render_classic(*told)}"


def _behind(stamp: Callable[[float], str]) -> Callable[[float, ToldEvent], str]:
    return lambda moment, told: f"{stamp(moment)}{render_classic(*told)}"


FORMATS: dict[str, tuple[str, float, Callable[[float, ToldEvent], str]]] = {
    "classic": ("classic", 60, _classic),
    "json": ("json", 0.001, _json),
    "rfc3164": ("syslog", 1, _behind(lambda t: _stamp("%b %e %H:%M:%S gate knockd[812]: ", t))),
    "rfc3164-sent": ("syslog", 1, _behind(lambda t: _stamp("<29>%b %e %H:%M:%S knockd: ", t))),
    "rfc3164-json": ("syslog", 0.001, lambda t, told: _stamp("%b %d %T h knockd: ", t) + _json(t, told)),
    "rsyslog": ("iso", 0.001, _behind(lambda t: f"{_iso(t)} gate knockd[812]: ")),
    "short-iso": ("iso", 1, _behind(lambda t: _stamp("%Y-%m-%dT%H:%M:%S%z gate knockd[812]: ", t))),
    "rfc5424": ("rfc5424", 0.001, _behind(lambda t: f"<29>1 {_iso(t)} gate knockd 812 - -  ")),
    "rfc5424-json": ("rfc5424", 0.001, lambda t, e: f"<29>1 {_iso(t)} gate knockd 812 - - {_json(t, e)}"),
    "short-full": ("journal", 1, _behind(lambda t: _stamp("%a %Y-%m-%d %H:%M:%S %Z gate knockd[812]: ", t))),
}
"""By name: what the reader calls it, its precision in seconds, and how it writes an event."""


@pytest.fixture(params=ZONES, autouse=True)
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """A time zone: whole hours from UTC or not, with and without summer time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def _moments(gaps: list[int], start: int = START) -> Iterator[float]:
    moment = start * 1000
    for gap in gaps:
        moment += gap
        yield moment / 1000


def _is_ambiguous(moment: float) -> bool:
    return any(_stamp("%F %T", moment) == _stamp("%F %T", moment + hour) for hour in (-3600, 3600))


@st.composite
def logs(draw: st.DrawFn, longest_gap: int, least_gap: int = 0, start: int = START, least: int = 1) -> Timed:
    """At least ``least`` events in time, with gaps in seconds between them."""
    events = draw(st.lists(told_events(), min_size=least, max_size=12))
    gap = st.integers(least_gap * 1000, longest_gap * 1000)
    gaps = st.lists(gap, min_size=len(events), max_size=len(events))
    return list(zip(_moments(draw(gaps), start), events, strict=True))


def _check(read: list[Entry], log: Timed, precision: float) -> None:
    assert len(read) == len(log)
    for entry, (moment, told) in zip(read, log, strict=True):
        who_and_where = {"ip": entry.ip, "door": entry.door, "host": entry.host}
        found = {**{name: value for name, value in who_and_where.items() if value}, **entry.fields}
        assert told == (entry.event, found)
        assert precision == entry.precision
        assert 0 <= moment - entry.time + 1e-6 < precision + 2e-6


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=60)
@given(log=logs(longest_gap=25 * 86_400))
def test_there_and_back(name: str, log: Timed) -> None:
    """Lines of a format say which events they are of, with which fields, and when as exactly as it says."""
    log = [one for one in log if not _is_ambiguous(one[0])]
    form, precision, write = FORMATS[name]
    reader = LineReader(year_hint=log[-1][0] if log else START)
    read = list(reader.read_entries(f"{write(*one)}\n".encode() for one in log))
    _check(read, log, precision)
    assert reader.by_format[form] == reader.total == len(log)
    assert [] == reader.steps_back


@pytest.mark.parametrize("name", ["classic", "rfc3164", "json", "rsyslog", "short-iso", "short-full"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(log=logs(longest_gap=3_500, least_gap=900, start=AUTUMN, least=8))
def test_in_autumn(name: str, log: Timed) -> None:
    """Where lines are less than an hour apart, those of the hour that comes twice are told apart."""
    _, precision, write = FORMATS[name]
    reader = LineReader(year_hint=log[-1][0])
    _check(list(reader.read_entries(f"{write(*one)}\n".encode() for one in log)), log, precision)
    assert [] == reader.steps_back


@settings(deadline=None, max_examples=100)
@given(log=logs(longest_gap=3_500), data=st.data())
def test_each_line_on_its_own(log: Timed, data: st.DataObject) -> None:
    """Formats may change from line to line, with empty lines and those of others between them."""
    between = st.sampled_from([[], ["\n"], [" \n"], ["-- Boot 0123 --\n"], ["Dec 32 x\n"], ["x\n", "\n"]])
    lines, others = [], 0
    for one in log:
        noise = data.draw(between)
        others += len(noise)
        _, _, write = FORMATS[data.draw(st.sampled_from(sorted(FORMATS)))]
        lines += [*noise, f"{write(*one)}\n"]
    reader = LineReader(year_hint=log[-1][0])
    read = list(reader.read_entries(line.encode() for line in lines))
    assert [told.event for _, told in log] == [entry.event for entry in read]
    assert others == reader.blank + reader.other + reader.unread


@settings(deadline=None)
@given(lines=st.lists(st.binary(max_size=120)))
def test_any_bytes(lines: list[bytes]) -> None:
    """Any bytes at all are read without an error, and each line counts once."""
    reader = LineReader(year_hint=START)
    entries = list(reader.read_entries(lines))
    assert len(lines) == reader.total
    assert len(entries) == sum(reader.by_format.values())
