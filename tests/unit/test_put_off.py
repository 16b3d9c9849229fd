"""Imports put off: nothing is loaded before it is used, and what is used is the module's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from knockd.put_off import call_later, put_off


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module, and a library that imports it three ways; none of them is loaded."""
    (tmp_path / "absent_one.py").write_text("def double(number):\n    return 2 * number\n")
    (tmp_path / "absent_user.py").write_text(
        "import absent_one\n\ndef use(number):\n    return absent_one.double(number)\n"
    )
    (tmp_path / "absent_taker.py").write_text(
        "from absent_one import double\n\ndef use(number):\n    return double(number)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("absent_one", "absent_user", "absent_taker"):
        sys.modules.pop(name, None)


def _load(name: str) -> ModuleType:
    return __import__(name)


def test_not_loaded() -> None:
    """A module that a library imports and does not use is not loaded, nor left behind as another."""
    with put_off({"absent_one": {}}):
        _load("absent_user")
    assert "absent_one" not in sys.modules


def test_used() -> None:
    """What uses the module finds it, though it had a stand-in; others get the module itself."""
    with put_off({"absent_one": {}}):
        user = _load("absent_user")
    assert 6 == user.use(3)
    module = sys.modules["absent_one"]
    assert module.__file__ is not None
    assert _load("absent_one") is module
    assert 8 == user.use(4)


def test_used_at_once() -> None:
    """What is taken by name in the block is the module's own, and the module is loaded for good."""
    with put_off({"absent_one": {}}):
        taker = _load("absent_taker")
    assert taker.double is sys.modules["absent_one"].double


def test_function_taken_by_name() -> None:
    """A function that is given does not load its module until it is called."""
    with put_off({"absent_one": {"double": call_later("absent_one", "double")}}):
        taker = _load("absent_taker")
    assert "absent_one" not in sys.modules
    assert 6 == taker.use(3)
    assert "absent_one" in sys.modules


def test_there_already() -> None:
    """A module that is loaded stays what it is, its functions too."""
    module = _load("absent_one")
    with put_off({"absent_one": {"double": call_later("absent_one", "double")}}):
        taker = _load("absent_taker")
        assert sys.modules["absent_one"] is module
    assert taker.double is module.double
    assert sys.modules["absent_one"] is module


def test_no_such_module() -> None:
    """A module that is not installed is an ImportError as soon as something is used of it."""
    with put_off({"absent_two": {}}):
        stand_in = _load("absent_two")
    assert "absent_two" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="absent_two"):
        _ = stand_in.anything


def test_exception_in_the_block() -> None:
    """A library that cannot be imported leaves no stand-in."""
    with pytest.raises(ModuleNotFoundError, match="absent_three"), put_off({"absent_one": {}}):
        _load("absent_three")
    assert "absent_one" not in sys.modules
