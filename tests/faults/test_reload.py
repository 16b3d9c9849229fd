"""HUP under fire: 100 reloads lose no knock, also none under way, and count none twice."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.daemons.knocks_without_pause import Fire
from tests.support.daemons.storm import resident
from tests.support.lab.name_server import NameServer
from tests.support.lab.processes import children, descriptors, only_child, status
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

RELOADS = 100
BROKEN_EVERY = 4
"""Every so many reloads the file is broken."""

AFTER = 0.02
"""Seconds from the log's line about a new packet process until a knock is surely not under way."""

BROKEN = "[options]\nLatencee = 5\n[secret]\nsequence = 700,abc\n[other]\nsequence = 1,2\nTCPFlags = sin\n"
PROBLEMS = (":2: Latencee: ", ":4: sequence: ", ":7: TCPFlags: ")
STARTED = '"event": "starting"'
SECRET = door("secret", "700,800,900", seq_timeout=5, start_command="")  # so that knocks cost no process


class Events:
    """The log of a daemon that writes JSON."""

    def __init__(self, daemon: Daemon) -> None:
        self._path = daemon.log_path

    def of(self, name: str) -> list[dict[str, Any]]:
        """Events of one name."""
        found = (json.loads(line) for line in self._path.read_text().splitlines() if f'"{name}"' in line)
        return [event for event in found if event["event"] == name]

    def count(self, *names: str) -> int:
        """How many of these there are."""
        text = self._path.read_text()
        return sum(text.count(f'"event": "{name}"') for name in names)

    def times(self, name: str) -> list[float]:
        """When they happened, in seconds since the epoch."""
        return [datetime.fromisoformat(event["time"]).timestamp() for event in self.of(name)]


def good(number: int, leased: str) -> str:
    """A good file, other than the one before: doors are added, moved and removed around ours."""
    more = [door(f"door{n}", f"{2_000 + 10 * n},{2_001 + 10 * n}") for n in range(number % 5)]
    options = {"LogFormat": "json", "Latency": 5 + number % 2, "Max_Leases": 100 + number}
    return config(*more[::2], SECRET, *more[1::2], leased, **options)


def reload(daemon: Daemon, events: Events, text: str) -> None:
    """Writes the file and waits until a HUP has come to its end, well or not."""
    done = events.count("listening", "config-kept")
    daemon.write_config(text)
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: events.count("listening", "config-kept") > done, 20, "the reload is done")


