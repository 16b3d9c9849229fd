"""Doors with keys and their clock: restarts, boots, clocks that are set, and machines that sleep."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.sequences.live_periods import Fate, find_period
from knockd_conf.model import ClockTrust
from tests.support.doubles.keyed import NOON, KeyedHost, keyed_config, keyed_door

NOW = find_period(NOON, 30)
SSH = keyed_door()
LOOSE = "the kernel says STA_UNSYNC"


@pytest.fixture
def host(tmp_path: Path) -> KeyedHost:
    """A host with one door, up since noon."""
    made = KeyedHost(tmp_path)
    made.begin()
    return made


def fate(host: KeyedHost, period: int = NOW, key: str = "anne") -> Fate:
    """What becomes of a whole knock."""
    return host.doors.open(SSH, host.doors.serial_of(SSH, key, period)).fate


def boot(host: KeyedHost) -> None:
    """The machine boots: the runtime directory is empty, and so is what else is in memory."""
    emptied = ["run", "state"] if host.in_memory else ["run"]
    for folder in emptied:
        if (host.directory / folder).is_dir():
            for file in (host.directory / folder).iterdir():
                file.unlink()
    host.clocks.steady = 10.0
    host.restart()


@pytest.mark.parametrize("boots", [False, True], ids=["kill", "power cut"])
@pytest.mark.parametrize("where", ["disk", "memory", "nowhere"])
def test_used_before_the_start(host: KeyedHost, where: str, *, boots: bool) -> None:
    """Whatever StateDir is, and however the daemon ended: what opened does not open again.

    Where nobody can know, what any key may have opened does not.
    """
    if where == "memory":
        host.in_memory = True
    elif where == "nowhere":
        (host.directory / "state").rename(host.directory / "gone")
        (host.directory / "state").write_text("in its place")
    assert fate(host) is Fate.GRANTED
    host.sleep(1)
    (boot if boots else KeyedHost.restart)(host)
    unknown = boots and where != "disk"
    assert fate(host) is (Fate.BEFORE_START if unknown else Fate.USED)
    assert fate(host, NOW - 1, "bob") is (Fate.BEFORE_START if unknown else Fate.GRANTED)
    assert fate(host, NOW + 1, "bob") is (Fate.BEFORE_START if unknown else Fate.GRANTED)
    host.sleep(30)
    assert fate(host, NOW + 2, "bob") is Fate.GRANTED


def test_used_by_a_clock_that_is_ahead(host: KeyedHost) -> None:
    """A sequence opens before its period begins: where nobody knows what was used that has been, too."""
    host.in_memory = True
    assert fate(host, NOW + 1) is Fate.GRANTED
    host.sleep(1)
    boot(host)
    assert fate(host, NOW + 1) is Fate.BEFORE_START
    host.sleep(30)
    assert fate(host, NOW + 1) is Fate.BEFORE_START
    assert fate(host, NOW + 2) is Fate.GRANTED


def test_clock_that_is_set_back_by_a_boot(host: KeyedHost) -> None:
    """A clock without a battery makes nothing good again: the doors wait until it is past the record."""
    host.sleep(600)
    assert fate(host, NOW + 20) is Fate.GRANTED
    host.clocks.wall = NOON
    boot(host)
    assert fate(host) is Fate.REFUSED
    reason = host.doors.why_waiting(SSH)
    assert reason is not None
    assert "10 min earlier than it has been" in reason
    assert host.doors.list_sequences(SSH, 0) == []
    host.clocks.wall = NOON + 601
    host.sleep(5)
    assert host.doors.why_waiting(SSH) is None
    assert fate(host, NOW + 20) is Fate.USED
    assert fate(host, NOW + 21) is Fate.GRANTED


def test_clock_that_is_set_back_meanwhile(host: KeyedHost) -> None:
    """What was overheard and has not opened does not become good again, a moment later neither."""
    host.sleep(100)
    host.clocks.wall = NOON + 5
    assert fate(host) is Fate.REFUSED
    host.sleep(15)
    assert host.doors.list_sequences(SSH, 0) == []
    assert fate(host) is Fate.REFUSED
    assert [line.split()[0] for line in host.said] == ["clock-waiting"]


def test_not_synchronised(tmp_path: Path) -> None:
    """Doors wait, and open as soon as the clock is set: within seconds."""
    host = KeyedHost(tmp_path)
    host.clocks.loose, host.clocks.wall = LOOSE, 1_000.0
    host.begin()
    assert host.children == []
    assert LOOSE in (host.doors.why_waiting(SSH) or "")
    assert host.doors.seconds_to_next(SSH) is None
    host.sleep(60)
    host.clocks.loose, host.clocks.wall = "", NOON
    host.sleep(5)
    assert fate(host) is Fate.GRANTED
    assert [line.split()[0] for line in host.said] == ["clock-waiting", "clock-good"]


def test_trusted_clock(tmp_path: Path) -> None:
    """Clock = trust opens whatever the kernel says; a reload may say so."""
    host = KeyedHost(tmp_path)
    host.clocks.loose = LOOSE
    host.begin()
    state = host.config.options.state_dir
    host.doors.adopt(keyed_config(SSH, state_dir=state, clock=ClockTrust.TRUST))
    host.loop.deliver()
    assert fate(host) is Fate.GRANTED


def test_clock_that_is_set_forward(host: KeyedHost) -> None:
    """After a jump the sequences of then are live within seconds."""
    host.clocks.wall += 86_400
    host.sleep(15)
    assert fate(host, NOW + 2_880) is Fate.GRANTED
    assert host.said == []


def test_sleep_of_the_machine(host: KeyedHost) -> None:
    """The loop's clock stands still meanwhile; soon after it wakes the sequences of then are live."""
    host.clocks.sleep(9 * 3_600)
    host.sleep(15)
    assert fate(host, NOW + 1_080) is Fate.GRANTED


def test_poll(tmp_path: Path) -> None:
    """A clock that is not trusted is looked at every five seconds."""
    host = KeyedHost(tmp_path)
    host.clocks.loose = LOOSE
    host.begin()
    assert host.loop.waiting == [5.0]


def test_look_that_comes_early(host: KeyedHost) -> None:
    """A timer that fires just before the boundary is set again."""
    host.clocks.wall = NOON + 29.9995
    host.sleep(15)
    assert host.doors.list_sequences(SSH, 0)[0].now == NOW + 1


def test_knock_in_the_moment_of_a_boundary(host: KeyedHost) -> None:
    """The clock of now judges, not that of the last look."""
    host.clocks.sleep(60.5)
    assert fate(host) is Fate.BEHIND
    assert fate(host, NOW + 3) is Fate.GRANTED


def test_first_start(host: KeyedHost) -> None:
    """On a disk nobody has to wait after the first start of all."""
    assert fate(host, NOW - 1) is Fate.GRANTED


def test_first_start_in_memory(tmp_path: Path) -> None:
    """Where a boot may just have emptied StateDir only what no clock could have used before is good."""
    host = KeyedHost(tmp_path, wall=NOON + 13)
    host.in_memory = True
    host.begin()
    judged = host.doors.open(SSH, host.doors.serial_of(SSH, "anne", NOW))
    assert (judged.fate, judged.seconds) == (Fate.BEFORE_START, 47)
    assert [line.split()[0] for line in host.said] == ["periods-unlasting", "periods-from-now"]
    host.sleep(17)
    assert fate(host, NOW + 1) is Fate.BEFORE_START
    assert fate(host, NOW + 2) is Fate.GRANTED
