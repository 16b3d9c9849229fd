"""The list of what packages install: what it names is there, and what is there is in it."""

from __future__ import annotations

import importlib
import re
from collections import Counter

import pytest

from knockd_packages.debian_files import FOLDERS
from knockd_packages.file_list import (
    FILES,
    LOCAL_PROGRAMS,
    ROOT,
    System,
    files_of,
    move_programs,
    programs,
    python_files,
    python_packages,
)

NOT_INSTALLED = (
    "conf/debian/",
    "conf/debian-pcapy/",
    "conf/container/",
    "conf/openwrt/Makefile",
    "conf/openwrt/python-structlog/",
    "conf/knockd_conf/",
    "conf/knockd_packages/",
)
"""What of conf/ packages are made with; what Python imports is another list."""


def test_sources_are_there() -> None:
    """Each file of the list is in the checkout."""
    assert [one.source for one in FILES if not (ROOT / one.source).is_file()] == []


@pytest.mark.parametrize("system", System, ids=lambda system: str(system.name).lower())
def test_one_file_a_place(system: System) -> None:
    """No system installs two files in one place."""
    counted = Counter(one.destination for one in files_of(system))
    assert [place for place, count in counted.items() if count > 1] == []


def test_nothing_of_conf_is_left_out() -> None:
    """Each file of conf/ is installed by some system, but for what builds the packages."""
    listed = {one.source for one in FILES}
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "conf").rglob("*") if path.is_file()}
    made = {one for one in there if "__pycache__" in one or ".egg-info" in one}
    assert {one for one in there - made if not one.startswith(NOT_INSTALLED)} - listed == set()


def test_wheel_stays_in_its_prefix() -> None:
    """A wheel installs below usr/ alone."""
    assert [one for one in files_of(System.WHEEL) if not one.destination.startswith("usr/")] == []


def test_modes() -> None:
    """Scripts of /etc/init.d can be run, the configuration is root's alone, everybody reads the rest."""
    wanted = {"etc/knockd.conf": 0o600, "etc/init.d/knockd": 0o755}
    assert [one for one in FILES if one.mode != wanted.get(one.destination, 0o644)] == []


def test_python_packages_are_whole() -> None:
    """Each folder with Python files below those of the packages is a package of the list."""
    listed = set(python_packages().values())
    tops = ("knockd", "bpf/knockd_bpf", "conf/knockd_conf")
    folders = {str(path.parent.relative_to(ROOT)) for top in tops for path in (ROOT / top).rglob("*.py")}
    assert folders == listed


def test_python_files() -> None:
    """Each file of the packages lies where Python imports it, pages and marks of types included."""
    places = python_files()
    assert places["conf/knockd_conf/load.py"] == "knockd_conf/load.py"
    assert places["bpf/knockd_bpf/__init__.py"] == "knockd_bpf/__init__.py"
    assert places["knockd/keeper/keeper.py"] == "knockd/keeper/keeper.py"
    assert "knockd/py.typed" in places
    assert [one for one in places if one.startswith("knockd/review/") and one.endswith(".css")] != []


def test_programs_have_entry_points() -> None:
    """The programs are knockd, knock and knockctl, and each entry point is a function."""
    entries = programs()
    assert list(entries) == ["knockd", "knock", "knockctl"]
    for entry in entries.values():
        module, _, name = entry.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_move_programs() -> None:
    """Programs get the folder of their own; a name that begins with another one's keeps its own."""
    text = f"{LOCAL_PROGRAMS}knock {LOCAL_PROGRAMS}knockd -v; {LOCAL_PROGRAMS}knockctl"
    folders = {"knock": "/usr/bin", "knockd": "/usr/sbin", "knockctl": "/usr/bin"}
    assert "/usr/bin/knock /usr/sbin/knockd -v; /usr/bin/knockctl" == move_programs(text, folders)


def test_programs_can_be_moved() -> None:
    """What Debian installs names programs of ours where units of conf/ have them, or where Debian has."""
    places = {LOCAL_PROGRAMS + name for name in FOLDERS} | {
        f"{place}/{name}" for name, place in FOLDERS.items()
    }
    for one in FILES:
        if one.destination.startswith(("etc/", "usr/lib/")) and System.OPENWRT not in one.systems:
            text = (ROOT / one.source).read_text()
            named = re.findall(r"/[\w/.-]*bin/(?:knockctl|knockd|knock)\b", text)
            assert set(named) <= places, one.source
