"""Doors of signed knocks that are killed, lose power or whose clock is set: no packet counts twice."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, door
from tests.support.daemons.faked_clock import FakedClock
from tests.support.daemons.keyed import ask_status, find_waiting, kill_children, wait_live, with_runtime
from tests.support.daemons.signed import SignedHost
from tests.support.lab.disks import Disk, PowerDisk
from tests.support.lab.processes import only_child
from tests.support.lab.waiting import wait_until

EVE = "10.7.0.66"
OPENED = "OPEN SESAME"
BY_ALICE, BY_BOB = "ssh: opened by alice@laptop (SHA256:", "ssh: opened by bob (SHA256:"
MINUTE, WEEK = 60, 604_800


@dataclass
class Scene:
    """A daemon with one door that comes and goes."""

    pair: Pair
    start: Start
    directory: Path
    signed: SignedHost
    state: Path

    def begin(self, *, program: tuple[str, ...] | None = None, live: bool = True) -> Daemon:
        """Starts the daemon with what the one before has left, but for its log."""
        folder = self.directory / "daemon"
        (folder / "knockd.log").unlink(missing_ok=True)
        daemon = self.start(
            self.pair.server,
            self.signed.config(),
            *("--state-dir", str(self.state)),
            program=program or with_runtime(self.directory),
            directory=folder,
        )
        if live:
            wait_live(daemon)
        return daemon

    def begin_unknowing(self, program: tuple[str, ...]) -> Daemon:
        """Starts the daemon where it cannot know what has counted, and waits until it knows its keys."""
        daemon = self.begin(program=program, live=False)
        wait_until(lambda: "what counted before the start" in find_reason(daemon), 10, "the keys are read")
        return daemon

    def boot(self) -> None:
        """What is in memory is gone."""
        shutil.rmtree(self.directory / "runtime")

    def send(self, *packets: bytes, source: str | None = None) -> None:
        """Sends packets, from Eve's address unless another one is named."""
        self.signed.send(self.pair.client, *packets, source=source or EVE)

    def knock(self, key: str = "alice", minute: int | None = None) -> bytes:
        """The owner of a key knocks with a packet of a minute, that of now if None; returns it."""
        packet = self.signed.packet(key, minute=minute)
        self.send(packet, source=CLIENT[4])
        return packet


@pytest.fixture
def scene(pair: Pair, start: Start, tmp_path: Path) -> Scene:
    """A daemon to come, whose notes are on a disk."""
    pair.client.ip(f"addr add {EVE}/24 dev eth0")
    return Scene(pair, start, tmp_path, SignedHost(tmp_path), tmp_path / "state")


def find_reason(daemon: Daemon) -> str:
    """Why no signed knock opens the door; empty: one does."""
    return ask_status(daemon)["doors"][0]["signed"]["waiting"] or ""


def kill(daemon: Daemon) -> None:
    """Ends a daemon with SIGKILL."""
    daemon.process.kill()
    daemon.process.wait()


def test_ten_thousand_replays(scene: Scene) -> None:
    """A packet that was recorded is sent again, from here and there, before and after kills: in vain."""
    daemon = scene.begin()
    scene.signed.wait_for_minute(left=30)
    packet = scene.knock()
    daemon.wait_for(BY_ALICE)
    for life in range(4):
        for _ in range(25):
            scene.send(*[packet] * 50)
            scene.send(*[packet] * 50, source=CLIENT[4])
            ask_status(daemon)  # the packet process has read what came before
        daemon.wait_for("signed knock refused: came before")
        assert daemon.count(OPENED) == (life == 0)
        kill(daemon)
        daemon = scene.begin()
    scene.knock("bob")
    daemon.wait_for(BY_BOB)
    assert daemon.count(OPENED) == 1


@pytest.mark.parametrize("end", ["restart", "kill", "boot"])
@pytest.mark.parametrize("minute", [-1, 0, 1])
def test_used_before_the_start(scene: Scene, end: str, minute: int) -> None:
    """What counted just before does not just after; who has not knocked yet does at once."""
    daemon = scene.begin()
    now = scene.signed.wait_for_minute(left=15)
    packet = scene.knock(minute=now + minute)
    daemon.wait_for("running command")
    if end == "restart":
        daemon.stop()
    else:
        kill(daemon)
    if end == "boot":
        scene.boot()
    again = scene.begin()
    scene.send(packet)
    again.wait_for(f"{EVE}: ssh: signed knock refused: came before")
    scene.knock("bob", now + minute)
    again.wait_for(BY_BOB)
    scene.knock()
    again.wait_for(BY_ALICE)
    assert again.count(OPENED) == 2


