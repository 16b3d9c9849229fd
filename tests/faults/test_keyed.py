"""Doors with keys that are killed, lose power, or whose clock is set: what has opened never opens again."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.faked_clock import FakedClock
from tests.support.daemons.keyed import (
    ANNE,
    BOB,
    KeyedDoor,
    find_waiting,
    kill_children,
    send_step,
    wait_live,
    with_runtime,
)
from tests.support.lab.disks import Disk, PowerDisk
from tests.support.lab.processes import only_child
from tests.support.lab.waiting import wait_until

EVE = "10.7.0.66"
OPENED = "OPEN SESAME"


@dataclass
class Scene:
    """A daemon with one door that comes and goes."""

    pair: Pair
    start: Start
    directory: Path
    keyed: KeyedDoor
    state: Path

    @property
    def runtime(self) -> Path:
        """What a boot empties."""
        return self.directory / "runtime"

    def begin(
        self, *, program: tuple[str, ...] | None = None, live: bool = True, state: Path | None = None
    ) -> Daemon:
        """Starts the daemon with what the one before has left, but for its log."""
        folder = self.directory / "daemon"
        (folder / "knockd.log").unlink(missing_ok=True)
        daemon = self.start(
            self.pair.server,
            self.keyed.config(),
            *("--state-dir", str(state or self.state)),
            program=program or with_runtime(self.directory),
            directory=folder,
        )
        if live:
            wait_live(daemon)
        return daemon

    def boot(self) -> None:
        """What is in memory is gone."""
        shutil.rmtree(self.runtime)

    def replay(self, steps: list[str], times: int, source: str | None = None) -> None:
        """Sends a knock again and again, from Eve's address unless another one is named."""
        for _ in range(times):
            for step in steps:
                send_step(self.pair.client, SERVER[4], step, source or EVE)


@pytest.fixture
def scene(pair: Pair, start: Start, tmp_path: Path) -> Scene:
    """A daemon to come, whose notes are on a disk."""
    pair.client.ip(f"addr add {EVE}/24 dev eth0")
    return Scene(pair, start, tmp_path, KeyedDoor(tmp_path), tmp_path / "state")


def kill(daemon: Daemon) -> None:
    """Ends a daemon with SIGKILL."""
    daemon.process.kill()
    daemon.process.wait()


def test_eavesdropper(scene: Scene) -> None:
    """A knock that was recorded is replayed a thousand times, from here and there, around a kill: in vain."""
    daemon = scene.begin()
    period = scene.keyed.wait_for_period(left=7)
    steps = scene.keyed.steps()
    scene.keyed.knock(scene.pair.client)
    daemon.wait_for(OPENED)
    scene.replay(steps, 200)
    scene.replay(steps, 200, CLIENT[4])
    daemon.wait_for("sequence used already")
    assert daemon.count(OPENED) == 1
    kill(daemon)
    again = scene.begin()
    scene.replay(steps, 300)
    wait_until(lambda: scene.keyed.period() >= period + 2, 30, "the sequence is of another time")
    scene.replay(steps, 300)
    scene.keyed.knock(scene.pair.client, BOB)
    again.wait_for("opened with key bob")
    assert again.count(OPENED) == 1


@pytest.mark.parametrize("end", ["restart", "kill", "boot"])
def test_used_before_the_start(scene: Scene, end: str) -> None:
    """What was used just before opens nothing just after; who has not knocked yet opens at once."""
    daemon = scene.begin()
    changed = scene.keyed.path.stat().st_ctime
    wait_until(lambda: time.time() > changed + 2.5, 5, "whose keys they are has been clear for a while")
    period = scene.keyed.wait_for_period(left=6)
    scene.keyed.knock(scene.pair.client)
    daemon.wait_for("running command")
    if end == "restart":
        daemon.stop()
    else:
        kill(daemon)
    if end == "boot":
        scene.boot()
    again = scene.begin()
    scene.keyed.knock(scene.pair.client, period=period, source=EVE)
    again.wait_for("sequence used already")
    scene.keyed.knock(scene.pair.client, BOB, period)
    again.wait_for("opened with key bob")
    wait_until(lambda: scene.keyed.period() > period, 15, "the next period")
    scene.keyed.wait_for_period()
    scene.keyed.knock(scene.pair.client)
    again.wait_for("opened with key anne")
    assert again.count(OPENED) == 2


def test_power_cut(scene: Scene, tmp_path: Path) -> None:
    """When the power goes as the command begins to run, the sequence is on the disk as used."""
    with PowerDisk(tmp_path / "disk") as disk:
        scene.state = disk.path / "state"
        daemon = scene.begin()
        period = scene.keyed.wait_for_period(left=6)
        scene.keyed.knock(scene.pair.client)
        daemon.wait_for("running command")
        (disk.path / "in-memory").write_text("what nobody has synced")
        disk.cut_power()
        kill(daemon)
        assert not (disk.path / "in-memory").exists()  # so the power was cut
        scene.boot()
        again = scene.begin()
        scene.keyed.knock(scene.pair.client, period=period)
        again.wait_for("sequence used already")
        assert not again.count(OPENED)
        again.stop()


