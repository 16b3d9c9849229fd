"""What tests of subcommands share: a daemon with canned answers at the socket that knockctl asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doubles.canned_daemon import CannedDaemon


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedDaemon]:
    """A daemon that has no answers yet."""
    path = tmp_path / "socket"
    monkeypatch.setenv("KNOCKD_SOCKET", str(path))
    with CannedDaemon(path) as running:
        yield running
