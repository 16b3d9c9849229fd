"""What several files of this folder look at, built once a run whichever process asks first."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Literal

import pytest

from knockd_packages.distributions import build


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_once("wheel", tmp_path_factory)


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this checkout."""
    return build_once("sdist", tmp_path_factory)


def build_once(kind: Literal["wheel", "sdist"], folders: pytest.TempPathFactory) -> Path:
    """What was built, in a folder that the processes of this run share."""
    base = folders.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / kind
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            return build(kind, folder)
    (built,) = folder.iterdir()
    return built