@pytest.mark.alone
def test_a_hundred_reloads_under_fire(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Every knock opens once, also those under way at a change; leases, pid and descriptors stay."""
    ledger = tmp_path / "ledger"
    leased = door(
        *("leased", "1700,1800"),
        start_command=f"echo start >> {ledger}",
        stop_command=f"echo stop >> {ledger}",
        cmd_timeout=600,
    )
    daemon = start(pair.server, good(0, leased), ready=STARTED)
    events = Events(daemon)
    send_knock(pair.client, SERVER[4], "1700", "1800")
    wait_until(ledger.exists, 10, "the lease is open")
    for _ in range(3):
        reload(daemon, events, good(0, leased))
    wait_until(lambda: len(children(daemon.pid)) == 1, 10, "old packet processes are collected")
    before = len(descriptors(daemon.pid)), resident(daemon.pid)
    with Fire(pair.server, pair.client, (700, 800, 900)) as fire:
        for number in range(RELOADS):
            reload(daemon, events, BROKEN if number % BROKEN_EVERY == 3 else good(number, leased))
            time.sleep(0.1)  # else every knock would be under way at some change
    opened = Counter(event["ip"] for event in events.of("open"))
    sent = list(fire.sent)
    lost = [knock.source for knock in sent if opened[knock.source] == 0]
    dropped = sum(event["count"] for event in events.of("dropped"))
    print(f"{len(sent)} knocks, {len(lost)} lost, {dropped} packets dropped")
    assert len(sent) > 10 * RELOADS
    assert len(lost) <= dropped  # by the kernel: on a busy machine rings run over
    assert [] == [source for source, times in opened.items() if times > 1]
    assert events.count("config-kept") == RELOADS // BROKEN_EVERY
    found = [event["problem"] for event in events.of("config-problem")]
    assert [True] * len(PROBLEMS) * (RELOADS // BROKEN_EVERY) == [
        problem.startswith(f"{daemon.config_path}{expected}")
        for problem, expected in zip(found, PROBLEMS * (RELOADS // BROKEN_EVERY), strict=True)
    ]
    wait_until(lambda: len(children(daemon.pid)) == 1, 10, "old packet processes are collected")
    assert before[0] == len(descriptors(daemon.pid))
    assert resident(daemon.pid) - before[1] < 4 * 1024
    assert ledger.read_text() == "start\n"
    assert daemon.stop() == 0
    assert ledger.read_text() == "start\nstop\n"


def test_one_source_without_pause(pair: Pair, start: Start) -> None:
    """Who knocks again and again through reloads opens as often as he knocked, or a little less."""
    daemon = start(pair.server, config(SECRET, LogFormat="json"), ready=STARTED)
    events, knocks = Events(daemon), 0
    for number in range(1, 11):
        daemon.signal(signal.SIGHUP)
        while events.count("listening") < number:
            send_knock(pair.client, SERVER[4], "700", "800", "900")
            knocks += 1
    time.sleep(0.2)
    opened = events.count("open")
    print(f"{knocks} knocks, {opened} openings")
    assert 0.5 * knocks < opened <= knocks


def test_two_hups_at_once(pair: Pair, start: Start) -> None:
    """What was written between two HUPs of one moment is in effect after them."""
    daemon = start(pair.server, config(SECRET))
    for text in (config(door("first", "1000,1100")), config(door("second", "1200,1300"))):
        daemon.write_config(text)
        daemon.signal(signal.SIGHUP)
    pair.knock_until(daemon, ("1200", "1300"), "second: OPEN SESAME")
    send_knock(pair.client, SERVER[4], "1000", "1100", "700", "800", "900", "1200", "1300")
    daemon.wait_for("second: OPEN SESAME", times=daemon.count("second: OPEN SESAME") + 1)
    assert 0 == daemon.count("first: OPEN SESAME") + daemon.count("secret: OPEN SESAME")


def test_a_name_server_that_is_silent(pair: Pair, start: Start, tmp_path: Path) -> None:
    """While a name of a Target is looked up doors open and close, and another HUP is remembered."""
    ledger = tmp_path / "ledger"
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {CLIENT[4]}\noptions timeout:3 attempts:1\n")
    program = ("sh", "-c", f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "sh", *OURS)
    leased = door(
        *("leased", "1700,1800"),
        start_command=f"echo start >> {ledger}",
        stop_command=f"echo stop >> {ledger}",
        cmd_timeout=1,
    )
    state = ("--state-dir", str(tmp_path / "state"))
    with NameServer(pair.client, CLIENT[4], None) as server:
        daemon = start(pair.server, config(leased), *state, program=program)
        daemon.write_config(config(leased, door("far", "3,4", target="nowhere.example")))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: server.asked, 10, "the name is asked for")
        send_knock(pair.client, SERVER[4], "1700", "1800")
        wait_until(
            lambda: ledger.exists() and ledger.read_text() == "start\nstop\n", 10, "it opens and closes"
        )
        during = daemon.count("keeping the old configuration")
        daemon.write_config(config(leased, door("near", "5,6")))
        daemon.signal(signal.SIGHUP)
        lines = daemon.wait_for("listening on", times=2, timeout=30)
    pair.knock_until(daemon, ("5", "6"), "near: OPEN SESAME")
    problem = "target: expected a host name with an address, got 'nowhere.example'"
    assert (0, 1) == (during, sum(problem in line for line in lines))


def test_end_while_a_name_is_looked_up(pair: Pair, start: Start, tmp_path: Path) -> None:
    """TERM during a reload ends the daemon at once and leaves no process behind."""
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {CLIENT[4]}\noptions timeout:30 attempts:2\n")
    program = ("sh", "-c", f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "sh", *OURS)
    with NameServer(pair.client, CLIENT[4], None) as server:
        daemon = start(pair.server, config(SECRET), "--state-dir", str(tmp_path / "state"), program=program)
        daemon.write_config(config(door("far", "3,4", target="nowhere.example")))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: server.asked, 10, "the name is asked for")
        left = children(daemon.pid)
        assert daemon.stop() == 0
    wait_until(lambda: not any(Path("/proc", str(pid)).exists() for pid in left), 10, "nothing is left")


def test_a_removed_door_keeps_its_leases(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A door that a reload removed, or gave another stop command, is closed as it was opened to be."""
    ledger = tmp_path / "ledger"

    def timed(name: str, sequence: str, word: str) -> str:
        does = f"echo {{}} {name} {word} >> {ledger}".format
        return door(name, sequence, start_command=does("start"), stop_command=does("stop"), cmd_timeout=2)

    daemon = start(pair.server, config(timed("gone", "1,2", "old"), timed("other", "3,4", "old")))
    send_knock(pair.client, SERVER[4], "1", "2", "3", "4")
    daemon.wait_for("running command", times=2)
    daemon.write_config(config(SECRET, timed("other", "5,6", "new")))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on", times=2)
    daemon.wait_for("running command", times=4)
    wait_until(lambda: len(ledger.read_text().splitlines()) == 4, 10, "the last command has run")
    assert sorted(ledger.read_text().splitlines()[2:]) == ["stop gone old", "stop other old"]


class Bare(Daemon):
    """A daemon without -g: its file says where the log is."""

    def __init__(self, pair: Pair, directory: Path, text: str) -> None:
        directory.mkdir()
        super().__init__(pair.server, text, directory, interface=None)
        at = self.argv.index("-g")
        self.argv = (*self.argv[:at], *self.argv[at + 2 :])


@pytest.fixture
def bare(pair: Pair, tmp_path: Path) -> Iterator[Daemon]:
    """One that listens."""
    log = tmp_path / "bare" / "knockd.log"
    with Bare(pair, tmp_path / "bare", config(SECRET, LogFile=log, Interface="eth0")) as daemon:
        yield daemon


def test_another_log_file(pair: Pair, bare: Daemon) -> None:
    """A changed LogFile takes effect: later lines go there and nowhere else."""
    old, bare.log_path = bare.log_path, bare.directory / "new.log"
    bare.write_config(config(SECRET, LogFile=bare.log_path, Interface="eth0"))
    bare.signal(signal.SIGHUP)
    bare.wait_for("listening on eth0")
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    bare.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")
    assert "OPEN SESAME" not in old.read_text()
    assert [] == [path for path in descriptors(bare.pid).values() if path == str(old)]


def test_another_log_format(bare: Daemon) -> None:
    """A changed LogFormat takes effect."""
    bare.write_config(config(SECRET, LogFile=bare.log_path, Interface="eth0", LogFormat="json"))
    bare.signal(signal.SIGHUP)
    assert "eth0" == wait_until(lambda: Events(bare).of("listening"), 10, "a line of JSON")[0]["interface"]


def test_another_interface(pair: Pair, bare: Daemon) -> None:
    """A changed Interface takes effect: there is heard what was not before, and the other way round."""
    pair.lab.link(pair.server, "eth1", pair.client, "eth1", ("10.9.0.1/24",), ("10.9.0.2/24",))
    bare.write_config(config(SECRET, LogFile=bare.log_path, Interface="eth1"))
    bare.signal(signal.SIGHUP)
    bare.wait_for("listening on eth1")
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    send_knock(pair.client, "10.9.0.1", "700", "800", "900")
    lines = bare.wait_for("10.9.0.2: secret: OPEN SESAME")
    assert [] == [line for line in lines if line.startswith(CLIENT[4])]


def test_another_user(bare: Daemon) -> None:
    """A changed User takes effect: the packet process runs as that one."""
    bare.write_config(config(SECRET, LogFile=bare.log_path, Interface="eth0", User="daemon"))
    bare.signal(signal.SIGHUP)
    bare.wait_for("listening on", times=2)
    worker = only_child(bare.pid)
    assert ["1"] * 4 == status(worker)["Uid"]


def test_another_pid_file(pair: Pair, tmp_path: Path) -> None:
    """A changed PidFile takes effect: the new one is written, the old one removed; a bad one is logged."""
    old, new, log = tmp_path / "old.pid", tmp_path / "new.pid", tmp_path / "log"
    path = tmp_path / "knockd.conf"

    def write(pid_file: Path) -> None:
        path.write_text(config(SECRET, PidFile=pid_file))
        path.chmod(0o600)

    write(old)
    files = ("-c", str(path), "-g", str(log), "--state-dir", str(tmp_path / "state"))
    apart = ("--control-socket", str(tmp_path / "control"))
    pair.server.popen(*OURS, "-d", "-i", "eth0", *files, *apart, env=environment()).wait(20)
    pid = int(old.read_text())
    try:
        write(new)
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: new.exists() and not old.exists(), 10, "the pid file has moved")
        assert int(new.read_text()) == pid
        write(tmp_path / "nowhere" / "pid")
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: "could not create pid file" in log.read_text(), 10, "the log says so")
        assert int(new.read_text()) == pid
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not new.exists(), 10, "the daemon has ended")


