"""Marks tests by their folder, keeps network tests off machines that cannot run them, lets some run alone.

Network tests wait more than they compute, so several run side by side (``pytest -n``). A test with the
marker ``alone`` measures time or fills the machine: it runs after all others, with nothing beside it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import settings

from knockd.files.mounts import may_be_emptied
from tests.support.lab.packages import PATH
from tests.support.lab.tools import need_lab

with suppress(ImportError):  # a Python without it
    import ssl  # noqa: F401 - before the daemon's event loop, which keeps it away from libraries that need it

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")  # a busy machine makes no test fail by its time

TEMPROOT, LASTING = "PYTEST_DEBUG_TEMPROOT", "/var/tmp"
"""pytest's variable for where it makes ``tmp_path``, and where that may go instead of memory."""

NETWORK = ("e2e", "faults", "differential")
"""Folders whose tests build labs; each is a marker too."""


def pytest_configure() -> None:
    """Makes ``tmp_path`` on a disk where /tmp is in memory, as on Debian 13.

    What is used of keys is noted there. A daemon whose notes a reboot may empty opens nothing by keys and
    signed knocks for a minute or two after its first start.
    """
    if may_be_emptied(tempfile.gettempdir()) and not may_be_emptied(LASTING):
        os.environ.setdefault(TEMPROOT, LASTING)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test in a network folder that folder's marker; long tests come first, those alone last."""
    for item in items:
        for folder in NETWORK:
            if folder in Path(item.path).parts:
                item.add_marker(folder)
        alone, together = item.get_closest_marker("alone"), item.get_closest_marker("together")
        if (alone or together) and config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group("alone" if alone else item.path.name))
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    if item.get_closest_marker("long"):
        return 0
    return 2 if item.get_closest_marker("alone") else 1


@pytest.fixture(autouse=True)
def _network(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Network tests find the programs in sbin, are left where no lab can be built, and share the machine."""
    if not any(request.node.get_closest_marker(name) for name in NETWORK):
        yield
        return
    monkeypatch.setenv("PATH", PATH)
    need_lab()
    alone = request.node.get_closest_marker("alone") is not None
    with _machine(tmp_path_factory.getbasetemp(), alone=alone):
        yield


@contextmanager
def _machine(folder: Path, *, alone: bool) -> Iterator[None]:
    """Holds the machine, shared or alone, against the other workers of this run; waits until it is free."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    with (folder.parent / "machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory has been removed."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
