"""The SysV init script: start, status, reload, restart, stop, in a namespace of its own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair
from tests.support.daemons.daemon import environment
from tests.support.daemons.doors import config, door
from tests.support.lab.tools import need

ROOT = Path(__file__).resolve().parents[2]

INSTALLED = """#!{python}
import sys
sys.path[:0] = {path}
from knockd.cli import main
sys.exit(main())
"""

HOST = """
exec 2>&1
for folder in /run /etc/default /usr/local/bin; do mount -t tmpfs -o mode=755 tmpfs $folder; done
cp {here}/knockd /usr/local/bin/
cp {here}/default /etc/default/knockd
knockd() {{ {script} "$1"; echo "$1: $?"; }}
told() {{ grep -c "$1" {here}/log; }}
until_told() {{ until grep -q "$1" {here}/log; do sleep 0.05; done; }}
{steps}
"""


class SysvHost:
    """A host on which the init script is installed; its processes and folders are gone after each run."""

    def __init__(self, pair: Pair, folder: Path) -> None:
        for tool in ("unshare", "start-stop-daemon", "pidof"):
            need(tool)
        self._pair = pair
        self._folder = folder
        path = environment()["PYTHONPATH"].split(os.pathsep)
        (folder / "knockd").write_text(INSTALLED.format(python=sys.executable, path=path))
        (folder / "knockd").chmod(0o755)
        (folder / "bad").write_text("[options]\nLogFil = /log\n")
        (folder / "bad").chmod(0o600)
        (folder / "conf").write_text(config(door("secret", "700,800", start_command="true")))
        (folder / "conf").chmod(0o600)
        files = f"-c {folder}/conf -g {folder}/log --state-dir {folder}/state --control-socket {folder}/c"
        self.write_defaults(f'START_KNOCKD=1\nKNOCKD_OPTS="-i eth0 {files} # my card"\n')

    def write_defaults(self, text: str) -> None:
        """Write /etc/default/knockd."""
        (self._folder / "default").write_text(text)

    def run(self, steps: str) -> list[str]:
        """What the script and other commands of ``steps`` print; ``knockd VERB`` runs the script."""
        script = self._folder / "script"
        here, init = shlex.quote(str(self._folder)), shlex.quote(str(ROOT / "conf/sysvinit/knockd"))
        script.write_text(HOST.format(here=here, script=init, steps=steps))
        spaces = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
        return self._pair.server.run(*spaces, "sh", str(script)).splitlines()


@pytest.fixture
def host(pair: Pair, tmp_path: Path) -> SysvHost:
    """A host on which knockd is to start."""
    return SysvHost(pair, tmp_path)


def test_life(host: SysvHost) -> None:
    """Started once however often it is asked for, reported, restarted as another process, and stopped."""
    said = host.run(
        """
        knockd status; knockd start; knockd start; knockd status
        first=$(pidof knockd); [ "$first" = "$(cat /run/knockd.pid)" ] && echo one
        knockd reload; until_told 're-reading'
        knockd restart; [ "$first" != "$(pidof knockd)" ] && echo another
        knockd stop; knockd status; knockd stop
        [ -e /run/knockd.pid ] || echo gone; told 'shutting down'
        """
    )
    assert "knockd: ignored, expected options only: # my card" in said
    assert [line for line in said if not line.startswith("knockd: ")] == [
        *("status: 3", "start: 0", "start: 0", "status: 0", "one"),
        *("reload: 0", "restart: 0", "another"),
        *("stop: 0", "status: 3", "stop: 0", "gone", "2"),
    ]


def test_bad_file(host: SysvHost, tmp_path: Path) -> None:
    """A reload of a bad file fails and says why; a restart goes on with the last good one."""
    said = host.run(
        f"""
        knockd start; cp -p {tmp_path}/bad {tmp_path}/conf
        knockd reload; told 're-reading'
        knockd restart; pidof knockd > /dev/null && echo runs
        told 'using the last good one'
        knockd stop
        """
    )
    problem = f"{tmp_path}/conf:2: LogFil: expected a known key"
    assert [line for line in said if line.startswith(problem)]
    assert [line for line in said if ": " not in line or line.endswith((": 0", ": 78"))] == [
        *("start: 0", "reload: 78", "0", "restart: 0", "runs", "1", "stop: 0")
    ]


def test_not_wanted(host: SysvHost) -> None:
    """With START_KNOCKD=0, as Debian's package of 0.8 installs it, it does not start, and says why."""
    host.write_defaults("START_KNOCKD=0\n")
    assert host.run("knockd start; knockd status") == [
        "knockd is not started: START_KNOCKD is not 1 in /etc/default/knockd",
        *("start: 0", "status: 3"),
    ]
