"""What a network test needs of the machine, asked for in one place: programs, rights, devices."""

from __future__ import annotations

import importlib
import os
import platform
from typing import Any, NoReturn

import pytest

from tests.support.lab import enter
from tests.support.lab.packages import BUILD, JUDGES, TEST, find

WHEELS_OF_PCAPY = frozenset({"x86_64", "aarch64"})
"""Machines, as uname(1) names them."""


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
        lacking(f"{tool} is missing: apt-get install {package or (TEST | BUILD | JUDGES).get(tool, tool)}")
    return path


def without_make() -> dict[str, str]:
    """This environment for a make that a test runs: without what a make that runs the tests hands down."""
    theirs = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "NAME", "PYTHON")
    return {name: text for name, text in os.environ.items() if name not in theirs}


def need_pcapy() -> Any:
    """The module pcapy; without it the test is left, or the file that calls this when it is imported.

    It is missing by right only on machines that PyPI has no wheel of pcapy-ng for.
    """
    try:
        return importlib.import_module("pcapy")
    except ImportError as error:
        reason = f"pcapy-ng is missing ({error}): pip install pcapy-ng"
        if os.environ.get("CI") == "true" and platform.machine() in WHEELS_OF_PCAPY:
            pytest.fail(reason)
        pytest.skip(reason, allow_module_level=True)


def need_lab() -> None:
    """Leave the test where network namespaces cannot be made."""
    need("ip")
    if not enter.may_build():
        lacking("network namespaces need root, or: python -m tests.support.lab.enter pytest ...")


def need_tun() -> None:
    """Leave the test where tun devices cannot be made (no /dev/net/tun, or no right to it)."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        lacking("no right to /dev/net/tun")
