"""Open doors over the ends of a daemon: killed, handed over, rebooted, damaged."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.leases.journal import parse
from knockd.leases.journal_layout import encode
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER, config, firewall_door
from tests.support.daemons.victim import Victim
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.oracles import lease_checker as ledger

STEPS = ("700", "800", "900")
HOUR = 3_600


def knocked(pair: Pair, victim: Victim, *versions: int) -> None:
    """The client opens the door, with an address of each IP version."""
    for version in versions:
        send_knock(pair.client, SERVER[version], *victim.steps)
    victim.wait_started(len(versions))


def last(victim: Victim) -> dict[str, str]:
    """The last command for each source."""
    return {command.key[1]: command.verb for command in victim.commands()}


def start_again(victim: Victim, *wrapper: str) -> None:
    """The next life, until it listens."""
    victim.start(*wrapper)
    victim.wait_ready()


def stop(victim: Victim, number: signal.Signals = signal.SIGTERM) -> float:
    """Tells a victim to end; how many seconds that took."""
    began = ledger.now()
    victim.daemon.signal(number)
    victim.ended(killed=False)
    assert victim.daemon.process.returncode == 0
    return ledger.now() - began


@pytest.mark.parametrize("name", FIREWALLS)
def test_a_rule_is_gone_at_its_deadline_though_the_daemon_was_killed(
    pair: Pair, start: Start, tmp_path: Path, name: str
) -> None:
    """The next daemon closes what a killed one has opened, in the kernel's own tables."""
    wall = FIREWALLS[name]
    for tool in wall.tools:
        need(tool)
    wall.close(pair.server)
    text = config(firewall_door(wall, ",".join(STEPS), cmd_timeout=6))
    with TcpService(pair.server, SECRET):
        first = start(pair.server, text, directory=tmp_path)
        send_knock(pair.client, SERVER[4], *STEPS)
        wait_open(pair.client, SERVER[4], SECRET)
        first.process.kill()
        first.process.wait()
        second = start(pair.server, text, directory=tmp_path, ready=None)
        second.wait_for(LISTENING, times=2)
        assert can_connect(pair.client, SERVER[4], SECRET)
        wait_closed(pair.client, SERVER[4], SECRET)
    lines = second.wait_for(f"{CLIENT[4]}: secret: command timeout")
    assert [line.partition(", closing")[0] for line in lines if "recovered" in line] == [
        f"{CLIENT[4]}: secret: recovered an open door of the last run"
    ]


def test_a_killed_packet_process_touches_no_lease(pair: Pair, start: Start) -> None:
    """The door stays open, its replacement hears the next knock, and each knocker is closed in time."""
    need("nft")
    wall = FIREWALLS["nftables"]
    wall.close(pair.server)
    with TcpService(pair.server, SECRET):
        daemon = start(pair.server, config(firewall_door(wall, ",".join(STEPS), cmd_timeout=4)))
        worker = int(Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()[0])
        send_knock(pair.client, SERVER[4], *STEPS)
        wait_open(pair.client, SERVER[4], SECRET)
        os.kill(worker, signal.SIGKILL)
        daemon.wait_for("listening on", times=2)
        send_knock(pair.client, SERVER[6], *STEPS)
        wait_open(pair.client, SERVER[6], SECRET)
        assert can_connect(pair.client, SERVER[4], SECRET)
        wait_closed(pair.client, SERVER[4], SECRET)
        wait_closed(pair.client, SERVER[6], SECRET)
    assert daemon.count("recovered") == 0


def test_after_a_reboot_every_door_is_closed_once(pair: Pair, tmp_path: Path) -> None:
    """Another boot id: what the journal says is open is stopped at the start, hours before its time."""
    victim = Victim(pair.server, pair.client, tmp_path / "victim", cmd_timeout=HOUR)
    start_again(victim)
    knocked(pair, victim, 4, 6)
    victim.kill()
    other = tmp_path / "boot_id"
    other.write_text("00000000-0000-4000-8000-000000000001\n")
    # "ip netns exec" has made a mount namespace of its own: nobody else sees the other boot.
    reboot = ("sh", "-c", f'mount --bind {other} /proc/sys/kernel/random/boot_id && exec "$@"', "sh")
    start_again(victim, *reboot)
    journal = victim.state / "leases"
    wait_until(lambda: not parse(journal.read_bytes()).journal.records, 10, "all is closed and noted")
    victim.kill()
    assert Counter(c.verb for c in victim.commands()) == {"start": 2, "stop": 2}
    start_again(victim, *reboot)
    stop(victim)
    assert ([line for line in victim.said() if "recovered" in line], len(victim.commands())) == ([], 4)


