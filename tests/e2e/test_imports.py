"""What the running daemon has imported: little, for small routers with few packages of Python."""

from __future__ import annotations

import json
import signal
import sys
import sysconfig
from collections.abc import Collection
from pathlib import Path

import pytest

from knockd.control.client import Control
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import ROOT, Daemon
from tests.support.daemons.doors import config, door

NEVER = frozenset({"asyncio", "logging", "urllib", "ssl", "multiprocessing", "http", "email", "concurrent"})
"""Whole packages that OpenWrt and others install apart, or that take megabytes.

Not ctypes: prctl(2), capset(2) and seccomp(2) cannot be called without it, so OpenWrt's package needs
python3-ctypes.
"""

SPARED = frozenset(
    {"subprocess", "threading", "pickle", "datetime", "traceback", "uuid", "selectors", "locale"}
)
"""What libraries import for others, and takes 2 MB together."""

SPARED_SINCE_313 = frozenset({"inspect"})
"""Python 3.13's dataclasses ask for it with every class."""

STEPS = ("7000", "8000", "9000")

PROGRAM = """
import json, os, sys
for name in ("impacket", "jinja2", "nacl", "segno", "valkey"):
    sys.modules[name] = None  # as where it is not installed
sys.path[:0] = {paths!r}

def note(which):
    names = sorted(name for name, module in sys.modules.items() if module is not None)
    with open({folder!r} + "/" + which, "w") as file:
        file.write(json.dumps(names))

import knockd.cli
import knockd.worker.lockdown as lockdown
give_up = lockdown.give_up

def noted(*given):
    note("packets")  # nothing can be imported afterwards: no file can be opened
    return give_up(*given)

lockdown.give_up = noted
status = knockd.cli.main()
note("keeper")
os._exit(status)
"""
"""knockd as it is, which writes down at the end of each process what that has imported."""


def imported(pair: Pair, start: Start, folder: Path) -> dict[str, frozenset[str]]:
    """What keeper and packet process have imported in a life with a knock, a call and a reload."""
    # Without site: what a test environment imports by itself is none of the daemon's.
    paths = [str(ROOT / part) for part in ("", "bpf", "conf")] + [sysconfig.get_paths()["platlib"]]
    code = PROGRAM.format(paths=paths, folder=str(folder))
    program = (sys.executable, "-I", "-S", "-c", code)
    text = config(door("ssh", ",".join(STEPS), tcpflags="syn", start_command="true", stop_command="true"))
    options = ("--state-dir", str(folder / "state"), "--control-socket", str(folder / "control"))
    daemon: Daemon = start(pair.server, text, *options, program=program)
    pair.knock_until(daemon, STEPS, "OPEN SESAME")
    with Control(str(folder / "control")) as control:
        assert control.call("Status")
    daemon.process.send_signal(signal.SIGHUP)
    pair.knock_until(daemon, STEPS, "OPEN SESAME", times=2)
    daemon.stop()
    return {which: frozenset(json.loads((folder / which).read_text())) for which in ("keeper", "packets")}


def _packages(names: Collection[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_small_install(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Neither process has imported an event loop of others, another log, TLS, or what few need."""
    folder = tmp_path / "noted"
    folder.mkdir()
    spared = SPARED | (SPARED_SINCE_313 if sys.version_info < (3, 13) else frozenset())
    for names in imported(pair, start, folder).values():
        assert "knockd.keeper.keeper" in names
        assert "structlog" in names
        assert set() == _packages(names) & (NEVER | spared)


@pytest.mark.parametrize("name", sorted(NEVER | SPARED))
def test_names(name: str) -> None:
    """A name that is looked for is a module of the standard library: a misspelt one would never be found."""
    assert name in sys.stdlib_module_names