@pytest.mark.parametrize("where", ["memory", "nowhere"])
def test_notes_that_do_not_last(scene: Scene, tmp_path: Path, where: str) -> None:
    """Where StateDir does not outlive a boot nothing from before the start opens then, whoever has it."""
    with Disk(tmp_path / "disk") as disk:
        if where == "memory":
            scene.state = disk.path / "state"
        else:
            scene.state = tmp_path / "file"
            scene.state.write_text("in the way")
        daemon = scene.begin()
        daemon.wait_for("used knocks of keys are noted until the next boot only")
        daemon.wait_for("what may have been opens nothing, of a sequence for two periods")
        started = scene.keyed.period()
        wait_until(lambda: scene.keyed.period() >= started + 2, 25, "what could not be used before the start")
        period = scene.keyed.wait_for_period(left=6)
        scene.keyed.knock(scene.pair.client)
        daemon.wait_for("running command")
        kill(daemon)
        if where == "memory":
            shutil.rmtree(scene.state)
        scene.boot()
        again = scene.begin()
        scene.keyed.knock(scene.pair.client, ANNE, period, source=EVE)
        scene.keyed.knock(scene.pair.client, BOB, period)
        again.wait_for("sequence of before the start", times=2)
        started = scene.keyed.period()
        wait_until(lambda: scene.keyed.period() >= started + 2, 25, "what could not be used before the start")
        scene.keyed.wait_for_period()
        scene.keyed.knock(scene.pair.client, BOB)
        again.wait_for("opened with key bob")
        assert again.count(OPENED) == 1
        again.stop()


def test_disk_that_takes_no_more(scene: Scene, tmp_path: Path) -> None:
    """A sequence that cannot be noted in StateDir is used all the same, also after a kill."""
    with Disk(tmp_path / "disk") as disk:
        scene.state = disk.path / "state"
        daemon = scene.begin()
        started = scene.keyed.period()
        wait_until(lambda: scene.keyed.period() >= started + 2, 25, "what could not be used before the start")
        disk.read_only(True, daemon.pid)
        period = scene.keyed.wait_for_period(left=6)
        scene.keyed.knock(scene.pair.client)
        daemon.wait_for(OPENED)
        daemon.wait_for("Read-only file system): what may have been used before that opens nothing then")
        kill(daemon)
        again = scene.begin()
        scene.keyed.knock(scene.pair.client, period=period)
        again.wait_for("sequence used already")
        again.stop()


class Faked(FakedClock):
    """The clock of a daemon and of its knockers."""

    def __init__(self, scene: Scene, ahead: int) -> None:
        self._scene = scene
        super().__init__(scene.directory, ahead)

    def set(self, ahead: int) -> None:
        """Daemon and knockers are so many seconds ahead of this machine from now on."""
        super().set(ahead)
        self._scene.keyed.ahead = ahead


WEEK = 604_800


@pytest.mark.parametrize("restarted", [False, True], ids=["meanwhile", "by a boot"])
def test_clock_that_is_set_back(scene: Scene, *, restarted: bool) -> None:
    """A clock that is set back makes no old knock good again: the door waits until it is right."""
    clock = Faked(scene, -WEEK)
    daemon = scene.begin(program=clock.program)
    period = scene.keyed.wait_for_period(left=4)
    steps = scene.keyed.steps()
    scene.keyed.knock(scene.pair.client)
    daemon.wait_for(OPENED)
    if restarted:
        kill(daemon)
        scene.boot()
    clock.set(-WEEK - 3_600)
    if restarted:
        daemon = scene.begin(program=clock.program, live=False)
    lines = daemon.wait_for("doors with keys wait: the clock is ", timeout=20)
    assert any(" earlier than it has been: set it; if it is right now" in line for line in lines)
    scene.replay(steps, 3)
    scene.keyed.wait_for_period()
    scene.keyed.knock(scene.pair.client, BOB)
    assert find_waiting(daemon) == ["ssh"]
    clock.set(-WEEK)
    daemon.wait_for("doors with keys can be opened, the clock is good")
    wait_live(daemon)
    wait_until(lambda: scene.keyed.period() > period, 15, "another period")
    scene.keyed.wait_for_period()
    scene.keyed.knock(scene.pair.client, BOB)
    daemon.wait_for("opened with key bob")
    assert daemon.count(OPENED) == (1 if restarted else 2)


def test_clock_that_is_set_forward(scene: Scene) -> None:
    """As NTP does after a boot: within seconds the sequences of then open, and the others no more."""
    clock = Faked(scene, -WEEK)
    daemon = scene.begin(program=clock.program)
    steps = scene.keyed.steps()
    clock.set(-WEEK + 86_400)

    def opened() -> bool:
        scene.keyed.wait_for_period(left=2)
        scene.keyed.knock(scene.pair.client)
        return daemon.count(OPENED) > 0

    wait_until(opened, 30, "the door opens by the new time")
    scene.replay(steps, 3)
    scene.keyed.knock(scene.pair.client, BOB)
    daemon.wait_for("opened with key bob")
    assert daemon.count(OPENED) == 2


def test_children_that_are_killed(scene: Scene) -> None:
    """While no child lives long enough to read keys, what is live stays; sequences move on."""
    daemon = scene.begin()
    worker = only_child(daemon.pid)
    kill_children(daemon, worker, lambda: daemon.count("key files could not be read") > 0)
    period = scene.keyed.wait_for_period()
    kill_children(daemon, worker, lambda: scene.keyed.period() > period)
    scene.keyed.wait_for_period()
    scene.keyed.knock(scene.pair.client)
    lines = daemon.wait_for(OPENED)
    (line,) = (line for line in lines if "key files could not be read" in line)
    assert "the process that reads them ended early" in line
    assert only_child(daemon.pid) == worker
