"""Python packages that only some of knockd needs, and how each gets onto this host.

The one place for what a person is told when one of them is missing. The extras are those of setup.cfg;
pcapy-ng is none, but comes with every install where PyPI has it compiled. pip is given the package's own
name, not an extra of ours: an index may have something else by the name knockd.

World: the running Python.
"""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec

from knockd_conf.classes import NamedTuple
from knockd_conf.text import printable


class Package(NamedTuple):
    """A package by its names: for pip, and in the systems that have it."""

    name: str
    systems: str


PACKAGES = {
    "pcapy": Package("pcapy-ng", "Debian: python3-pcapy-ng"),
    "impacket": Package("impacket", "Debian: python3-impacket"),
    "jinja2": Package("Jinja2", "Debian: python3-jinja2"),
    "segno": Package("segno", "Debian: python3-segno"),
    "nacl": Package("PyNaCl", "Debian: python3-nacl, OpenWrt: python3-pynacl"),
    "valkey": Package("valkey", "Debian: pip install --break-system-packages valkey"),
}
"""By the name that is imported."""


def find_missing(module: str) -> str | None:
    """What to say where a module of ``PACKAGES`` is not installed; None: it is. Imports nothing."""
    return None if find_spec(module) else explain_missing(module)


def explain_missing(module: str, error: ImportError | str = "") -> str:
    """``expected the Python package ..., got none (error): install it: ...``, without a full stop."""
    package = PACKAGES[module]
    why = f" ({printable(str(error))})" if error else ""
    pip = f"{shlex.quote(printable(sys.executable))} -m pip install {package.name}"
    return f"expected the Python package {package.name}, got none{why}: install it: {pip} ({package.systems})"
