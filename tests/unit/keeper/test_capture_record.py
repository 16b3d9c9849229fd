"""What the interfaces that there are mean for the captures of the packet process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.keeper.capture_record import MOST_DEFERRED, REOPEN, CaptureRecord, Step
from knockd.keeper.worker_events import Arm, Log, LookSoon, SendView, Wait
from knockd.keeper.worker_record import WorkerRecord
from knockd.net.selection import Scene
from knockd.process.verbs import Lost
from knockd.process.view import View
from tests.support.doubles.worker_lives import BOTH, MOVED, NOTHING, SCENE

FAILED = Lost(0, False, "eth0: no buffer")
HOPELESS = Lost(0, True, "eth0: no link type")


def worker(*interfaces: str) -> WorkerRecord:
    """A packet process."""
    return WorkerRecord(1, interfaces or ("eth0",))


@pytest.fixture
def record() -> CaptureRecord:
    """A packet process was forked for eth0 at 100 seconds."""
    made = CaptureRecord()
    list(made.restart(100.0))
    made.scene = SCENE
    return made


@pytest.mark.parametrize("scene", [SCENE, replace(SCENE, addresses={"eth0": MOVED})])
def test_go_on(record: CaptureRecord, scene: Scene) -> None:
    """With the same captures the packet process goes on."""
    assert record.judge(scene, frozenset(), starting=True) is Step.GO_ON


@pytest.mark.parametrize(
    ("scene", "ended"), [(BOTH, frozenset()), (SCENE, frozenset({2})), (NOTHING, frozenset())]
)
def test_restart(record: CaptureRecord, scene: Scene, ended: frozenset[int]) -> None:
    """Captures to open, dead ones and none at all call for another packet process."""
    assert record.judge(scene, ended, starting=False) is Step.RESTART


def test_defer(record: CaptureRecord) -> None:
    """A packet process that is starting gets some looks of time, and its successor as many."""
    steps = [record.judge(BOTH, frozenset(), starting=True) for _ in range(MOST_DEFERRED + 1)]
    list(record.restart(101.0))
    assert steps == [*[Step.DEFER] * MOST_DEFERRED, Step.RESTART]
    assert record.judge(BOTH, frozenset(), starting=True) is Step.DEFER


def test_failed(record: CaptureRecord) -> None:
    """A capture that failed is opened again, each time after a longer pause."""
    for seconds in (*REOPEN, REOPEN[-1]):
        assert list(record.lose(worker(), FAILED, latest=True)) == [LookSoon()]
        assert list(record.go_on(SCENE, (), 100.0)) == [
            Log("capture-lost", {"interface": "eth0", "reason": FAILED.reason, "seconds": seconds}),
            Arm(Wait.REOPEN, seconds),
        ]
        record.back_off.pausing = False
        list(record.restart(100.0))


def test_nothing_failed(record: CaptureRecord) -> None:
    """What failed is forgotten with the packet process that it happened to."""
    list(record.lose(worker(), FAILED, latest=True))
    list(record.restart(100.0))
    assert list(record.go_on(SCENE, (), 100.0)) == []


def test_unknown(record: CaptureRecord) -> None:
    """A capture that was not to be opened cannot be lost."""
    assert list(record.lose(worker("tun0"), FAILED, latest=True)) == []
    assert list(record.go_on(SCENE, (), 100.0)) == []


def test_hopeless(record: CaptureRecord) -> None:
    """An interface that cannot be opened is left out until it is another one, or all is forgiven."""
    assert list(record.lose(worker(), HOPELESS, latest=True)) == [
        Log.of("capture-failed", interface="eth0", reason=HOPELESS.reason)
    ]
    other = replace(SCENE, captures={"eth0": (2, 65_534)})
    assert record.scene.captures == {}
    assert record.fit(SCENE).captures == {}
    assert record.fit(other) == other
    record.forgive()
    assert record.fit(SCENE) == SCENE


def test_the_one_before(record: CaptureRecord) -> None:
    """What the packet process before the latest one loses calls for nothing."""
    assert list(record.lose(worker(), FAILED, latest=False)) == []
    assert list(record.go_on(SCENE, (), 100.0)) == []


def test_addresses(record: CaptureRecord) -> None:
    """Other addresses are sent to every packet process."""
    view = View({"eth0": MOVED}, own=frozenset())
    commands = list(record.go_on(replace(SCENE, addresses={"eth0": MOVED}), (worker(), worker()), 100.0))
    assert [command for command in commands if isinstance(command, SendView)] == [SendView(1, view)] * 2