def test_a_clock_that_went_back(pair: Pair, tmp_path: Path) -> None:
    """What was noted by a clock far ahead, in another time namespace say, ends after its own Cmd_Timeout."""
    victim = Victim(pair.server, pair.client, tmp_path / "victim", cmd_timeout=3)
    start_again(victim)
    knocked(pair, victim, 4)
    victim.kill()
    path = victim.state / "leases"
    journal = parse(path.read_bytes()).journal
    ahead = tuple(
        one._replace(deadline=one.deadline + 1e6, opened=one.opened + 1e6 if one.opened else 0.0)
        for one in journal.records
    )
    path.write_bytes(encode(journal._replace(records=ahead, serial=journal.serial + 10**9)))
    start_again(victim)
    (said,) = (line for line in victim.said() if "recovered" in line)
    assert said.endswith("closing in 3 seconds")
    wait_until(lambda: last(victim)[CLIENT[4]] == "stop", 6, "it is closed")
    stop(victim)


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "last byte": (lambda data: data[:-2] + bytes([data[-2] ^ 1]), 2),
    "first bytes": (lambda data: b"\xff" * 150 + data[150:], 2),
    "cut off": (lambda data: data[: max(data.index(CLIENT[version].encode()) for version in (4, 6))], 1),
    "another address": (lambda data: data.replace(CLIENT[6].encode(), b"fd00:7::3"), 1),
    "all of it": (lambda data: bytes(len(data)), 0),
}
"""What happens to a journal with two doors, and how many of them are still known: whose address is left."""


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_journal_is_used_as_far_as_it_is_good(pair: Pair, tmp_path: Path, name: str) -> None:
    """What is good is closed in time, the file is set aside as it was, and the log says so."""
    damage, count = DAMAGE[name]
    victim = Victim(
        pair.server, pair.client, tmp_path / "victim", cmd_timeout=12
    )  # two starts of a busy machine fit
    start_again(victim)
    knocked(pair, victim, 4, 6)
    victim.kill()
    start_again(victim)  # it writes the file whole: each lease once
    victim.kill()
    journal = victim.state / "leases"
    damaged = damage(journal.read_bytes())
    journal.write_bytes(damaged)
    good = [version for version in (4, 6) if CLIENT[version].encode() in damaged]
    assert count == len(good)
    start_again(victim)
    (aside,) = victim.state.glob("leases.damaged-*")
    said = [line for line in victim.said() if line.startswith(f"{journal}: ") and str(aside) in line]
    assert (len(said), aside.read_bytes()) == (1, damaged)
    assert {source for _, source in victim.life.recovered} == {CLIENT[version] for version in good}
    wait_until(lambda: all(last(victim)[CLIENT[v]] == "stop" for v in good), 20, "they are closed")
    stop(victim)


def _rest(script: Path) -> str:
    return script.read_text().partition("\n")[2]


@pytest.mark.parametrize("how", ["keep", "USR1"])
def test_an_upgrade_closes_at_the_deadline_and_not_before(pair: Pair, tmp_path: Path, how: str) -> None:
    """On_Exit = keep at TERM, and USR1 always, leave the door open; the next process takes it over."""
    on_exit = "keep" if how == "keep" else "close"
    victim = Victim(pair.server, pair.client, tmp_path / "victim", cmd_timeout=3, on_exit=on_exit)
    start_again(victim)
    knocked(pair, victim, 4)
    victim.life.handed = True
    assert stop(victim, signal.SIGTERM if how == "keep" else signal.SIGUSR1) < ledger.SLACK
    assert "1 door kept open until the next start" in victim.said()
    start_again(victim)
    victim.settle()
    assert victim.problems() == []
    assert [command.verb for command in victim.commands()] == ["start", "stop"]
    stop(victim, signal.SIGUSR1)


@pytest.mark.parametrize(
    ("end", "seconds"),
    [(signal.SIGKILL, 2), (signal.SIGTERM, 5), (signal.SIGUSR1, 5)],
    ids=["KILL", "TERM", "USR1"],
)
def test_a_start_command_that_outlives_the_daemon_is_still_undone(
    pair: Pair, tmp_path: Path, end: signal.Signals, seconds: int
) -> None:
    """A slow start command goes on alone: the next daemon waits for its end and counts from there."""
    victim = Victim(pair.server, pair.client, tmp_path / "victim")
    script = tmp_path / "victim" / "note"
    script.write_text(f'#!/bin/sh\n[ "$1" = start ] && sleep {seconds}\n{_rest(script)}')
    start_again(victim)
    victim.knock()
    victim.wait_said("running command")
    time.sleep(0.2)
    victim.daemon.signal(end)
    victim.ended(killed=end == signal.SIGKILL)
    start_again(victim)
    victim.wait_started()
    victim.settle()
    assert [command.verb for command in victim.commands()] == ["start", "stop"]
    stop(victim)
