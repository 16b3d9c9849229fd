"""The programs that the network tests use, each with the Debian package that has it."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support import enter

PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "iptables": "iptables",
    "ip6tables": "iptables",
    "tcpdump": "tcpdump",
    "/usr/sbin/knockd": "knockd",
    "/usr/bin/knock": "knockd",
    "nmap": "nmap",
    "hping3": "hping3",
    "nc": "netcat-openbsd",
    "tcpreplay": "tcpreplay",
    "busybox": "busybox",
    "man": "man-db",
    "setpriv": "util-linux",
}


def lacking(reason: str) -> None:
    """Leave the test: skipped on a developer's machine, failed where CI=true (all must run there)."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(tool: str, package: str | None = None) -> str:
    """The path of a program a test uses; without it the test is left (see ``lacking``).

    ``package`` is the Debian package to name; by default the one in PACKAGES.
    """
    path = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        lacking(f"{tool} is missing: apt-get install {package or PACKAGES[tool]}")
        raise AssertionError("unreachable")
    return path


def need_lab() -> None:
    """Leave the test where network namespaces cannot be made."""
    need("ip")
    if not enter.may_build():
        lacking("needs root or `python -m tests.support.enter` for network namespaces")


def need_tun() -> None:
    """Leave the test where tun devices cannot be made (no /dev/net/tun, or no right to it)."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        lacking("no right to /dev/net/tun")
