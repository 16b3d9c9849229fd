"""TERM, INT and HUP: ending, reading the config again, log rotation."""

from __future__ import annotations

import os
import signal
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER, config, door, firewall_door
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_open
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

SECRET_DOOR = door("secret", "700,800,900")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_end_it(pair: Pair, start: Start, number: signal.Signals) -> None:
    """It says ``shutting down`` as its last line and ends with status 0."""
    daemon = start(pair.server, config(SECRET_DOOR))
    daemon.signal(number)
    assert daemon.process.wait(10) == 0
    assert daemon.log_lines()[-1] == "shutting down"


def test_signals_that_were_blocked(pair: Pair, start: Start) -> None:
    """Started by one who has blocked all signals it closes its doors, and ends, all the same."""
    timed = door(
        "timed", "700,800", start_command="/bin/true", cmd_timeout=0, stop_command="/bin/echo closed"
    )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    try:
        daemon = start(pair.server, config(timed))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    send_knock(pair.client, SERVER[4], "700", "800")
    daemon.wait_for("timed: command said: closed")
    assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signal_to_the_packet_process(pair: Pair, start: Start, number: signal.Signals) -> None:
    """A signal that reaches all of our processes is the keeper's to answer: the packet process goes on."""
    daemon = start(pair.server, config(SECRET_DOOR))
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), number)
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    lines = daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")
    assert (len(children), [line for line in lines if "packet process" in line]) == (1, [])


def test_term_closes_what_is_open(pair: Pair, start: Start) -> None:
    """A port that a knock has opened for an hour is closed when the daemon ends."""
    need("nft")
    wall = FIREWALLS["nftables"]
    wall.close(pair.server)
    with TcpService(pair.server, SECRET):
        daemon = start(pair.server, config(firewall_door(wall, "700,800,900", cmd_timeout=3600)))
        send_knock(pair.client, SERVER[4], "700", "800", "900")
        wait_open(pair.client, SERVER[4], SECRET)
        assert daemon.stop() == 0
        assert not can_connect(pair.client, SERVER[4], SECRET)


def test_hup_reads_the_config_again(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """After HUP the doors of the new file open, those of the old one do not; it starts up once."""
    daemon = start(pair.server, config(SECRET_DOOR), program=either)
    daemon.write_config(config(door("fresh", "1700,1800")))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for(f"re-reading config file: {daemon.config_path}")
    before = len(pair.knock_until(daemon, ("1700", "1800"), "fresh: OPEN SESAME"))
    opened = daemon.count("fresh: OPEN SESAME")
    send_knock(pair.client, SERVER[4], "700", "800", "900", "1700", "1800")
    lines = daemon.wait_for("fresh: OPEN SESAME", times=opened + 1)
    assert [line for line in lines[before:] if "secret" in line] == []
    assert 1 == daemon.count("starting up")


def test_hup_says_what_it_does(pair: Pair, start: Start) -> None:
    """The two lines that log readers know, with the paths."""
    daemon = start(pair.server, config(SECRET_DOOR))
    daemon.signal(signal.SIGHUP)
    lines = daemon.wait_for("re-opening log file")
    expected = [f"re-reading config file: {daemon.config_path}", f"re-opening log file: {daemon.log_path}"]
    assert expected == [line for line in lines if line.startswith("re-")]


def test_hup_opens_the_log_again_after_rotation(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """When the log was renamed, lines after HUP go to a new file of the old name."""
    daemon = start(pair.server, config(SECRET_DOOR), program=either)
    rotated = daemon.log_path.rename(daemon.directory / "knockd.log.1")
    daemon.signal(signal.SIGHUP)
    wait_until(daemon.log_path.exists, 10, "the log has its old name again")
    daemon.stop()
    assert daemon.log_lines()[-1] == "shutting down"
    assert "shutting down" not in rotated.read_text()


def test_a_bad_file_at_hup_changes_nothing(pair: Pair, start: Start) -> None:
    """Every problem of the new file is logged with its line, and the old doors go on."""
    daemon = start(pair.server, config(SECRET_DOOR))
    daemon.write_config("[options]\n[secret]\nsequence = 700,abc\nseq_timeuot = 5\n")
    daemon.signal(signal.SIGHUP)
    lines = daemon.wait_for("keeping the old configuration")
    assert [f"{daemon.config_path}:3:", f"{daemon.config_path}:4:"] == [
        line.split(" ")[0] for line in lines if line.startswith(str(daemon.config_path))
    ]
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")


def test_a_knock_during_a_reload_never_counts_twice(pair: Pair, start: Start) -> None:
    """While old and new packet process both listen, a source's knock opens once at most."""
    daemon = start(pair.server, config(SECRET_DOOR))
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    sources = (f"198.18.{number // 256}.{number % 256}" for number in count())
    for number in range(1, 21):
        daemon.signal(signal.SIGHUP)
        while daemon.count("listening on") <= number:
            source = next(sources)
            knock = [ethernet(*macs, packet(source, SERVER[4], port)) for port in (700, 800, 900)]
            pair.client.send_frames("eth0", knock)
    lines = pair.knock_until(daemon, ("700", "800", "900"), f"{CLIENT[4]}: secret: OPEN SESAME")
    opened = Counter(line for line in lines if line.startswith("198.18.") and "OPEN SESAME" in line)
    assert opened
    assert [line for line, times in opened.items() if times > 1] == []
