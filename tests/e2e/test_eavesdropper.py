"""Somebody on the way records a knock with a key and sends it again, whenever he likes: it opens once."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pytest

from knockd_conf.timed import Rule
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, door
from tests.support.daemons.eavesdropper import Eavesdropper, in_the_name_of, port_of
from tests.support.daemons.keyed import BOB, KeyedDoor, send_step, wait_live, with_runtime
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import TCP, UDP

REPLAYS = 1_000
ROUNDS = 5
OWNER = "10.7.0.3"
"""Where the owner of the other key knocks from: nobody has spoilt that address for him."""

PLAIN = ("700:tcp", "800:udp", "900:tcp")
PROTOCOLS = {"tcp": TCP, "udp": UDP}


@dataclass
class Replayer:
    """Sends what was recorded: the knock with a key, and after it the one of a plain door.

    That one opens each time. As packets are judged in their order, all before it have been judged then.
    """

    pair: Pair
    knock: list[bytes]
    plain: list[bytes]
    sent: int = 0
    _names: Iterator[int] = field(default_factory=lambda: iter(range(ROUNDS * 110)))

    def replay(self, daemon: Daemon) -> None:
        """A round of replays: half of them as they were, half in the name of as many other addresses."""
        before, opened = (daemon.count(f"{name}: OPEN SESAME") for name in ("ssh", "plain"))
        frames: list[bytes] = []
        for _ in range(REPLAYS // ROUNDS // 2):
            frames += [*self.knock, *in_the_name_of(self._name(), self.knock)]
        self.sent += len(frames) // len(self.knock)
        self.pair.client.send_frames("eth0", [*frames, *in_the_name_of(self._name(), self.plain)])
        daemon.wait_for("plain: OPEN SESAME", times=opened + 1)
        assert daemon.count("ssh: OPEN SESAME") == before

    def _name(self) -> str:
        """Another address each time."""
        number = next(self._names)
        return f"10.7.{1 + number // 200}.{1 + number % 200}"


def record(heard: Eavesdropper, steps: list[str]) -> list[bytes]:
    """What was heard of a knock: a packet for each step, in their order."""
    frames = heard.record(len(steps))
    assert [port_of(frame) for frame in frames] == [
        (int(port), PROTOCOLS[protocol]) for port, _, protocol in (step.partition(":") for step in steps)
    ]
    return frames


def set_back(seconds: float) -> tuple[str, ...]:
    """What runs a program with a clock that is so many seconds behind."""
    preloaded = subprocess.run(
        [need("faketime"), "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    faked = {"LD_PRELOAD": preloaded, "FAKETIME": f"-{seconds:.3f}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return ("env", *(f"{name}={value}" for name, value in faked.items()))


@pytest.fixture
def heard(pair: Pair) -> Iterator[Eavesdropper]:
    """Somebody at the end of the cable."""
    made = Eavesdropper(pair.server, "eth0")
    yield made
    made.close()


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A directory that a reboot empties."""
    made = Path(mkdtemp(prefix="knockd-", dir="/dev/shm"))
    yield made / "state"
    shutil.rmtree(made)


def test_a_recorded_knock_opens_nothing(
    pair: Pair, start: Start, tmp_path: Path, heard: Eavesdropper, in_memory: Path
) -> None:
    """A thousand replays open nothing, however old the knock is, and whatever befalls the daemon.

    They come in the period of the knock and after it, from the same address and from others, before and after
    kill -9, and after starts with a clock that is set back, with what is noted on disk and without. The door
    lives all the while: whoever has another key opens it. The plain door opens for the replayer each time.
    """
    set_back(0)
    pair.client.ip(f"addr add {OWNER}/24 dev eth0")
    keyed = KeyedDoor(tmp_path, rule=Rule(period=10, protocol="mixed"))
    opened = tmp_path / "opened"
    command = {"Start_Command": f"echo %IP% >> {opened}"}
    plain = door("plain", ",".join(PLAIN), start_command="true %IP%", guard_ports="none")
    starts = count(1)

    def begin(*before: str, **options: object) -> Daemon:
        text = keyed.config(plain, fields=dict(command), **options)
        program = (*before, *with_runtime(tmp_path))
        made = start(pair.server, text, program=program, directory=tmp_path / "daemon", ready=None)
        made.wait_for(LISTENING, times=next(starts))
        return made

    daemon = begin()
    wait_live(daemon)
    for step in PLAIN:
        send_step(pair.client, SERVER[4], step)
    replayer = Replayer(pair, [], record(heard, list(PLAIN)))
    started = keyed.period()  # on no disk: what could be used before the start opens nothing
    wait_until(lambda: keyed.period() >= started + 2, 25, "what could not be used before the start")
    period = keyed.wait_for_period(begun=0.2, left=6)
    knocked = time.time()
    keyed.knock(pair.client)
    daemon.wait_for("ssh: OPEN SESAME")
    replayer.knock = record(heard, keyed.steps(period=period))

    replayer.replay(daemon)  # at once
    assert keyed.period() == period

    daemon.signal(signal.SIGKILL)
    daemon.process.wait(10)
    daemon = begin()
    wait_live(daemon)
    replayer.replay(daemon)  # after kill -9, while the sequence would still be live
    assert keyed.period() <= period + 1
    keyed.knock(pair.client, BOB, period + 1, source=OWNER)
    daemon.wait_for("ssh: opened with key bob")

    wait_until(lambda: keyed.period() > period + 1, 25, "the period after the next one")
    replayer.replay(daemon)  # when its time is over
    daemon.wait_for("ssh: clock of the knocker is")
    daemon.stop()

    daemon = begin(*set_back(time.time() - knocked))
    replayer.replay(daemon)  # with a clock that says that it is now
    assert daemon.count("earlier than it has been")
    daemon.stop()

    shutil.rmtree(tmp_path / "runtime")  # as a reboot does, with a StateDir that is no disk either
    behind = time.time() - knocked
    daemon = begin(*set_back(behind), StateDir=in_memory)
    wait_live(daemon)
    replayer.replay(daemon)  # the same, and nobody knows what was used
    assert daemon.count("nobody knows what was used before the start")
    unused = (
        keyed.rule.period_at(time.time() - behind) + 2
    )  # that of no clock ahead was live before the start
    live = keyed.rule.begin_of(unused - 1) + 1
    wait_until(lambda: time.time() - behind >= live, 25, "it is live")
    keyed.knock(pair.client, BOB, unused, source=OWNER)
    wait_until(lambda: opened.read_text().split()[1:] == [OWNER] * 2, 10, "the other key opens")
    daemon.stop()

    assert replayer.sent == REPLAYS
    assert opened.read_text().split() == [CLIENT[4], OWNER, OWNER]
    opens = [line for line in daemon.log_lines() if "ssh: OPEN SESAME" in line]
    assert [line.split(":")[0] for line in opens] == [CLIENT[4], OWNER, OWNER]
    assert daemon.count("plain: OPEN SESAME") == 1 + ROUNDS
