"""Which knockd run, and whether there are too many."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from knockd.doctor import daemons as module
from knockd.doctor.daemons import Daemon, find_daemons, judge_daemons, look_at_daemons

ONE, OTHER = Daemon(7, ("/usr/sbin/knockd", "-d")), Daemon(8, ("knockd", "-v\x1b"))


def test_none_runs() -> None:
    """Without a daemon nothing opens."""
    assert ["no-daemon"] == [one.name for one in judge_daemons([])]


def test_one_runs() -> None:
    """One is as it should be."""
    assert () == judge_daemons([ONE])


def test_two_run() -> None:
    """Both are named with their command lines, of which nothing reaches the terminal unescaped."""
    (finding,) = judge_daemons([OTHER, ONE])
    assert "second-daemon" == finding.name
    assert r"2 daemons listen here: 7 ('/usr/sbin/knockd -d'), 8 ('knockd -v\x1b')" == finding.text


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("-i eth0", "-i eth1", 0),
        ("-ieth0 -d", "--interface=eth1", 0),
        ("-i eth0,eth1", "--interface eth1", 1),
        ("-i any", "-i eth0", 1),
        ("-i eth0", "-d", 1),
        ("-i auto", "-i auto", 1),
    ],
)
def test_interfaces(one: str, other: str, expected: int) -> None:
    """Two that listen on interfaces of their own are as they should be; without -i it is not known."""
    found = judge_daemons([Daemon(1, ("knockd", *one.split())), Daemon(2, ("knockd", *other.split()))])
    assert expected == len(found)


def test_processes_are_found() -> None:
    """A process that is named knockd is one, its children of that name are not; other names are not."""
    code = (
        "import os, sys, time\n"
        "open('/proc/self/comm', 'w').write('knockd')\n"
        "if os.fork() == 0: sys.stdin.read(); os._exit(0)\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert "up\n" == process.stdout.readline()
        found = [one.pid for one in find_daemons()[0]]
        assert process.pid in found
        assert os.getpid() not in found
    finally:
        process.communicate("")


def test_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of processes that do not say where they are the number is said."""
    monkeypatch.setattr(module, "find_daemons", lambda: ([ONE], 2))
    looked = look_at_daemons()
    assert () == looked.findings
    assert ("2 processes of others: run it as root",) == looked.unlooked
