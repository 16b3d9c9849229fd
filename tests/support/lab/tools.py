"""What a network test needs of the machine, asked for in one place: programs, rights, devices."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from tests.support.lab import enter
from tests.support.lab.packages import BUILD, TEST, find


def lacking(reason: str) -> NoReturn:
    """Leave the test: skipped on somebody's own machine, failed where CI=true (all must run there)."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(tool: str, package: str | None = None) -> str:
    """The path of a program a test uses; without it the test is left (see ``lacking``).

    ``package`` is the Debian package to name, by default the one in packages.py.
    """
    path = find(tool)
    if path is None:
        lacking(f"{tool} is missing: apt-get install {package or (TEST | BUILD).get(tool, tool)}")
    return path


def need_lab() -> None:
    """Leave the test where network namespaces cannot be made."""
    need("ip")
    if not enter.may_build():
        lacking("network namespaces need root, or: python -m tests.support.lab.enter pytest ...")


def need_tun() -> None:
    """Leave the test where tun devices cannot be made (no /dev/net/tun, or no right to it)."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        lacking("no right to /dev/net/tun")