def test_power_cut(scene: Scene, tmp_path: Path) -> None:
    """When the power goes as the command begins to run, the packet is on the disk as used."""
    with PowerDisk(tmp_path / "disk") as disk:
        scene.state = disk.path / "state"
        daemon = scene.begin()
        scene.signed.wait_for_minute(left=15)
        packet = scene.knock()
        daemon.wait_for("running command")
        (disk.path / "in-memory").write_text("what nobody has synced")
        disk.cut_power()
        kill(daemon)
        assert not (disk.path / "in-memory").exists()  # so the power was cut
        scene.boot()
        again = scene.begin()
        scene.send(packet)
        again.wait_for("signed knock refused: came before")
        assert not again.count(OPENED)
        again.stop()


@pytest.mark.parametrize("where", ["memory", "nowhere"])
def test_notes_that_do_not_last(scene: Scene, tmp_path: Path, where: str) -> None:
    """Where StateDir does not outlive a boot nothing counts then that may have counted before."""
    with Disk(tmp_path / "disk") as disk:
        if where == "memory":
            scene.state = disk.path / "state"
        else:
            scene.state = tmp_path / "file"
            scene.state.write_text("in the way")
        clock = FakedClock(scene.directory, -WEEK)
        daemon = scene.begin_unknowing(clock.program)
        daemon.wait_for("used knocks of keys are noted until the next boot only")
        daemon.wait_for("what may have been opens nothing, of a sequence for two periods, of signed knocks")
        clock.set(-WEEK + 3 * MINUTE)
        minute = scene.signed.wait_for_minute(left=40) + clock.ahead // MINUTE
        wait_until(lambda: _knocks(scene, daemon, "bob", minute), 30, "the clock was looked at")
        packet = scene.knock(minute=minute)
        daemon.wait_for(BY_ALICE)
        kill(daemon)
        if where == "memory":
            shutil.rmtree(scene.state)
        scene.boot()
        again = scene.begin_unknowing(clock.program)
        scene.send(packet)
        scene.knock("bob", minute + 1)
        again.wait_for("signed knock refused: made before the start, so it may have come before", times=2)
        clock.set(clock.ahead + 2 * MINUTE)
        wait_until(lambda: _knocks(scene, again, "bob", minute + 2), 30, "a packet that nobody can have used")
        scene.send(packet)
        ask_status(again)
        assert not again.count(BY_ALICE)
        again.stop()


def _knocks(scene: Scene, daemon: Daemon, key: str, minute: int) -> bool:
    """Knocks; whether a door was opened."""
    scene.knock(key, minute)
    ask_status(daemon)
    return daemon.count(OPENED) > 0


def test_disk_that_takes_no_more(scene: Scene, tmp_path: Path) -> None:
    """A packet that cannot be noted in StateDir is used all the same, also after a kill."""
    with Disk(tmp_path / "disk") as disk:
        scene.state = disk.path / "state"
        clock = FakedClock(scene.directory, -WEEK)
        daemon = scene.begin_unknowing(clock.program)
        clock.set(-WEEK + 3 * MINUTE)
        disk.read_only(True, daemon.pid)
        minute = scene.signed.wait_for_minute(left=15) + clock.ahead // MINUTE
        wait_until(lambda: _knocks(scene, daemon, "bob", minute), 30, "the clock was looked at")
        packet = scene.knock(minute=minute)
        daemon.wait_for(BY_ALICE)
        daemon.wait_for("Read-only file system): what may have been used before that opens nothing then")
        kill(daemon)
        again = scene.begin(program=clock.program)
        scene.send(packet)
        again.wait_for("signed knock refused: came before")
        assert not again.count(OPENED)
        again.stop()


def test_nothing_takes_notes_for_a_while(scene: Scene, tmp_path: Path) -> None:
    """A packet that could be noted nowhere is noted with the next one: a kill does not make it good again."""
    scene.state.mkdir()
    daemon = scene.begin()
    scene.signed.wait_for_minute(left=15)
    places = scene.state, tmp_path / "runtime"
    for place in places:
        place.rename(place.with_suffix(".away"))
        place.write_text("in the way")
    packet = scene.knock()
    daemon.wait_for(BY_ALICE)
    daemon.wait_for("used knocks of keys can be noted nowhere (")
    for place in places:
        place.unlink()
        place.with_suffix(".away").rename(place)
    scene.knock("bob")
    daemon.wait_for(BY_BOB)
    kill(daemon)
    again = scene.begin()
    scene.send(packet)
    again.wait_for("signed knock refused: came before")
    assert not again.count(OPENED)


