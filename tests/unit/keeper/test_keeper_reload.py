"""What HUP does to the daemon: all of a good file takes effect, nothing of a bad one."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.keeper.control_side import ControlSide
from knockd.keeper.only_daemon import Conflict
from knockd.keeper.settings import Loaded
from knockd.process.privileges import User
from knockd_conf.errors import Note, Problem
from knockd_conf.model import OnExit, Options
from tests.support.doubles.daemon_sides import HUP, PATH, START, TERM, UP, DaemonSides, send
from tests.support.doubles.played import door


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> DaemonSides:
    """A daemon that has not started."""
    return DaemonSides(monkeypatch)


def test_good_reload(stage: DaemonSides) -> None:
    """The log is opened anew at once; then log, leases and packet process adopt the file, in that order."""
    options = Options(log_file="/var/log/other.log")
    config = replace(
        stage.config, options=options, doors=(door("1 2"), door("3 4")), notes=(Note("f", 1, None, "odd"),)
    )
    stage.outcomes = [Loaded(config, User("eve", 104, 204))]
    events = stage.serve(
        ("workers: start", stage.up),
        ("service: READY", HUP),
        ("workers: adopt", stage.up),
        ("service: READY", TERM),
    )
    adopted = [
        "log: adopt /var/log/other.log",
        "log: config-note f:1: odd",
        "leases: adopt 2",
        "workers: adopt eve",
    ]
    reading = [f"log: reading {PATH}", "service: RELOADING", "log: reopen"]
    begin = len(START) + len(UP)
    assert [*reading, *adopted, "service: READY"] == events[begin : begin + 8]


def test_another_daemon_has_what_the_file_wants(stage: DaemonSides) -> None:
    """A file that wants another daemon's StateDir is refused as a bad one is; what was in effect goes on."""
    stage.conflicts = [None, Conflict("another knockd (pid 7) uses StateDir /s", "Watch it.")]
    stage.outcomes = [Loaded(stage.config, None)]
    events = stage.serve(
        ("workers: start", stage.up),
        ("service: READY", HUP),
        ("log: config-kept", lambda: None),
        ("service: READY", TERM),
    )
    problem = f"{PATH}: another knockd (pid 7) uses StateDir /s"
    assert [f"log: config-problem {problem}", "log: config-kept 1"] == [
        event for event in events if event.startswith("log: config")
    ]
    assert not [event for event in events if "adopt" in event]


