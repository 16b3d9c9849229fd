"""Labs and daemons for the fault-injection suite: those of the end-to-end tests, and small disks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, either, fleet, lab, pair, reader, start
from tests.support.lab.booted import need_systemd
from tests.support.lab.disks import Disk
from tests.support.lab.systemd_unit import Unit

__all__ = ["either", "fleet", "lab", "pair", "reader", "start"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 64 KiB. Ask for it before ``start``: it goes after the daemon."""
    with Disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def unit(pair: Pair) -> Iterator[Unit]:
    """The server of a pair, with systemd and our unit."""
    need_systemd()
    with Unit(pair.server) as made:
        yield made
