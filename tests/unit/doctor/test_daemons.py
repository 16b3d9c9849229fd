"""Which knockd run, and whether there are too many."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.doctor import daemons as module
from knockd.doctor.daemons import Daemon, find_daemons, judge_daemons, look_at_daemons
from tests.support.lab.waiting import wait_until

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


OLD = Daemon(9, ("/usr/sbin/knockd",), "/usr/sbin/knockd (deleted)", service=True)


def test_another_program() -> None:
    """0.8, whose removal left it running, is named alone or beside ours, each time with what to do."""
    (alone,) = judge_daemons([OLD])
    assert "other-daemon" == alone.name
    assert "9 ('/usr/sbin/knockd') is the program /usr/sbin/knockd (deleted)" in alone.text
    assert "put this one in its place: systemctl restart knockd" == alone.cure
    (beside,) = judge_daemons([ONE, OLD._replace(service=False)])
    assert "end it: kill 9" == beside.cure


def test_programs_are_told_apart(tmp_path: Path) -> None:
    """A program of the name knockd is not ours, also when its file is gone."""
    program = tmp_path / "knockd"
    shutil.copy(shutil.which("sleep") or "sleep", program)
    process = subprocess.Popen([program, "60"])
    try:
        wait_until(lambda: process.pid in {one.pid for one in find_daemons()[0]}, 10, "it runs")
        program.unlink()
        (found,) = (one for one in find_daemons()[0] if one.pid == process.pid)
        assert f"{program} (deleted)" == found.program
        assert not found.service
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("beside", "expected"), [(True, [7]), (False, [8, 9])])
def test_open_doors_of_0_8(monkeypatch: pytest.MonkeyPatch, beside: bool, expected: list[int]) -> None:
    """Processes of doors that 0.8 has left open in the service, where ours runs now, are no daemons."""
    ours = {7: Daemon(7, ("knockd",), service=True)} if beside else {}
    processes = {**ours, **{pid: OLD._replace(pid=pid) for pid in (8, 9)}}
    monkeypatch.setattr(module, "_find_pids", lambda: iter(processes))
    monkeypatch.setattr(module, "_look_at", processes.__getitem__)
    monkeypatch.setattr(module, "_read", lambda _pid, name: "knockd" if name == "comm" else "8 (knockd) S 1")
    monkeypatch.setattr("os.path.samestat", lambda *_: True)
    monkeypatch.setattr("os.stat", lambda _: None)
    assert expected == [one.pid for one in find_daemons()[0]]
