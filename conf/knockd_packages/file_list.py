"""The one list of what a package installs: files (source, destination, mode), Python packages and programs.

The Debian package, OpenWrt's package and ``data_files`` in setup.cfg are held to it by tests/packages.
Python packages and programs are read from setup.cfg, which is their only list.

World: files of the checkout.
"""

from __future__ import annotations

import configparser
import enum
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

LOCAL_PROGRAMS = "/usr/local/bin/"
"""The folder in which units and scripts of conf/ name the programs."""


class System(enum.Flag):
    """What a file is installed by."""

    DEBIAN = enum.auto()
    OPENWRT = enum.auto()
    WHEEL = enum.auto()
    """Only what lies below usr/: a wheel reaches nothing outside of its prefix."""


class Shipped(NamedTuple):
    """A file that is installed."""

    source: str
    """From the top of the checkout."""
    destination: str
    """From the root of the system, without a leading slash. A package may compress manual pages (``.gz``)."""
    systems: System
    mode: int = 0o644


_DEBIAN, _OPENWRT, _WHEEL = System.DEBIAN, System.OPENWRT, System.WHEEL
_DOC = "usr/share/doc/knockd"
_UNITS = "usr/lib/systemd/system"
_PROGRAMS = ("knockd", "knock", "knockctl")


def _each(systems: System, destination: str, *sources: str) -> tuple[Shipped, ...]:
    """Files that keep their names, in one folder."""
    return tuple(Shipped(one, f"{destination}/{Path(one).name}", systems) for one in sources)


FILES = (
    # Not for Debian: dpkg would ask whoever comes from knockd 0.8 about it, and knockd --init writes it.
    Shipped("conf/knockd.conf", "etc/knockd.conf", _OPENWRT, 0o600),
    Shipped("conf/debian/knockd.default", "etc/default/knockd", _DEBIAN),
    Shipped("conf/apparmor/usr.sbin.knockd", "etc/apparmor.d/usr.sbin.knockd", _DEBIAN),
    Shipped("conf/fail2ban/filter.conf", "etc/fail2ban/filter.d/knockd.conf", _DEBIAN),
    Shipped("conf/fail2ban/jail.conf", "etc/fail2ban/jail.d/knockd.conf", _DEBIAN),
    Shipped("conf/logrotate/knockd", "etc/logrotate.d/knockd", _DEBIAN),
    Shipped("conf/sysvinit/knockd", "etc/init.d/knockd", _DEBIAN, 0o755),
    Shipped("conf/openwrt/knockd.init", "etc/init.d/knockd", _OPENWRT, 0o755),
    # Not below share/doc: there doctor takes a folder of examples for all of them.
    Shipped("conf/examples/openwrt.conf", "usr/share/knockd/examples/openwrt.conf", _OPENWRT),
    *_each(
        _DEBIAN | _WHEEL,
        _UNITS,
        "conf/systemd/knockd.service",
        "conf/systemd/knockd-metrics.service",
        "conf/systemd/knockd-metrics.timer",
    ),
    *_each(
        _DEBIAN | _WHEEL,
        "usr/lib/sysusers.d",
        "conf/sysusers.d/knockd.conf",
        "conf/sysusers.d/knockd-metrics.conf",
    ),
    *_each(_DEBIAN | _WHEEL, "usr/share/man/man1", "docs/knock.1", "docs/knockctl.1"),
    *_each(_DEBIAN | _WHEEL, "usr/share/man/man5", "docs/knockd.conf.5"),
    *_each(_DEBIAN | _WHEEL, "usr/share/man/man8", "docs/knockd.8"),
    *_each(
        _DEBIAN | _WHEEL,
        "usr/share/bash-completion/completions",
        *(f"conf/completions/bash/{name}" for name in _PROGRAMS),
    ),
    *_each(
        _DEBIAN | _WHEEL,
        "usr/share/fish/vendor_completions.d",
        *(f"conf/completions/fish/{name}.fish" for name in _PROGRAMS),
    ),
    *_each(
        _DEBIAN,
        "usr/share/zsh/vendor-completions",
        *(f"conf/completions/zsh/_{name}" for name in _PROGRAMS),
    ),
    *_each(
        _WHEEL,
        "usr/share/zsh/site-functions",
        *(f"conf/completions/zsh/_{name}" for name in _PROGRAMS),
    ),
    *_each(
        _DEBIAN | _WHEEL,
        f"{_DOC}/examples",
        "conf/knockd.conf",
        *(
            f"conf/examples/{name}.conf"
            for name in ("fleet", "gateways", "idle", "iptables", "mobile", "nftables")
        ),
        *(
            f"conf/examples/{name}.conf"
            for name in ("openwrt", "rotating", "router-nat", "router", "signed", "ufw")
        ),
        "conf/examples/wake-on-lan.conf",
    ),
    *_each(_DEBIAN | _WHEEL, f"{_DOC}/examples/fleet.d", "conf/examples/fleet.d/doors.conf"),
    *_each(
        _DEBIAN | _WHEEL,
        f"{_DOC}/spec",
        "docs/spec/rotating-sequence.md",
        "docs/spec/rotating-sequence.sh",
        "docs/spec/rotating-sequence-vectors.json",
        "docs/spec/signed-knock.md",
        "docs/spec/signed-knock.py",
        "docs/spec/signed-knock-vectors.json",
    ),
    *_each(
        _DEBIAN | _WHEEL,
        f"{_DOC}/monitoring",
        "conf/monitoring/grafana-dashboard.json",
        "conf/monitoring/knockd-rules.yml",
    ),
    *_each(
        _DEBIAN,
        _DOC,
        *(
            f"docs/{name}.md"
            for name in ("control-protocol", "doctor", "fleet", "fwknop", "knockctl", "log-events")
        ),
        *(f"docs/{name}.md" for name in ("log-review", "monitoring", "security", "service")),
    ),
    *_each(
        _DEBIAN,
        f"{_DOC}/guides",
        *(f"docs/guides/{name}.md" for name in ("daily", "first-door", "from-0.8", "from-fwknop")),
        *(f"docs/guides/{name}.md" for name in ("keys", "routers", "security", "troubleshooting")),
    ),
)
"""Every file that is installed beside programs and Python packages."""


