"""The fields of one JSON object."""

from __future__ import annotations

import pytest

from knockd.ctl.fields import Fields, UnknownReply

FOUND = Fields({"a": "x", "n": 1.5, "t": True, "l": ["p", "q"], "m": {"k": "v"}, "null": None})


def test_what_is_there() -> None:
    """Each field is what it is."""
    assert FOUND.text("a") == "x"
    assert FOUND.number("n") == 1.5
    assert FOUND.count("n") == 1
    assert FOUND.flag("t") is True
    assert FOUND.texts("l") == ("p", "q")
    assert FOUND.table("m") == {"k": "v"}
    assert FOUND.record("m", lambda found: Fields(found).text("k")) == "v"
    assert FOUND.maybe_record("m", lambda found: Fields(found).text("k")) == "v"


@pytest.mark.parametrize("name", ["null", "missing"])
def test_what_may_be_missing(name: str) -> None:
    """Null and missing are alike."""
    assert FOUND.maybe_text(name) is None
    assert FOUND.maybe_count(name) is None
    assert FOUND.maybe_number(name) is None
    assert FOUND.maybe_texts(name) is None
    assert FOUND.maybe_record(name, Fields) is None


def test_what_is_of_another_type() -> None:
    """It is refused by its name; a boolean is no number."""
    for ask, name in [
        (FOUND.text, "n"),
        (FOUND.text, "missing"),
        (FOUND.number, "t"),
        (FOUND.count, "a"),
        (FOUND.flag, "n"),
        (FOUND.texts, "a"),
        (FOUND.table, "l"),
    ]:
        with pytest.raises(UnknownReply, match=f"'{name}' is not as expected"):
            ask(name)
    with pytest.raises(UnknownReply, match="'l' is not as expected"):
        Fields({"l": ["a", 1]}).texts("l")
    with pytest.raises(UnknownReply, match="an object is expected"):
        Fields([])
