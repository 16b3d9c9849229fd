"""A missing package is named with all that installs it."""

from __future__ import annotations

import sys

import pytest

from knockd_conf.extras import PACKAGES, explain_missing, find_missing
from tests.support.lab.tools import need_pcapy


def test_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what was expected, what was seen, and has a line for the running Python that can be copied."""
    monkeypatch.setattr(sys, "executable", "/opt/my knockd/bin/python3")
    assert explain_missing("nacl", ImportError("No module\x1b named 'nacl'")) == (
        "expected the Python package PyNaCl, got none (No module\\x1b named 'nacl'): install it:"
        " '/opt/my knockd/bin/python3' -m pip install PyNaCl"
        " (Debian: python3-nacl, OpenWrt: python3-pynacl)"
    )


@pytest.mark.parametrize("module", PACKAGES)
def test_find(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed is found without being imported, and what is not is named."""
    if module == "pcapy":
        need_pcapy()
    assert find_missing(module) is None
    monkeypatch.setitem(sys.modules, module, None)
    assert find_missing(module) == explain_missing(module)
    assert ", got none: install it: " in explain_missing(module)