def test_one_time_sequences(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Through reloads without pause every line of a one-time file opens once, and never again."""
    lines = [f"{port},{port + 50}" for port in range(20_000, 21_000, 100)]
    codes = tmp_path / "codes"
    codes.write_text("".join(f"{line}\n" for line in lines))
    daemon = start(pair.server, config(f"[trip]\none_time_sequences = {codes}\n\n", SECRET))
    for number, line in enumerate(lines, 1):

        def opened(line: str = line, number: int = number) -> bool:
            daemon.signal(signal.SIGHUP)
            send_knock(pair.client, SERVER[4], *line.split(","))
            time.sleep(0.05)
            for used in lines[:number]:
                send_knock(pair.client, SERVER[4], *used.split(","))
            return daemon.count("trip: OPEN SESAME") >= number

        wait_until(opened, 20, f"{line} opens")
    assert daemon.count("trip: OPEN SESAME") == len(lines)
    assert codes.read_text() == "".join(f"#{line[1:]}\n" for line in lines)


def test_hup_while_it_waits_for_an_interface(pair: Pair, bare: Daemon) -> None:
    """A reload to an interface that is not there waits for it, and the next one listens elsewhere."""
    bare.write_config(config(SECRET, LogFile=bare.log_path, Interface="eth7"))
    bare.signal(signal.SIGHUP)
    bare.wait_for("waiting for interface eth7")
    bare.write_config(config(SECRET, LogFile=bare.log_path, Interface="eth0"))
    bare.signal(signal.SIGHUP)
    bare.wait_for("listening on eth0", times=2)
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    bare.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")


def test_hup_at_the_end(pair: Pair, start: Start) -> None:
    """HUPs while the last stop command runs change nothing: it ends in order."""
    slow = door("slow", "1700,1800", start_command="true", stop_command="sleep 1", cmd_timeout=600)
    daemon = start(pair.server, config(slow))
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for("running command: true")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for("running command: sleep 1")
    for _ in range(3):
        daemon.signal(signal.SIGHUP)
    assert daemon.process.wait(10) == 0
    assert 0 == daemon.count("re-reading config file")


def test_a_file_that_everybody_can_read(bare: Daemon) -> None:
    """What a reload finds good but surprising is in the log, once a reload."""
    bare.config_path.chmod(0o644)
    bare.signal(signal.SIGHUP)
    bare.wait_for("listening on", times=2)
    assert 1 == bare.count(f"{bare.config_path}: everybody on this machine can read the sequences")


def test_other_doors_alone(pair: Pair, start: Start) -> None:
    """The packet process stays: a knock under way goes on, new ports are heard, removed ones are not."""
    gone = door("gone", "1000,1100")
    daemon = start(pair.server, config(SECRET, gone))
    worker = only_child(daemon.pid)
    send_knock(pair.client, SERVER[4], "700", "800", "1000")
    daemon.wait_for("gone: Stage 1")
    daemon.write_config(config(door("new", "1200,1300"), SECRET))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    send_knock(pair.client, SERVER[4], "900", "1100", "1200", "1300")
    daemon.wait_for("secret: OPEN SESAME")
    daemon.wait_for("new: OPEN SESAME")
    assert daemon.count("gone: OPEN SESAME") == 0
    assert only_child(daemon.pid) == worker


def test_other_commands_of_a_door(pair: Pair, start: Start) -> None:
    """A door that keeps its sequence has its new command at once, for a knock under way too."""
    daemon = start(pair.server, config(door("one", "700,800", start_command="echo old")))
    send_knock(pair.client, SERVER[4], "700")
    daemon.wait_for("one: Stage 1")
    daemon.write_config(config(door("first", "1,2"), door("one", "700,800", start_command="echo new")))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    send_knock(pair.client, SERVER[4], "800")
    daemon.wait_for("running command: echo new")
    assert daemon.count("running command: echo old") == 0
