"""Whether there is pcapy-ng, and how to get it."""

from __future__ import annotations

import sys

import pytest

from knockd.worker.libpcap import advise_install, explain_missing
from tests.support.lab.tools import need_pcapy


def test_there() -> None:
    """Where it can be imported nothing is said."""
    need_pcapy()
    assert explain_missing() is None


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be imported it is said why."""
    monkeypatch.setitem(sys.modules, "pcapy", None)
    assert explain_missing() == "import of pcapy halted; None in sys.modules"


def test_advice() -> None:
    """It names Debian's package and pip."""
    assert advise_install() == (
        "install the package python3-pcapy-ng (Debian, Ubuntu: it comes beside that of knockd), or run"
        f" {sys.executable} -m pip install pcapy-ng"
    )