def files_of(system: System) -> tuple[Shipped, ...]:
    """The files that ``system`` installs."""
    return tuple(one for one in FILES if system in one.systems)


def read_setup() -> configparser.ConfigParser:
    """setup.cfg."""
    setup = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    setup.read(ROOT / "setup.cfg")
    return setup


def python_packages() -> dict[str, str]:
    """Each Python package that is installed, dotted, and its folder in the checkout."""
    setup = read_setup()
    folders = _pairs(setup["options"]["package_dir"])
    names = setup["options"]["packages"].split()
    return {name: folders.get(name, name.replace(".", "/")) for name in names}


def python_files() -> dict[str, str]:
    """Each file of these packages in the checkout, and its place in the folder that Python imports from."""
    setup = read_setup()
    data = {
        name: patterns.replace(",", " ").split() for name, patterns in setup["options.package_data"].items()
    }
    found = {}
    for name, folder in python_packages().items():
        for pattern in ("*.py", *data.get(name, ())):
            for path in sorted((ROOT / folder).glob(pattern)):
                found[str(path.relative_to(ROOT))] = f"{name.replace('.', '/')}/{path.name}"
    return found


def programs() -> dict[str, str]:
    """Each program that is installed, and its entry point ``module:function``."""
    return _pairs(read_setup()["options.entry_points"]["console_scripts"])


def move_programs(text: str, folders: dict[str, str]) -> str:
    """A unit or script of conf/ for a system that has programs elsewhere; ``folders`` has that of each."""
    for name in sorted(folders, key=len, reverse=True):
        text = text.replace(LOCAL_PROGRAMS + name, f"{folders[name].rstrip('/')}/{name}")
    return text


def _pairs(text: str) -> dict[str, str]:
    """Lines ``name = value``."""
    lines = (line.partition("=") for line in text.strip().splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
