"""Signed knocks and daemons that are killed: what has counted never counts again, from whomever it comes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, door
from tests.support.daemons.keyed import ask_status, with_runtime
from tests.support.daemons.signed import SignedHost, wait_signed
from tests.support.lab.processes import only_child
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until
from tests.support.samples.signed_vectors import KEYS

EVE = "10.7.0.66"
OPENED = "OPEN SESAME"
REPEATED = "signed knock refused: came before"


@dataclass
class Scene:
    """A daemon with one door that comes and goes."""

    pair: Pair
    start: Start
    directory: Path
    signed: SignedHost

    def begin(self, *, ready: bool = True, **options: object) -> Daemon:
        """Starts the daemon with what the one before has left, but for its log."""
        folder = self.directory / "daemon"
        (folder / "knockd.log").unlink(missing_ok=True)
        section = self.signed.section("ssh", Stop_Command="true", Cmd_Timeout=60, Reknock="repeat")
        daemon = self.start(
            self.pair.server,
            self.signed.config(section, **options),
            *("--state-dir", str(self.directory / "state")),
            program=with_runtime(self.directory),
            directory=folder,
        )
        if ready:
            wait_signed(daemon)
        return daemon

    def replay(self, packets: list[bytes], times: int) -> None:
        """Sends what was overheard again and again, from Eve's address and from its sender's."""
        for source in (EVE, CLIENT[4]):
            for _ in range(times):
                self.signed.send(self.pair.client, *packets, source=source)


@pytest.fixture
def scene(pair: Pair, start: Start, tmp_path: Path) -> Scene:
    """A daemon to come."""
    pair.client.ip(f"addr add {EVE}/24 dev eth0")
    return Scene(pair, start, tmp_path, SignedHost(tmp_path))


def kill(daemon: Daemon) -> None:
    """Ends a daemon with SIGKILL."""
    daemon.process.kill()
    daemon.process.wait()


@pytest.mark.parametrize("boot", [False, True], ids=["kill", "boot"])
def test_replay_after_a_kill(scene: Scene, *, boot: bool) -> None:
    """What counted just before opens nothing after a start; a packet that has not counted opens at once."""
    daemon = scene.begin()
    packets = [scene.signed.knock(scene.pair.client, key) for key in ("alice", "bob")]
    unsent = scene.signed.packet()
    daemon.wait_for("running command", times=2)
    kill(daemon)
    if boot:
        shutil.rmtree(scene.directory / "runtime")
    again = scene.begin()
    scene.replay(packets, 500)
    again.wait_for(f"{EVE}: ssh: {REPEATED}")
    scene.signed.send(scene.pair.client, unsent, source=EVE)
    scene.signed.knock(scene.pair.client, "bob")
    again.wait_for(f"opened by bob ({KEYS['bob'].fingerprint})")
    again.wait_for(f"opened by alice@laptop ({KEYS['alice'].fingerprint})")
    assert again.count(OPENED) == 2


def test_replay_after_the_packet_process_was_killed(scene: Scene) -> None:
    """Another packet process has seen none of the packets: the keeper knows them all."""
    daemon = scene.begin()
    packets = [scene.signed.knock(scene.pair.client, key) for key in ("alice", "bob")]
    daemon.wait_for(OPENED, times=2)
    os.kill(only_child(daemon.pid), signal.SIGKILL)
    daemon.wait_for("listening on eth0", times=2)
    wait_signed(daemon)
    scene.replay(packets, 500)
    daemon.wait_for(REPEATED)
    scene.signed.knock(scene.pair.client, "token")
    daemon.wait_for("opened by token")
    assert daemon.count(OPENED) == 3


def test_replay_while_both_are_killed(scene: Scene) -> None:
    """However often keeper and packet process end while it is replayed, it never opens again."""
    daemon = scene.begin()
    packet = scene.signed.knock(scene.pair.client)
    daemon.wait_for(OPENED)
    opened = 0
    for number in range(6):
        if number % 2:
            kill(daemon)
            daemon = scene.begin(ready=False)
        else:
            os.kill(ask_status(daemon)["worker"], signal.SIGKILL)
            daemon.wait_for("packet process ended")
        scene.replay([packet], 200)
        daemon.wait_for("listening on eth0")
        wait_signed(daemon)
        scene.replay([packet], 10)
        opened += daemon.count(OPENED) if number % 2 else 0
    assert opened == 0
    scene.signed.knock(scene.pair.client, "bob")
    daemon.wait_for("opened by bob")
    assert daemon.count(OPENED) == 1


def test_packet_process_that_was_taken_over(scene: Scene) -> None:
    """It says that the door was opened, and has packets of every key but for their signatures: in vain."""
    insider = "tests.support.daemons.insider"
    program = (sys.executable, "-m", insider, str(scene.directory / "report"), "forge")
    text = scene.signed.config(door("plain", "700,800"), scene.signed.section())
    daemon = scene.start(
        scene.pair.server,
        text,
        *("--state-dir", str(scene.directory / "state")),
        *("--control-socket", str(scene.directory / "control")),
        program=("env", f"RUNTIME_DIRECTORY={scene.directory / 'runtime'}", *program),
    )
    daemon.control_path = scene.directory / "control"
    wait_signed(daemon)
    worker = ask_status(daemon)["worker"]
    send_knock(scene.pair.client, SERVER[4], "700", "800")
    daemon.wait_for("ssh: signed knock refused: wrong signature", times=2)
    lines = daemon.wait_for("ssh: signed knock refused: the hardware key was not touched")
    assert f"{CLIENT[4]}: ssh: not opened: it has no sequence" in lines
    scene.signed.knock(scene.pair.client)
    daemon.wait_for("ssh: opened by alice@laptop")
    assert daemon.count(f"ssh: {OPENED}") == 1
    assert ask_status(daemon)["worker"] == worker


def test_open_doors_of_a_key_after_a_kill(scene: Scene) -> None:
    """The next run knows by which key a door was opened: its stop command, and who may close it."""
    noted = scene.directory / "noted"
    scene.signed.write_keys(KEYS["alice"].line, KEYS["bob"].line)
    folder = scene.directory / "daemon"
    stop = f'echo "$KNOCKD_KEY" >> {noted}'
    text = scene.signed.config(scene.signed.section("ssh", Stop_Command=stop, Cmd_Timeout=60))
    options = ("--state-dir", str(scene.directory / "state"))
    given = {"program": with_runtime(scene.directory), "directory": folder}
    daemon = scene.start(scene.pair.server, text, *options, **given)
    wait_signed(daemon)
    scene.signed.knock(scene.pair.client)
    daemon.wait_for("running command")
    wait_until(lambda: [one["state"] for one in ask_status(daemon)["leases"]] == ["open"], 5, "it is open")
    kill(daemon)
    (folder / "knockd.log").unlink()
    again = scene.start(scene.pair.server, text, *options, **given)
    wait_signed(again)
    scene.signed.knock(scene.pair.client, "bob", verb="close")
    again.wait_for("signed knock refused: nothing is open that it may renew or close")
    scene.signed.knock(scene.pair.client, verb="close")
    again.wait_for(f"ssh: closed by alice@laptop ({KEYS['alice'].fingerprint})")
    wait_until(lambda: noted.exists() and noted.read_text(), 5, "the stop command")
    assert noted.read_text() == f"{KEYS['alice'].fingerprint}\n"
