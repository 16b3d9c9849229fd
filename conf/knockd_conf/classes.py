"""``dataclass`` and ``NamedTuple`` as in the standard library, for less memory and time at the start.

The standard library compiles methods for each dataclass that differ in the names of its fields only (10 KB a
class; here all classes share them), and the type of each field of a NamedTuple (1 KB a field). The module
``dataclasses`` is imported for the first dataclass: a client, which has none, starts sooner.

Pure.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
    from typing import NamedTuple

    __all__ = ["NamedTuple", "dataclass"]
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, eq: bool = True
    ) -> Callable[[type[Any]], type[Any]]:
        """Makes a class with at least one field a dataclass; no order, and no other way to a hash."""
        import dataclasses

        def make(cls: type[Any]) -> type[Any]:
            own = set(vars(cls))
            made = dataclasses.dataclass(cls, frozen=frozen, slots=slots, eq=False, repr=False)
            shared: dict[str, object] = {"__repr__": _repr}
            if frozen:
                shared |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
            if eq:
                compared = (field.name for field in dataclasses.fields(made) if field.compare)
                shared |= {"_compared": attrgetter(*compared), "__eq__": _eq}
                shared |= {"__hash__": _hash if frozen else None}
            for name in shared.keys() - own:
                setattr(made, name, shared[name])
            return made

        return make

    class _Maker(type):
        """Makes a tuple with names of a class that has NamedTuple as its base."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            types = body.pop("__annotations__", {})
            defaults = [body.pop(field) for field in types if field in body]
            made = namedtuple(name, types, defaults=defaults, module=body.pop("__module__"))
            made.__annotations__ = types
            for key, value in body.items():
                setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Maker):
        """The base; in the class there may be methods and properties, but none that calls ``super``."""


def _repr(self: Any) -> str:
    import dataclasses

    fields = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._compared(self) == self._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _refuse_to_set(_self: object, name: str, _value: object) -> None:
    import dataclasses

    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    import dataclasses

    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
