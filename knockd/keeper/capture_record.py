"""Which captures the latest packet process was forked for, and which of them have failed since.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from knockd.keeper.back_off import BackOff
from knockd.keeper.worker_events import Command, Log, LookSoon, Wait
from knockd.keeper.worker_record import WorkerRecord
from knockd.net.selection import Change, Scene, compare_scenes, without_interface
from knockd.process.verbs import Lost
from knockd.process.view import View

REOPEN = (0.5, 2.0, 8.0, 30.0)
"""Seconds until a capture that failed though its interface looks well is opened again."""

MOST_DEFERRED = 10
"""Looks for which a packet process that is starting may go on, so that no stream of news starves it."""


class Step(Enum):
    """What a look at the interfaces calls for."""

    GO_ON = "the packet process stays"
    DEFER = "look again: the packet process that is starting may come up first"
    RESTART = "captures have to be opened or closed"


class CaptureRecord:
    """Compares the captures of the latest packet process with the interfaces that there are."""

    def __init__(self) -> None:
        self.scene = Scene()
        """What the packet process was forked for, without captures that have ended since."""
        self._forked = 0.0
        self._deferred = 0
        self._failed: dict[str, str] = {}
        self._hopeless: dict[str, tuple[int, int]] = {}
        self.back_off = BackOff(Wait.REOPEN, REOPEN)

    @property
    def troubled(self) -> bool:
        """Whether captures have failed that another packet process may be able to open."""
        return bool(self._failed or self._hopeless)

    def forgive(self) -> None:
        """Forgets which interfaces could not be opened at all: they may be tried once more."""
        self._hopeless.clear()

    def restart(self, now: float) -> Iterator[Command]:
        """Forgets what failed: another packet process opens its captures anew."""
        yield from self.back_off.cancel()
        self._failed.clear()
        self._deferred = 0
        self._forked = now

    def fit(self, scene: Scene) -> Scene:
        """The scene without interfaces that could not be opened at all and are still the same."""
        for name, bound in self._hopeless.items():
            if scene.captures.get(name) == bound:
                scene = without_interface(scene, name)
        return scene

    def lose(self, worker: WorkerRecord, lost: Lost, *, latest: bool) -> Iterator[Command]:
        """A capture of a packet process failed, of the latest one or of the one before."""
        name = worker.interfaces[lost.interface]
        worker.lost.add(lost.interface)
        if lost.hopeless:
            yield Log.of("capture-failed", interface=name, reason=lost.reason)
        if not latest or name not in self.scene.captures:
            return
        if lost.hopeless:
            self._hopeless[name] = self.scene.captures[name]
            self.scene = without_interface(self.scene, name)
        else:
            self._failed[name] = lost.reason
            yield LookSoon()

    def judge(self, scene: Scene, ended: frozenset[int], *, starting: bool) -> Step:
        """What a scene calls for; ``ended``: indexes of interfaces that were down or gone meanwhile."""
        if compare_scenes(self.scene, self.fit(scene), ended) is not Change.OTHER:
            return Step.GO_ON
        if not starting or self._deferred == MOST_DEFERRED:
            return Step.RESTART
        self._deferred += 1
        return Step.DEFER

    def go_on(self, scene: Scene, workers: Iterable[WorkerRecord], now: float) -> Iterator[Command]:
        """The packet processes go on in a scene that has the same captures, or some fewer."""
        scene = self.fit(scene)
        if self.scene.addresses != scene.addresses or self.scene.own != scene.own:
            for worker in workers:
                yield from worker.send(View(scene.addresses, own=scene.own))
        if self.scene.captures.keys() != scene.captures.keys():
            yield Log.of("listening", interface=", ".join(scene.captures))
        self.scene = scene
        failed = {name: reason for name, reason in self._failed.items() if name in scene.captures}
        if not failed or self.back_off.pausing:
            return
        # Nothing has happened to their interfaces: not at once again and again.
        self.back_off.forgive(now - self._forked)
        pause = self.back_off.begin()
        for name, reason in failed.items():
            yield Log.of("capture-lost", interface=name, reason=reason, seconds=pause.seconds)
        yield pause
