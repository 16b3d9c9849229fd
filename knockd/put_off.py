"""Imports put off until something is used of them: for what a library imports on behalf of others.

(importlib.util.LazyLoader does not serve: an import statement of what it has made loads it, in Python 3.11.)

World: Python's imports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


@contextmanager
def put_off(names: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """In the block an import of these modules gives a stand-in; those that are there already stay.

    A stand-in imports its module when an attribute is read for the first time, so what is found in it is
    always the module's own, but for attributes that are given with its name: who takes one of them by
    name does not load the module. Whoever imports the module after the block gets the module.
    """
    made = {name: _StandIn(name) for name in names if name not in sys.modules}
    for name, stand_in in made.items():
        vars(stand_in).update(names[name])
    sys.modules.update(made)
    try:
        yield
    finally:
        for stand_in in made.values():
            _take_back(stand_in)


class _StandIn(ModuleType):
    """Has its name, and the attributes that it was given."""

    def __getattr__(self, attribute: str) -> object:
        """What the module has; a special one, which imports ask for, is not worth the module."""
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        _take_back(self)
        return getattr(import_module(self.__name__), attribute)


def call_later(module: str, function: str) -> Callable[..., object]:
    """A function that imports its module when it is called."""

    def call(*args: object, **keywords: object) -> object:
        found: object = getattr(import_module(module), function)(*args, **keywords)
        return found

    return call


def _take_back(stand_in: ModuleType) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
