"""The daemon's start and end, with doubles for packet process, leases, log and the child that reads."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.files.pid_file import PidFile
from knockd.keeper import keeper
from knockd.keeper.notify import Manager
from knockd.keeper.only_daemon import Conflict
from knockd_conf.errors import Note, Problem
from knockd_conf.model import OnExit, Options
from tests.support.doubles.daemon_sides import END, HUP, START, TERM, UP, USR1, DaemonSides, send, twice


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> DaemonSides:
    """A daemon that has not started."""
    return DaemonSides(monkeypatch)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_start_and_end(stage: DaemonSides, number: signal.Signals) -> None:
    """Leases are taken over before a knock can come, and closed when none can come any more."""
    events = stage.serve(("workers: start", stage.up), ("service: READY", send(number)))
    closing = ["service: STOPPING", "workers: stop", "log: names end", "log: stopping", "leases: close 20"]
    assert [*START, *UP, *closing, *END, "exit 0"] == events


def test_own_reader(stage: DaemonSides) -> None:
    """Where libpcap does not read packets the start says so, once."""
    stage.own_reader = "Capture = socket"
    events = stage.serve(("workers: start", stage.up), ("service: READY", send(signal.SIGTERM)))
    assert events.count("log: own-reader Capture = socket") == 1


def test_signals_of_the_end_again(stage: DaemonSides) -> None:
    """A TERM that is sent twice, and a HUP, change nothing while doors are closed."""
    events = stage.serve(
        ("workers: start", stage.up), ("service: READY", twice(TERM)), ("log: stopping", twice(HUP))
    )
    assert events.count("leases: close 20") == 1
    assert "log: reading /etc/knockd.conf" not in events


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_another_signal_of_the_end(
    stage: DaemonSides, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """A TERM or INT some time after the first ends the daemon at once, and the log says what is open."""
    monkeypatch.setattr(keeper, "HURRY_AFTER", 0.0)
    stage.slow, stage.left = True, 1
    events = stage.serve(
        ("workers: start", stage.up), ("service: READY", TERM), ("leases: close", send(number))
    )
    told = ["log: left-open 192.0.2.1 door", "log: still-open 1 the next start closes them"]
    assert [*told, *END, "exit 0"] == events[-len(END) - 3 :]


def test_exit_patience(stage: DaemonSides) -> None:
    """Doors get Exit_Patience to be closed in."""
    stage.config = replace(stage.config, options=Options(exit_patience=7.0))
    assert "leases: close 7" in stage.serve(("workers: start", stage.up), ("service: READY", TERM))


def test_many_doors_that_do_not_close(stage: DaemonSides) -> None:
    """The log names the first of many doors and says how many there are."""
    stage.left = 61
    events = stage.serve(("workers: start", stage.up), ("service: READY", TERM))
    named = [event for event in events if event.startswith("log: left-open")]
    assert named == [f"log: left-open 192.0.2.{number + 1} door" for number in range(keeper.MOST_NAMED)]
    assert "log: still-open 61 the next start closes them" in events


def test_usr1_leaves_doors_open(stage: DaemonSides) -> None:
    """USR1 ends too, and leaves what is open to the next start."""
    stage.left = 3
    events = stage.serve(("workers: start", stage.up), ("service: READY", USR1))
    assert ["log: stopping", "leases: keep 3", "log: keeping 3", *END, "exit 0"] == events[-len(END) - 4 :]


def test_another_daemon(stage: DaemonSides) -> None:
    """Beside another daemon it does not start: nothing is captured, no lease taken over, status 75."""
    stage.conflicts = [Conflict("another knockd (pid 7) runs", "Watch it.")]
    reason = "another knockd (pid 7) runs. Watch it."
    events = stage.serve()
    assert [f"log: second-daemon {reason}", f"started 75 {reason}"] == events[:2]
    assert not {"workers: start", "leases: recover", "log: stopping"} & set(events)
    assert events[-1] == "exit 75"


def test_on_exit_keep(stage: DaemonSides) -> None:
    """With On_Exit = keep TERM does as USR1."""
    stage.config = replace(stage.config, options=replace(stage.config.options, on_exit=OnExit.KEEP))
    assert "leases: keep 3" in stage.serve(("workers: start", stage.up), ("service: READY", TERM))


def test_what_cannot_be_kept_is_closed(stage: DaemonSides) -> None:
    """What is noted in memory alone would stay open for ever."""
    stage.can_keep = False
    events = stage.serve(("workers: start", stage.up), ("service: READY", USR1))
    assert "leases: keep 3" not in events
    assert "leases: close 20" in events


@pytest.mark.parametrize(
    ("lasts", "then"),
    [
        (True, "the next start closes them"),
        (False, "and nobody will close them: they are noted in memory alone"),
    ],
)
def test_doors_that_do_not_close(stage: DaemonSides, lasts: bool, then: str) -> None:
    """The log says how many doors are still open, and what becomes of them."""
    stage.lasts, stage.left = lasts, 2
    events = stage.serve(("workers: start", stage.up), ("service: READY", TERM))
    assert f"log: still-open 2 {then}" in events


def test_the_first_packet_process_fails(stage: DaemonSides) -> None:
    """Who waits for the start gets status and reason; the service manager never hears READY."""
    stage.left = 0
    fail = ("workers: start", lambda: stage.call.give_up(os.EX_NOPERM, "no right to capture"))
    events = stage.serve(fail)
    failed = ["started 77 no right to capture", "workers: stop", "log: names end", "leases: close 20"]
    assert [*START, *failed, *END, "exit 77"] == events


def test_term_during_the_start(stage: DaemonSides) -> None:
    """A daemon that is ended before it is up was never started, and does not say that it stops."""
    events = stage.serve(("workers: start", TERM))
    assert [*START, "workers: stop", "log: names end", "leases: close 20", *END, "exit 0"] == events


def test_up_again(stage: DaemonSides) -> None:
    """A packet process that takes over later is no second start."""
    events = stage.serve(("workers: start", twice(stage.up)), ("service: READY", TERM))
    assert events.count("started 0") == 1
    assert events.count("service: READY") == 1


def test_notes_of_the_start(stage: DaemonSides) -> None:
    """What is good and may surprise is the first thing in the log."""
    stage.config = replace(stage.config, notes=(Note("f", 1, None, "odd"), Note("f", 2, "k", "odd")))
    events = stage.serve(("workers: start", TERM))
    assert ["log: config-note f:1: odd", "log: config-note f:2: k: odd", *START] == events[:4]


def test_ended_children_are_collected(stage: DaemonSides) -> None:
    """On SIGCHLD commands and packet processes are collected."""
    events = stage.serve(
        ("workers: start", stage.up), ("service: READY", send(signal.SIGCHLD)), ("workers: reap", TERM)
    )
    assert ["leases: reap", "workers: reap"] == [event for event in events if "reap" in event]


def test_status(stage: DaemonSides) -> None:
    """The status line has the doors, interfaces and leases of now; a change of a lease is sent at once."""

    def change() -> None:
        stage.leases.counts = (4, 1)
        stage.leases.changed()

    stage.serve(("workers: start", stage.up), ("service: READY", change), ("service: STATUS", TERM))
    line = "1 door on eth0; waiting for ppp0; {} open; 1 could not be closed".format
    assert [line(3), line(4), "closing doors"] == stage.statuses


@pytest.mark.parametrize("news", ["up", "changed"])
def test_other_interfaces(stage: DaemonSides, news: str) -> None:
    """When a packet process captures elsewhere, or waits, the line of status says so."""

    def change() -> None:
        stage.workers.waiting = ()
        getattr(stage.call, news)()

    stage.serve(("workers: start", stage.up), ("service: READY", change), ("service: STATUS", TERM))
    assert "1 door on eth0; 3 open; 1 could not be closed" == stage.statuses[1]


def test_watchdog(stage: DaemonSides) -> None:
    """Twice in its time the packet process is asked, and its answer is passed on."""
    stage.manager = Manager(os.getpid(), "@manager", 0.02)

    def answer() -> None:
        stage.call.alive()

    stage.serve(("workers: start", stage.up), ("workers: ask 0.005", answer), ("service: WATCHDOG", TERM))


def test_the_service_manager_is_gone(stage: DaemonSides) -> None:
    """What the service manager said wrong is in the log."""
    stage.manager = Manager(os.getpid(), "@manager", None, "no number")
    assert "log: service-manager no number" in stage.serve(("workers: start", TERM))


def test_packets_are_shown(stage: DaemonSides) -> None:
    """What -D prints of a packet goes to the output."""
    assert "log: show a packet" in stage.serve(
        ("workers: start", lambda: stage.call.show("a packet")), ("log: show", TERM)
    )


def test_an_internal_error(stage: DaemonSides, capfd: pytest.CaptureFixture[str]) -> None:
    """A callback that fails is in the log, with its traceback elsewhere, and the daemon goes on."""

    def fail() -> None:
        raise ValueError("oh")

    events = stage.serve(("workers: start", fail), ("log: internal-error", TERM))
    assert "log: internal-error ValueError: oh" in events
    assert 1 == capfd.readouterr().err.count("Traceback (most recent call last):")


@pytest.fixture
def background(stage: DaemonSides, tmp_path: Path) -> Path:
    """A daemon with -d; its pid file."""
    path = tmp_path / "pid"
    stage.settings = replace(stage.settings, daemon=True)
    stage.config = replace(stage.config, options=Options(pid_file=str(path)))
    return path


@pytest.mark.parametrize("daemon", [True, False])
def test_pid_file(stage: DaemonSides, background: Path, daemon: bool) -> None:
    """With -d a pid file is there while the daemon serves, and gone at the end; without, there is none."""
    stage.settings = replace(stage.settings, daemon=daemon)
    seen: list[bool] = []

    def look() -> None:
        seen.append(background.exists())
        TERM()

    stage.serve(("workers: start", look))
    assert seen == [daemon]
    assert not background.exists()


def test_last_good(stage: DaemonSides) -> None:
    """Started with a bad file, it says in log and status what is wrong with it, and what it uses."""
    stage.refused = (Problem("f", 1, None, "expected a"),)
    stage.kept, stage.unkept = "/state/config-1", "no room"
    events = stage.serve(("workers: start", stage.up), ("service: READY", TERM))
    assert events[:3] == [
        "log: config-problem f:1: expected a",
        "log: last-good 1 /state/config-1",
        "log: last-good-problem no room",
    ]
    assert stage.statuses[0].startswith("config bad (f:1), the old one is kept; ")


def test_the_pid_file_is_held(stage: DaemonSides, background: Path) -> None:
    """A second daemon runs without: it says so, and the file stays that of the first."""
    other = PidFile(str(background))
    other.write()
    events = stage.serve(("workers: start", stage.up), ("service: READY", TERM))
    reason = "another knockd holds it"
    assert f"log: pid-file {background} {reason}" == events[0]
    assert f"started 0 could not create pid file {background}: {reason}" in events
    assert background.exists()
    other.remove()
