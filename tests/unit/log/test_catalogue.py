"""The catalogue of events: complete, held by every caller, and the source of its page."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from knockd.log.catalogue import EVENTS, FIELDS, Event, check
from tests.support.oracles.make_log_events import PAGE, page

every_event = pytest.mark.parametrize("name", EVENTS)


@every_event
def test_every_field_has_a_meaning(name: str) -> None:
    """Each field of an event has a row in the table of fields."""
    assert EVENTS[name].fields <= FIELDS.keys()


def test_every_meaning_has_a_field() -> None:
    """The table of fields has those of the events, and host, which -l adds."""
    assert FIELDS.keys() == {"host"}.union(*(event.fields for event in EVENTS.values()))


@every_event
def test_who_comes_first(name: str) -> None:
    """An address in a line is the first thing in it: readers of 0.8 and fail2ban anchor there."""
    shown = [field for _, field, _, _ in Formatter().parse(EVENTS[name].text) if field]
    assert "who" not in shown[1:]
    assert "ip" not in shown
    assert "host" not in shown


@every_event
def test_formats_fit_the_fields(name: str) -> None:
    """Only numbers are printed with a format, and texts as they are."""
    for _, field, form, _ in Formatter().parse(EVENTS[name].text):
        assert not form or FIELDS[str(field)][0] is float


def test_what_strangers_cause() -> None:
    """A packet that opens nothing causes these events and no other, but for those of a fleet's network."""
    signed = {"signed-refused", "signed-unread"}
    limited = {name for name, event in EVENTS.items() if event.limited}
    keyed = {"key-used", "key-behind", "key-ahead", "key-before-start"}
    fleet = {"fleet-came", "fleet-left", "fleet-silent"}
    assert {
        "stage",
        "expired",
        "spoiled",
        "flags-unfit",
        "guarded",
        "ignored",
        "refused",
        *keyed,
        *signed,
        *fleet,
    } == limited


def test_what_openings_cause() -> None:
    """They are about one door each: where strangers can open it they are held back, else never."""
    caused = {name for name, event in EVENTS.items() if event.opening}
    said = {f"command-{what}" for what in ("failed", "timeout", "output", "late", "too-long")}
    said |= {
        "fleet-opened",
        "fleet-closed",
        "held-open",
        "left",
        "open-max",
        "key-opened",
        "signed-opened",
        "signed-renewed",
        "signed-closed",
    }
    assert {"stage", "open", "command", *said} == caused
    assert all("door" in EVENTS[name].fields for name in caused)


def test_what_log_failures_is_about() -> None:
    """``Log_Failures = no`` leaves out why a knock failed, which strangers cause too."""
    failures = {name for name, event in EVENTS.items() if event.failure}
    keyed = {"key-used", "key-behind", "key-ahead", "key-before-start"}
    assert {
        "spoiled",
        "flags-unfit",
        "guarded",
        "ignored",
        *keyed,
        "signed-refused",
        "signed-unread",
    } == failures
    assert all(EVENTS[name].limited for name in failures)


def test_fields_of_an_event() -> None:
    """They are those of its text, with ip for who, and those that only JSON shows."""
    event = Event("info", "{who}: {seconds:.0f} {door}", ("stage",))
    assert {"ip", "seconds", "door", "stage"} == event.fields


def test_host_is_no_field_of_its_own() -> None:
    """A line may have the name of its address or not."""
    fields = {"ip": "192.0.2.1", "door": "ssh"}
    assert EVENTS["open"] is check("open", fields)
    assert EVENTS["open"] is check("open", {**fields, "host": "alice.example"})
    assert EVENTS["open"] is check("open", {**fields, "key": "anne"})


@pytest.mark.parametrize("fields", [{"door": "ssh"}, {"door": "ssh", "ip": "192.0.2.1", "status": 1}])
def test_other_fields(fields: dict[str, object]) -> None:
    """A field too few or too many is an error that names those that are expected."""
    with pytest.raises(TypeError, match=re.escape("open: expected fields ['door', 'ip'], got")):
        check("open", fields)


def test_unknown_event() -> None:
    """An event that is not in the catalogue is an error."""
    with pytest.raises(KeyError, match="opened"):
        check("opened", {})


def test_the_page_is_printed_from_the_catalogue() -> None:
    """docs/log-events.md is what make log-events prints."""
    assert page() == PAGE.read_text()


@every_event
def test_the_page_has_every_event(name: str) -> None:
    """Each event has one row on the page, with its level."""
    assert len(re.findall(rf"^\| `{name}` \| {EVENTS[name].level} \| ", PAGE.read_text(), re.MULTILINE)) == 1
