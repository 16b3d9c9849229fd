"""Marks tests by their folder and keeps network tests off machines that cannot run them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.packages import PATH
from tests.support.tools import need_lab

NETWORK = ("e2e", "faults", "differential")
"""Folders whose tests build labs; each is a marker too."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test in a network folder that folder's marker."""
    for item in items:
        for folder in NETWORK:
            if folder in Path(item.path).parts:
                item.add_marker(folder)


@pytest.fixture(autouse=True)
def _network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network tests find the programs in sbin, and are left where no lab can be built."""
    if any(request.node.get_closest_marker(name) for name in NETWORK):
        monkeypatch.setenv("PATH", PATH)
        need_lab()
