"""Doors of signed knocks and their clock: restarts, boots, clocks that are set, and machines that sleep."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.signed.values import Reason
from knockd_conf.model import ClockTrust
from tests.support.doubles.live_signed import ANNE, BERT, NOON, NOW, SignedScene
from tests.support.doubles.signed import signed_door

SSH = signed_door()
LOOSE = "the kernel says STA_UNSYNC"


@pytest.fixture
def scene(tmp_path: Path) -> SignedScene:
    """A host with one door and two keys, up since noon."""
    made = SignedScene(tmp_path)
    made.begin()
    return made


def minutes(scene: SignedScene) -> list[int]:
    """Which are watched."""
    return [one.minute for one in scene.doors.watch().minutes]


@pytest.mark.parametrize("boots", [False, True], ids=["kill", "power cut"])
@pytest.mark.parametrize("where", ["disk", "memory", "nowhere"])
@pytest.mark.parametrize("minute", [NOW - 1, NOW, NOW + 1])
def test_used_before_the_start(scene: SignedScene, where: str, minute: int, *, boots: bool) -> None:
    """Whatever StateDir is, and however the daemon ended: what counted does not count again.

    Where nobody can know, nothing does that may have.
    """
    if where == "memory":
        scene.in_memory = True
    elif where == "nowhere":
        (scene.directory / "state").rename(scene.directory / "gone")
        (scene.directory / "state").write_text("in its place")
    packet = ANNE.knock(minute=minute)
    assert scene.reason(packet) is None
    scene.sleep(1)
    (SignedScene.boot if boots else SignedScene.restart)(scene)
    unknown = boots and where != "disk"
    assert scene.reason(packet) is (Reason.BEFORE_START if unknown else Reason.REPEATED)
    assert scene.reason(BERT.knock(minute=minute)) is (Reason.BEFORE_START if unknown else None)
    why = "what counted before the start is not known; knocks count again in 119 s"
    assert scene.doors.why_waiting(SSH) == (why if unknown else None)
    scene.sleep(60)
    assert scene.reason(BERT.knock(minute=NOW + 2)) is None
    scene.sleep(60)
    assert scene.doors.why_waiting(SSH) is None


def test_long_after(scene: SignedScene) -> None:
    """A packet is kept as long as its minute may be live: restarts and compacted notes do not change that."""
    packet = ANNE.knock(minute=NOW + 1)
    assert scene.reason(packet) is None
    for _ in range(11):
        scene.sleep(15)
        scene.restart()
        assert scene.reason(packet) in {Reason.REPEATED, Reason.MINUTE}
    assert scene.reason(packet) is Reason.REPEATED
    scene.sleep(15)
    assert scene.reason(packet) is Reason.MINUTE


def test_clock_that_is_set_back_by_a_boot(scene: SignedScene) -> None:
    """A clock without a battery makes nothing good again: doors wait until it is past the record."""
    scene.sleep(600)
    packet = ANNE.knock(minute=NOW + 10)
    assert scene.reason(packet) is None
    scene.clocks.wall = NOON
    scene.boot()
    assert scene.reason(ANNE.knock()) is Reason.CLOCK
    assert minutes(scene) == []
    assert "10 min earlier than it has been" in (scene.doors.why_waiting(SSH) or "")
    scene.clocks.wall = NOON + 601
    scene.sleep(5)
    assert scene.doors.why_waiting(SSH) is None
    assert scene.reason(packet) is Reason.REPEATED
    assert scene.reason(BERT.knock(minute=NOW + 10)) is None


def test_clock_that_is_set_back_meanwhile(scene: SignedScene) -> None:
    """Nothing is watched within seconds, and nothing counts from the first packet on."""
    packet = ANNE.knock()
    scene.sleep(300)
    scene.clocks.wall = NOON + 5
    assert scene.reason(packet) is Reason.CLOCK
    scene.changes = 0
    scene.sleep(15)
    assert (minutes(scene), scene.changes) == ([], 1)
    assert [line.split()[0] for line in scene.said] == ["clock-waiting"]


def test_not_synchronised(tmp_path: Path) -> None:
    """Doors wait, no file is read, and they open as soon as the clock is set: within seconds."""
    scene = SignedScene(tmp_path)
    scene.clocks.loose, scene.clocks.wall = LOOSE, 1_000.0
    scene.begin()
    assert scene.questions == []
    assert LOOSE in (scene.doors.why_waiting(SSH) or "")
    assert scene.loop.waiting == [5.0]
    scene.sleep(60)
    scene.clocks.loose, scene.clocks.wall = "", NOON
    scene.sleep(5)
    assert scene.reason(ANNE.knock()) is None


def test_trusted_clock(tmp_path: Path) -> None:
    """Clock = trust opens whatever the kernel says; a reload may say so."""
    scene = SignedScene(tmp_path)
    scene.clocks.loose = LOOSE
    scene.begin()
    scene.reload(SSH, clock=ClockTrust.TRUST)
    assert scene.reason(ANNE.knock()) is None


@pytest.mark.parametrize("seconds", [86_400, 9 * 3_600])
def test_jump(scene: SignedScene, seconds: int) -> None:
    """After the clock was set forward, or the machine slept, the minutes of then are live within seconds."""
    if seconds == 86_400:
        scene.clocks.wall += seconds
    else:
        scene.clocks.sleep(seconds)
    scene.sleep(15)
    assert scene.reason(ANNE.knock(minute=NOW + seconds // 60)) is None


def test_look_that_comes_early(scene: SignedScene) -> None:
    """A timer that fires just before the boundary is set again."""
    scene.clocks.wall = NOON + 59.9995
    scene.sleep(15)
    assert minutes(scene) == [NOW, NOW + 1, NOW + 2]


def test_times_are_noted(scene: SignedScene) -> None:
    """Once a minute, for this boot; each packet that counts notes where it lasts."""
    scene.sleep(59)
    before = (scene.directory / "run/run-notes").stat().st_size
    scene.sleep(2)
    assert (scene.directory / "run/run-notes").stat().st_size > before
    assert scene.reason(ANNE.knock()) is None
    scene.boot()
    assert scene.record.newest == NOON + 61
