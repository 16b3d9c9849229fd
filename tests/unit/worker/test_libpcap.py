"""Whether there is pcapy-ng."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from knockd.worker.libpcap import find_import_error
from tests.support.lab.tools import need_pcapy


def test_there() -> None:
    """Where it can be imported there is no error."""
    need_pcapy()
    assert find_import_error() is None


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be imported the error is Python's."""
    monkeypatch.setitem(sys.modules, "pcapy", None)
    assert str(find_import_error()) == "import of pcapy halted; None in sys.modules"


def test_older_pcapy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The older pcapy, Debian's python3-pcapy, is not taken for pcapy-ng."""
    monkeypatch.setitem(sys.modules, "pcapy", ModuleType("pcapy"))
    assert "cannot import name" in str(find_import_error())
