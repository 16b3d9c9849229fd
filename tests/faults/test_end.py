"""The end of a daemon: every open door is closed if there is time, and the log names the others."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.daemons.victim import Victim
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.oracles import lease_checker as ledger
from tests.support.samples.frames import ethernet, packet

HOUR = 3_600
STEPS = (4_000, 4_100)
SEQUENCE = ",".join(map(str, STEPS))
HANG = door("slow", SEQUENCE, start_command="true", stop_command="sleep 60", cmd_timeout=HOUR)


def open_doors(pair: Pair, daemon: Daemon, count: int) -> None:
    """So many knockers open the door, and all start commands have begun."""
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    sources = [f"198.18.{number // 250}.{number % 250 + 1}" for number in range(count)]
    for step in STEPS:
        frames = [ethernet(*macs, packet(source, SERVER[4], step)) for source in sources]
        pair.client.send_frames("eth0", frames)
    daemon.wait_for("running command", timeout=60, times=count)


@pytest.mark.parametrize("tool", ["iptables-nft", "iptables-legacy"])
def test_two_hundred_doors_of_a_real_firewall(pair: Pair, start: Start, tool: str) -> None:
    """Not one of 200 rules is left, though stop commands of a door run eight at once, under one lock."""
    need(tool)
    rule = "INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
    commands = {"start_command": f"{tool} -I {rule}", "stop_command": f"{tool} -D {rule}"}
    daemon = start(pair.server, config(door("ssh", SEQUENCE, cmd_timeout=HOUR, **commands)))
    open_doors(pair, daemon, 200)

    def rules() -> int:
        return pair.server.run(tool, "-S", "INPUT").count("--dport 22")

    wait_until(lambda: rules() == 200, 30, "all are open")
    assert daemon.stop() == 0
    assert (rules(), daemon.count("could not be closed")) == (0, 0)


@pytest.mark.alone
def test_every_stop_command_is_begun(pair: Pair, start: Start, tmp_path: Path) -> None:
    """After half of Exit_Patience nothing waits for Max_Commands any more."""
    closed = tmp_path / "closed"
    slow = door(
        "slow",
        SEQUENCE,
        start_command="true",
        stop_command=f"sleep 0.5; echo %IP% >> {closed}",
        cmd_timeout=HOUR,
        max_commands=1,
    )
    daemon = start(pair.server, config(slow, exit_patience=6))
    open_doors(pair, daemon, 40)
    assert daemon.stop() == 0
    assert len(set(closed.read_text().split())) == 40
    assert daemon.count("could not be closed") == 0


def test_what_is_left_is_named(pair: Pair, start: Start) -> None:
    """The log names the first twenty doors that could not be closed, and says what becomes of all."""
    daemon = start(pair.server, config(HANG, exit_patience=1))
    open_doors(pair, daemon, 21)
    assert daemon.stop() == 0
    lines = daemon.log_lines()
    named = [line for line in lines if line.endswith(": slow: could not be closed before the end")]
    assert (len(named), named[0].partition(":")[0]) == (20, "198.18.0.1")
    assert lines[-1] == "21 doors could not be closed before the end, the next start closes them"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_another_signal_ends_it_at_once(pair: Pair, start: Start, number: signal.Signals) -> None:
    """Who has no patience gives the signal once more, and the log says what is left open."""
    daemon = start(pair.server, config(HANG))
    open_doors(pair, daemon, 1)
    began = ledger.now()
    for _ in range(2):
        daemon.signal(number)
        time.sleep(1.2)
    assert daemon.process.wait(5) == 0
    assert ledger.now() - began < 5
    assert daemon.count("198.18.0.1: slow: could not be closed before the end") == 1


def test_an_end_waits_for_stop_commands(pair: Pair, tmp_path: Path) -> None:
    """On_Exit = close with stop commands that take a while: they run side by side, and it waits for them."""
    note = ledger.note_script(tmp_path / "note", tmp_path / "ledger")
    names = ("one", "two", "three", "four", "five")
    doors = [
        door(
            name,
            f"{2_000 + 20 * place},{2_005 + 20 * place}",
            cmd_timeout=HOUR,
            start_command=note.format("start"),
            stop_command=f"sleep 1; {note.format('stop')}",
        )
        for place, name in enumerate(names)
    ]
    (tmp_path / "daemon").mkdir()
    with Daemon(pair.server, config(*doors), tmp_path / "daemon") as daemon:
        for place in range(len(names)):
            send_knock(pair.client, SERVER[4], str(2_000 + 20 * place), str(2_005 + 20 * place))
        wait_until(lambda: len(ledger.read_commands(tmp_path / "ledger")) == len(names), 10, "all are open")
        began = ledger.now()
        assert daemon.stop() == 0
        assert ledger.now() - began < 3 + ledger.SLACK
    stops = [c.key[0] for c in ledger.read_commands(tmp_path / "ledger") if c.verb == "stop"]
    assert sorted(names) == sorted(stops)


def test_a_door_that_cannot_be_closed_in_time_is_closed_by_the_next_start(pair: Pair, tmp_path: Path) -> None:
    """A stop command that hangs keeps the end waiting for Exit_Patience; the journal still has the door."""
    victim = Victim(pair.server, pair.client, tmp_path / "victim", cmd_timeout=HOUR, exit_patience=2)
    hang = tmp_path / "hang"
    hang.touch()
    script = tmp_path / "victim" / "note"
    rest = script.read_text().partition("\n")[2]
    script.write_text(f'#!/bin/sh\n[ "$1" = stop ] && [ -e {hang} ] && exec sleep 60\n{rest}')
    victim.start()
    victim.wait_ready()
    victim.knock()
    victim.wait_started()
    began = ledger.now()
    victim.daemon.signal(signal.SIGTERM)
    victim.ended(killed=False)
    assert 2 <= ledger.now() - began < 2 + 2 * ledger.SLACK
    assert [line for line in victim.said() if "could not be closed" in line] == [
        f"{CLIENT[4]}: door: could not be closed before the end",
        "1 door could not be closed before the end, the next start closes them",
    ]
    hang.unlink()
    victim.start()
    victim.wait_ready()
    wait_until(lambda: victim.commands()[-1].verb == "stop", 5, "it is closed")
    victim.daemon.stop()
    assert [line for line in victim.said() if "recovered" in line] != []