@pytest.mark.parametrize("restarted", [False, True], ids=["meanwhile", "by a boot"])
def test_clock_that_is_set_back(scene: Scene, *, restarted: bool) -> None:
    """A clock that is set back makes no old packet good again: the door waits until it is right."""
    clock = FakedClock(scene.directory, -WEEK)
    daemon = scene.begin(program=clock.program)
    now = scene.signed.wait_for_minute(left=15) - WEEK // MINUTE
    packet = scene.knock(minute=now)
    daemon.wait_for(OPENED)
    if restarted:
        kill(daemon)
        scene.boot()
    clock.set(-WEEK - 3_600)
    if restarted:
        daemon = scene.begin(program=clock.program, live=False)
    lines = daemon.wait_for("doors with keys wait: the clock is ", timeout=20)
    assert any(" earlier than it has been: set it; if it is right now" in line for line in lines)
    wait_until(lambda: find_waiting(daemon) == ["ssh"], 10, "the door waits")
    scene.send(packet)
    scene.knock("bob", now - 60)
    clock.set(-WEEK)
    daemon.wait_for("doors with keys can be opened, the clock is good", timeout=20)
    wait_live(daemon)
    scene.send(packet)
    daemon.wait_for("signed knock refused: came before")
    scene.knock("bob", now)
    daemon.wait_for(BY_BOB)
    assert daemon.count(OPENED) == (1 if restarted else 2)


def test_flood_at_a_door_that_anybody_opens(scene: Scene) -> None:
    """What a flood may take of Max_Leases leaves room for whoever has a key."""
    fields = {"Stop_Command": "true", "Cmd_Timeout": 60}
    doors = door("plain", "700:udp", **fields), scene.signed.section("ssh", **fields)
    text = scene.signed.config(*doors, Max_Leases=4)
    daemon = scene.start(scene.pair.server, text, "--state-dir", str(scene.state), program=OURS)
    wait_live(daemon)
    for to, source in ((SERVER[4], EVE), (SERVER[4], CLIENT[4]), (SERVER[6], CLIENT[6])):
        scene.signed.send(scene.pair.client, b"x", to=to, source=source, port=700)
    daemon.wait_for(f"plain: {OPENED}", times=3)
    scene.knock()
    daemon.wait_for(BY_ALICE)
    wait_until(lambda: len(ask_status(daemon)["leases"]) == 4, 10, "the door is open")


def test_one_key_for_many_addresses(scene: Scene) -> None:
    """Whoever has a key may forge addresses: what he may take leaves room for other keys."""
    section = scene.signed.section("ssh", Stop_Command="true", Cmd_Timeout=60)
    text = scene.signed.config(section, Max_Leases=4)
    daemon = scene.start(scene.pair.server, text, "--state-dir", str(scene.state), program=OURS)
    wait_live(daemon)
    for number in range(60, 64):
        scene.pair.client.ip(f"addr add 10.7.0.{number}/24 dev eth0")
        scene.send(scene.signed.packet(), source=f"10.7.0.{number}")
        daemon.wait_for(BY_ALICE, times=min(number - 59, 3))
    daemon.wait_for("10.7.0.63: ssh: not opened: 3 leases of its key are open")
    scene.knock("bob")
    daemon.wait_for(BY_BOB)
    wait_until(lambda: len(ask_status(daemon)["leases"]) == 4, 10, "the door is open")


def test_children_that_are_killed(scene: Scene) -> None:
    """While no child lives long enough to read files, what is live stays; minutes move on."""
    daemon = scene.begin()
    worker = only_child(daemon.pid)
    wait_until(lambda: time.time() % MINUTE > MINUTE - 15, MINUTE, "a minute is nearly over")
    kill_children(daemon, worker, lambda: daemon.count("key files could not be read") > 0)
    scene.knock(minute=scene.signed.minute() + 1)
    lines = daemon.wait_for(OPENED)
    (line,) = (line for line in lines if "key files could not be read" in line)
    assert "the process that reads them ended early" in line
    assert only_child(daemon.pid) == worker
