"""The reader of varlink's language, and its judgement of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from varlink import Interface as Referee

from knockd.control import interface, service
from knockd.control.idl import Kind, MismatchError, Type, check_fields, read_interface

TEXT = """\
# A comment: (never) read, ?not at all
interface org.example.Test

type Colour (red, dark_blue)
type Point (x: int, y: ?int)

method M(
  b: ?bool, i: ?int, f: ?float, s: ?string, o: ?object, c: ?Colour, p: ?Point,
  many: ?[]Point, named: ?[string]string, maybe: ?[]?int, inner: ?(a: bool), word: ?(one, two)
) -> ()
method Needs(s: string) -> (p: Point)
error Bad (why: string)
error Worse ()
"""
MADE = read_interface(TEXT)


def check(**values: Any) -> dict[str, Any]:
    """What is taken of the parameters of M."""
    return check_fields(MADE, MADE.methods["M"].takes, values)


def test_read() -> None:
    """Types, methods and errors by their names."""
    assert "org.example.Test" == MADE.name
    assert Type(Kind.ENUM, words=("red", "dark_blue")) == MADE.types["Colour"]
    assert {"x": Type(Kind.INT), "y": Type(Kind.INT, nullable=True)} == MADE.types["Point"].fields
    assert ["M", "Needs"] == [*MADE.methods]
    assert Type(Kind.STRUCT) == MADE.errors["Worse"]


@pytest.mark.parametrize("text", [interface.DESCRIPTION, service.DESCRIPTION])
def test_our_interfaces(text: str) -> None:
    """Ours are read as another implementation of varlink reads them."""
    made, referee = read_interface(text), Referee(text)
    assert set(made.methods) == {name for name in made.methods if referee.get_method(name)}
    assert referee.name == made.name
    assert text.count("\nmethod ") == len(made.methods)
    assert text.count("\nerror ") == len(made.errors)
    assert text.count("\ntype ") == len(made.types)


@pytest.mark.parametrize("kind", ["types", "methods", "errors"])
def test_our_interface_has_all_that_it_names(kind: str) -> None:
    """Every type that is named is there."""
    made = read_interface(interface.DESCRIPTION)

    def named(one: Type) -> set[str]:
        inner = [*one.fields.values(), *([one.of] if one.of else [])]
        return ({one.name} if one.name else set()).union(*map(named, inner))

    for one in getattr(made, kind).values():
        assert named(one if isinstance(one, Type) else one.takes) <= set(made.types)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected interface, got the end"),
        ("interface a.b\nclass C ()", "expected type, method or error, got class"),
        ("interface a.b\ntype C (a: int", "expected \\), got the end"),
        ("interface a.b\nmethod C()", "expected ->, got the end"),
        ("interface a.b\ntype C ()\nerror C ()", "C is there twice"),
        ("interface a.b\n%", "expected a word of the language, got '%'"),
    ],
)
def test_unreadable(text: str, reason: str) -> None:
    """A mistake in a description is found."""
    with pytest.raises(ValueError, match=reason):
        read_interface(text)


@pytest.mark.parametrize(
    "values",
    [
        {"b": False},
        {"i": -(2**63)},
        {"f": 1.5},
        {"s": ""},
        {"o": {"any": [1]}},
        {"c": "dark_blue"},
        {"p": {"x": 1}},
        {"many": [{"x": 1, "y": 2}, {"x": 3}]},
        {"many": []},
        {"named": {"a": "b"}},
        {"maybe": [1, None]},
        {"inner": {"a": True}},
        {"word": "two"},
    ],
)
def test_good_values(values: dict[str, Any]) -> None:
    """What fits is taken as it is."""
    assert values == check(**values)


def test_null_is_nothing() -> None:
    """Null is left out, inside of others too."""
    assert {"p": {"x": 1}} == check(b=None, p={"x": 1, "y": None})


def test_whole_numbers_are_floats_too() -> None:
    """JSON has one kind of number."""
    found = check(f=3)["f"]
    assert 3.0 == found
    assert isinstance(found, float)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"colour": 1}, "colour"),
        ({"b": 1}, "b"),
        ({"i": True}, "i"),
        ({"i": 1.0}, "i"),
        ({"i": 2**63}, "i"),
        ({"f": True}, "f"),
        ({"f": 10**400}, "f"),
        ({"f": "1"}, "f"),
        ({"s": 1}, "s"),
        ({"o": []}, "o"),
        ({"c": "green"}, "c"),
        ({"c": ["red"]}, "c"),
        ({"p": {}}, "p.x"),
        ({"p": {"x": None}}, "p.x"),
        ({"p": {"x": 1, "z": 1}}, "p.z"),
        ({"p": 1}, "p"),
        ({"many": {"x": 1}}, "many"),
        ({"many": [None]}, "many"),
        ({"many": [{"x": "1"}]}, "many.x"),
        ({"named": {"a": 1}}, "named"),
        ({"named": []}, "named"),
        ({"inner": {"a": 0}}, "inner.a"),
    ],
)
def test_bad_values(values: dict[str, Any], where: str) -> None:
    """What does not fit is named."""
    with pytest.raises(MismatchError) as error:
        check(**values)
    assert where == error.value.where


@pytest.mark.parametrize("values", [{}, {"s": None}])
def test_what_is_needed(values: dict[str, Any]) -> None:
    """A parameter that may not be null has to be there."""
    with pytest.raises(MismatchError, match="s: expected a value"):
        check_fields(MADE, MADE.methods["Needs"].takes, values)
