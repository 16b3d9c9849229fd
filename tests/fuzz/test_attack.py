"""A short attack on every target; ``make fuzz`` has longer ones."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import TARGETS, attack

SECONDS, EXECUTIONS = 4, 20_000
WHEELS = (
    sys.version_info < (3, 14)
    and platform.machine() == "x86_64"
    and platform.python_implementation() == "CPython"
    and platform.libc_ver()[0] == "glibc"
)
"""Where there is a wheel of atheris 3; elsewhere it wants a compiler of its own."""


@pytest.fixture(autouse=True)
def _atheris() -> None:
    if importlib.util.find_spec("atheris") is None:
        if WHEELS and os.environ.get("CI") == "true":
            pytest.fail("atheris is missing: pip install -e '.[fuzz]'")
        pytest.skip("atheris is missing")


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_breaks(name: str, tmp_path: Path) -> None:
    """Some thousands of inputs that nobody has seen before keep the invariant."""
    outcome = attack(name, SECONDS, EXECUTIONS, tmp_path)
    assert outcome.found == ""
    assert outcome.executions > 0
