"""What tests of subcommands share: a daemon with canned answers at the socket that knockctl asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.process import privileges
from tests.support.doubles.canned_daemon import CannedDaemon


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedDaemon]:
    """A daemon that has no answers yet."""
    path = tmp_path / "socket"
    monkeypatch.setenv("KNOCKD_SOCKET", str(path))
    with CannedDaemon(path) as running:
        yield running


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done to keep keys out of files; it is not done to the process of the tests."""
    done: list[str] = []
    monkeypatch.setattr(privileges, "leave_no_core", lambda: done.append("no core"))
    return done
