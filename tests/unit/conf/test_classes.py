"""Dataclasses and tuples with names behave as those of the standard library."""

from __future__ import annotations

import dataclasses
import pickle
import typing
from collections.abc import Callable

import pytest

from knockd_conf import classes

MAKERS = (dataclasses.dataclass, classes.dataclass)
each_maker = pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: str(maker.__module__))


@classes.dataclass(frozen=True, slots=True)
class Point:
    """A value as the daemon has many."""

    x: int
    y: int = 2
    note: str = dataclasses.field(default="", compare=False, repr=False)


class Pair(classes.NamedTuple):
    """A tuple as the daemon has many."""

    first: int
    second: str = "b"

    @property
    def both(self) -> str:
        """Its two parts."""
        return f"{self.first}{self.second}"


class Standard(typing.NamedTuple):
    """The same of the standard library."""

    first: int
    second: str = "b"


def point(maker: Callable[..., typing.Any], **how: bool) -> typing.Any:
    """A class like Point, made by ``maker``."""

    class Made:
        x: int
        y: int = 2
        note: str = dataclasses.field(default="", compare=False, repr=False)

    return maker(**how)(Made)


@each_maker
def test_equal(maker: Callable[..., typing.Any]) -> None:
    """Two are equal when they are of one class and all fields are that are compared."""
    made, other = point(maker, frozen=True, slots=True), point(maker, frozen=True, slots=True)
    assert made(1) == made(1, 2, "other")
    assert made(1) != made(1, 3)
    assert made(1) != other(1)
    assert made(1) != (1, 2)


@each_maker
def test_hash(maker: Callable[..., typing.Any]) -> None:
    """Frozen ones have a hash of the fields that are compared; others have none."""
    made = point(maker, frozen=True)
    assert {made(1)} == {made(1, 2, "other")}
    with pytest.raises(TypeError, match="unhashable"):
        hash(point(maker, slots=True)(1))


@each_maker
def test_identity(maker: Callable[..., typing.Any]) -> None:
    """Without ``eq`` one equals itself alone, and has a hash."""
    made = point(maker, slots=True, eq=False)
    assert made(1) != made(1)
    assert len({made(1), made(1)}) == 2


@each_maker
def test_repr(maker: Callable[..., typing.Any]) -> None:
    """It is shown as a call that makes it, but for fields that are not to be shown."""
    made = point(maker, slots=True)
    assert repr(made(1)) == f"{made.__qualname__}(x=1, y=2)"


@each_maker
def test_frozen(maker: Callable[..., typing.Any]) -> None:
    """A field of a frozen one can neither be set nor deleted."""
    one = point(maker, frozen=True, slots=True)(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        one.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del one.x


@each_maker
def test_slots(maker: Callable[..., typing.Any]) -> None:
    """With slots there is no other attribute, without there may be."""
    with pytest.raises(AttributeError):
        point(maker, slots=True)(1).other = 2
    one = point(maker)(1)
    one.other = 2
    assert one.other == 2


@each_maker
def test_own_methods(maker: Callable[..., typing.Any]) -> None:
    """A method that the class has itself stays."""

    class Own:
        x: int

        def __repr__(self) -> str:
            return "mine"

        def __hash__(self) -> int:
            return 7

    one = maker(frozen=True)(Own)(1)
    assert repr(one) == "mine"
    assert hash(one) == 7


def test_replace_and_pickle() -> None:
    """What the standard library does with dataclasses it does with ours."""
    assert Point(1, 5) == dataclasses.replace(Point(1), y=5)
    assert Point(1, 5) == pickle.loads(pickle.dumps(Point(1, 5)))
    assert {"x": 1, "y": 2, "note": ""} == dataclasses.asdict(Point(1))


def test_shared() -> None:
    """Two classes have the same methods, which is what makes them cheap."""
    one, other = point(classes.dataclass, frozen=True), point(classes.dataclass, frozen=True)
    for name in ("__eq__", "__hash__", "__repr__", "__setattr__", "__delattr__"):
        assert getattr(one, name) is getattr(other, name)


@pytest.mark.parametrize("what", ["_fields", "_field_defaults", "__module__", "__bases__", "__match_args__"])
def test_tuple_class(what: str) -> None:
    """A class has what that of the standard library has."""
    assert getattr(Standard, what) == getattr(Pair, what)


def test_tuple() -> None:
    """It is made, shown, replaced, compared and pickled as any tuple with names; its methods work."""
    assert Pair(1) == (1, "b")
    assert repr(Pair(1)) == "Pair(first=1, second='b')"
    assert Pair(1)._replace(first=3) == Pair(3)
    assert Pair(1)._asdict() == {"first": 1, "second": "b"}
    assert Pair(4, "c").both == "4c"
    loaded = pickle.loads(pickle.dumps(Pair(1)))
    assert type(loaded) is Pair
    assert loaded == Pair(1)
    with pytest.raises(TypeError, match="first"):
        Pair()  # type: ignore[call-arg]


def test_tuple_types() -> None:
    """The types of its fields are kept as they are written, and found when they are asked for."""
    assert Pair.__annotations__ == {"first": "int", "second": "str"}
    assert typing.get_type_hints(Pair) == {"first": int, "second": str}