def test_end_while_answers_are_owed(stage: DaemonSides, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that ends tells who waits for a reload, and knows no answer any more."""
    told: list[str] = []
    monkeypatch.setattr(ControlSide, "note_up", lambda _: told.append("in effect"))
    monkeypatch.setattr(ControlSide, "refuse", lambda _: told.append("stop"))
    stage.outcomes = [Loaded(stage.config, User("eve", 104, 204))]
    stage.serve(
        ("workers: start", stage.up),
        ("service: READY", HUP),
        ("workers: adopt", stage.up),
        ("service: READY", TERM),
    )
    assert told == ["in effect", "in effect", "stop"]


def test_another_packet_process_during_a_reload(stage: DaemonSides) -> None:
    """A packet process that takes over while the file is being read does not end the reload."""
    stage.outcomes = [Loaded(stage.config, User("eve", 104, 204))]
    events = stage.serve(
        ("workers: start", stage.up),
        ("service: READY", HUP),
        ("service: RELOADING", stage.up),
        ("workers: adopt", stage.up),
        ("service: READY", TERM),
    )
    reloading = events.index("service: RELOADING")
    assert events.index("workers: adopt eve") < events.index("service: READY", reloading)


def problems(*texts: str) -> Sequence[Problem]:
    """Problems of a file."""
    return [Problem("f", number, None, text) for number, text in enumerate(texts, 1)]


def test_bad_reload(stage: DaemonSides) -> None:
    """Every problem is logged, and nothing changes; the service manager hears that the reload is over."""
    stage.outcomes = [problems("expected a", "expected b")]
    events = stage.serve(("workers: start", stage.up), ("service: READY", HUP), ("service: READY", TERM))
    begin = events.index("log: reopen") + 1
    kept = [
        "log: config-problem f:1: expected a",
        "log: config-problem f:2: expected b",
        "log: config-kept 2",
    ]
    assert [*kept, "service: READY", "service: STOPPING"] == events[begin : begin + 5]


def test_status_of_a_bad_file(stage: DaemonSides) -> None:
    """The status has the first problem of a file that is not in effect, until a good one is."""
    stage.outcomes = [problems("expected a"), Loaded(stage.config, None)]
    stage.serve(
        ("workers: start", stage.up),
        ("service: READY", HUP),
        ("service: READY", HUP),
        ("workers: adopt", stage.up),
        ("service: READY", TERM),
    )
    said = [status for status in stage.statuses if "1 door" in status]
    refused = "config bad (f:1), the old one is kept; "
    assert [status.startswith(refused) for status in said] == [False, True, False]


def test_bad_reload_during_the_start(stage: DaemonSides) -> None:
    """A HUP before the daemon is up does not make it ready."""
    stage.outcomes = [problems("expected a")]
    events = stage.serve(("workers: start", HUP), ("log: config-kept", stage.up), ("service: READY", TERM))
    assert events.index("log: config-kept 1") < events.index("started 0") < events.index("service: READY")
    assert "service: RELOADING" not in events


def test_the_configuration_of_the_end_is_that_of_now(stage: DaemonSides) -> None:
    """A reload that sets On_Exit = keep is obeyed at the end."""
    stage.outcomes = [Loaded(replace(stage.config, options=Options(on_exit=OnExit.KEEP)), None)]
    events = stage.serve(("workers: start", stage.up), ("service: READY", HUP), ("workers: adopt", TERM))
    assert "leases: keep 3" in events


def test_the_child_is_collected(stage: DaemonSides) -> None:
    """A child that has not ended when its outcome is there is collected on SIGCHLD."""
    stage.outcomes = [problems("expected a")]
    stage.serve(
        ("workers: start", stage.up),
        ("service: READY", HUP),
        ("service: READY", send(signal.SIGCHLD)),
        ("workers: reap", TERM),
    )
    assert [2] == [child.collected for child in stage.children]


def test_term_during_a_reload(stage: DaemonSides) -> None:
    """TERM ends a reload: the child that reads is killed, and nothing is adopted."""
    stage.outcomes = [None]
    before = os.listdir("/proc/self/fd")
    events = stage.serve(("workers: start", stage.up), ("service: READY", HUP), ("service: RELOADING", TERM))
    assert [event for event in events if "adopt" in event] == []
    assert before == os.listdir("/proc/self/fd")


def test_another_pid_file(stage: DaemonSides, tmp_path: Path) -> None:
    """A reload that names another pid file moves it."""
    old, new = tmp_path / "old", tmp_path / "new"
    stage.settings = replace(stage.settings, daemon=True)
    stage.config = replace(stage.config, options=Options(pid_file=str(old)))
    stage.outcomes = [Loaded(replace(stage.config, options=Options(pid_file=str(new))), None)]
    seen: list[bool] = []

    def look() -> None:
        seen.extend((old.exists(), new.exists()))
        TERM()

    stage.serve(("workers: start", stage.up), ("service: READY", HUP), ("workers: adopt", look))
    assert seen == [False, True]
    assert not new.exists()


def test_another_control_socket(stage: DaemonSides) -> None:
    """It is served from the start on, moves at a reload, and goes at the end."""
    other = replace(stage.config, options=replace(stage.config.options, control_socket="/x"))
    stage.outcomes = [Loaded(other, None)]
    stage.serve(("workers: start", stage.up), ("service: READY", HUP), ("workers: adopt", TERM))
    assert ["/run/knockd/knockd.sock", "/x", ""] == stage.control_paths
