"""The life of the packet process: all its transitions.

At most two packet processes count: ``current``, which captures, and ``next``, which is starting.

| state | event | commands | next state |
|---|---|---|---|
| any | Begin, ConfigChanged, TooLong, TimerFired(REOPEN) | Kill(next), Look | NONE, UP |
| any | TimerFired(BACK_OFF) | Look; none while next is starting | same; NONE, UP |
| NONE, UP, WAITING | Looked: something | Arm(ANSWER), Fork | STARTING, REPLACING |
| NONE, UP, WAITING | Looked: nothing | Up, Drain(current) | NONE, UP |
| any | StartFailed | Log, Up, Arm(BACK_OFF) | WAITING, UP |
| STARTING | Said(Ready) | TookOver, Log, Up, Alive | UP |
| REPLACING | Said(Ready) | HandOver(current), Arm(ANSWER) | TAKING_OVER |
| TAKING_OVER | Ended(current) | Kill(current), TookOver, SendView(next), Log, Up, Alive | UP |
| TAKING_OVER | whatever calls for another packet process | none | same; when it is UP as Begin, without Up |
| TAKING_OVER | SequencesChanged | none: what begins the next one says it | same |
| UP | Drained after Looked: nothing | Kill(current) | NONE |
| any | Said(Pong) | Disarm or Arm(ANSWER), Alive; to DoorsChanged Log and Up too | same |
| any | Said(Lost) | LookSoon; if it is hopeless Log | same |
| any | Said(Failed) | none: Ended follows | same |
| any | Said(anything else) | Hear | same |
| any | Said out of turn or beyond the limit, Malformed | Log, then as Ended | as Ended |
| any | TimerFired(ANSWER) | Arm(ANSWER); the second time Log, then as Ended | same; as Ended |
| any | Ended | Kill, Log, Up, Arm(BACK_OFF) | WAITING; STARTING or UP with the other one |
| any | SceneChanged: captures to open or close | LookSoon while next is starting; then as Begin | as Begin |
| any | SceneChanged: addresses | SendView(current), SendView(next) | same |
| any | SceneChanged: captures have ended | Log | same |
| any | SceneChanged: captures have failed on interfaces that are well | Log, Arm(REOPEN) | same |
| UP | DoorsChanged | SendView(current) | same |
| any other, or a capture or a start has failed | DoorsChanged | as ConfigChanged | as ConfigChanged |
| any other | SequencesChanged | SendView; while next is starting as Begin too | same; as Begin |
| any | WatchesChanged | SendView(current), SendView(next); in TAKING_OVER next begins with it | same |
| any | SignedChanged | SendView(current), SendView(next); in TAKING_OVER SendView(next) | same |
| any | Asked | SendView(current) | same |
| UP, REPLACING | FiguresAsked | SendView(current), none while its answer is due | same |
| any other | FiguresAsked | FiguresTold | same |
| any | Said(Pong) to FiguresAsked | FiguresTold too | same |
| any | Said(Counted), Said(Underway), Said(Totals) | Count | same |
| any, before the first Up | Said(Failed), Ended, StartFailed | Log, GiveUp, then as Stop | ENDED |
| any | Stop | Kill(current), Kill(next), Disarm | ENDED |

An event of a packet process that was let go does nothing, nor does any event once ENDED. Each change of
state is logged as the debug event ``worker-state``.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockd.keeper import worker_events as on
from knockd.keeper.back_off import BackOff
from knockd.keeper.capture_record import CaptureRecord, Step
from knockd.keeper.worker_events import Command, Event, Log, State, Wait
from knockd.keeper.worker_record import WorkerRecord
from knockd.knocks.events import Underway
from knockd.knocks.watch import Watch
from knockd.net.selection import Scene
from knockd.process.figures import Counted, Totals
from knockd.process.verbs import Failed, Lost, Message, Pong, Ready, When
from knockd.process.view import View

BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before another packet process is forked."""


HAND_OVER = 5.0
"""Seconds in which a packet process must have handed over and ended."""


class WorkerLife:
    """Decides what is done about packet processes; only ``handle`` changes it."""

    def __init__(self) -> None:
        self.current: WorkerRecord | None = None
        self.next: WorkerRecord | None = None
        self._captures = CaptureRecord()
        self._now = self._captures_since = 0.0
        self._forks = 0
        self._draining = self._begun = self._over = False
        self._handing_over = self._again = False
        self._latest: tuple[Watch, ...] | None = None  # what the next one is to begin with
        self._back_off = BackOff(Wait.BACK_OFF, BACK_OFF)
        self._news = "starting"  # the first time that a packet process captures; "listening" from then on
        self._failure = self._logged_failure = self._logged_kept = ""

    @property
    def state(self) -> State:
        """Which packet processes there are."""
        if self._over:
            return State.ENDED
        if self.next is not None:
            if self.next.ready:
                return State.TAKING_OVER
            return State.STARTING if self.current is None else State.REPLACING
        if self.current is not None:
            return State.UP
        return State.WAITING if self._back_off.pausing else State.NONE

    @property
    def is_failing(self) -> bool:
        """Whether the last packet process could not be started, or ended: another one follows."""
        return self._back_off.pausing

    @property
    def scene(self) -> Scene:
        """What was there to be listened on at the last look."""
        return self._captures.scene

    @property
    def _workers(self) -> tuple[WorkerRecord, ...]:
        return tuple(one for one in (self.current, self.next) if one is not None)

    def handle(self, event: Event, now: float) -> list[Command]:
        """Takes an event at ``now`` seconds of a steady clock; returns what is to be done, in order."""
        before = self.state
        if before is State.ENDED:
            return []
        self._now = now
        commands = list(self._handle(event))
        self._begun |= any(isinstance(command, on.Up) for command in commands)
        if self.state is not before:
            commands.insert(0, Log.of("worker-state", old=before.value, new=self.state.value))
        return commands

    def _handle(self, event: Event) -> Iterator[Command]:
        match event:
            case on.Begin():
                yield from self._restart()
            case on.Stop():
                yield from self._stop()
            case on.ConfigChanged():
                yield from self._change_config()
            case on.DoorsChanged(watches, signed):
                failed = self._captures.troubled or self._back_off.pausing
                if self.current is None or self.next is not None or failed:
                    yield from self._change_config()
                else:
                    yield from self.current.send(View(watches=watches, signed=signed), reload=True)
            case on.SceneChanged(scene, ended):
                step = self._captures.judge(scene, ended, starting=self.next is not None)
                if step is Step.GO_ON:
                    yield from self._captures.go_on(scene, self._workers, self._now)
                elif step is Step.DEFER:
                    yield on.LookSoon()
                else:
                    yield from self._restart()
            case on.Looked(scene):
                yield from self._start(self._captures.fit(scene))
            case on.StartFailed(reason):
                yield from self._not_started(reason)
            case on.Drained():
                yield from self._drained()
            case on.WatchesChanged(watches) if self._handing_over:
                if self.next is not None and self.next.number in watches:
                    self._latest = watches[self.next.number]
            case on.WatchesChanged(watches):
                for worker in self._workers:
                    if worker.number in watches:
                        yield from worker.send(View(watches=watches[worker.number]))
            case on.SignedChanged(signed, numbers):
                for worker in self._workers:
                    if worker.number in numbers and not (self._handing_over and worker is self.current):
                        yield from worker.send(View(signed=signed))
            case on.Asked(seconds):
                if self.current is not None and not self._handing_over:
                    yield from self.current.send(View(), seconds)
            case on.FiguresAsked():
                if self.current is None or self._handing_over:
                    yield on.FiguresTold()
                elif not self.current.is_asked:
                    yield from self.current.send(View(figures=True))
            case on.TimerFired(Wait.BACK_OFF):
                self._back_off.pausing = False
                if self.next is None:  # else it takes over soon
                    yield from self._restart()
            case on.TimerFired(Wait.REOPEN):
                self._captures.back_off.pausing = False
                yield from self._restart()
            case _:
                for worker in self._workers:
                    if worker.number == event.number:
                        yield from self._handle_of(worker, event)

    def _handle_of(self, worker: WorkerRecord, event: Event) -> Iterator[Command]:
        """An event of one packet process."""
        match event:
            case on.Said(_, message):
                when = When.STARTING if worker is self.next else When.UP
                if reason := worker.why_malformed(message, when, self._now):
                    yield from self._handle_of(worker, on.Malformed(worker.number, reason))
                else:
                    yield from self._said(worker, message)
            case on.Malformed(_, reason):
                yield Log.of("worker-malformed", reason=reason)
                yield from self._ended(worker, "malformed message")
            case on.Ended(_, reason):
                yield from self._ended(worker, reason)
            case on.SequencesChanged(_, _, latest) if worker is self.current and self._handing_over:
                self._latest = latest
            case on.SequencesChanged(_, watches):
                yield from worker.send(View(watches=watches))
                if self.next is not None:  # it may know the used sequence
                    yield from self._restart()
            case on.TooLong():  # another one is forked with what the view says
                yield from worker.unsent()
                yield from self._restart()
            case on.TimerFired() if not worker.late:
                yield worker.wait_on()
            case on.TimerFired():
                yield Log.of("worker-silent", seconds=worker.owed[0].seconds)
                yield from self._ended(worker, "does not answer")

    # Starts.

    def _change_config(self) -> Iterator[Command]:
        self._captures.forgive()
        yield from self._restart()

    def _restart(self) -> Iterator[Command]:
        """Another packet process takes over as soon as it captures."""
        if self.next is not None and self.next.ready:
            self._again = True  # the one before can no longer be called back
            return
        yield from self._back_off.cancel()
        yield from self._captures.restart(self._now)
        if self.next is not None:
            yield on.Kill(self.next.number)
        self.next, self._draining = None, False
        yield on.Look()

    def _start(self, scene: Scene) -> Iterator[Command]:
        self._captures.scene = scene
        if scene.captures:
            self._forks += 1
            self.next = WorkerRecord(self._forks, tuple(scene.captures), takes_over=self.current is not None)
            yield from self.next.expect_start()
            yield on.Fork(self._forks, scene, None if self.current is None else self.current.number)
            return
        yield on.Up()  # waiting is all that can be done
        if self.current is not None:
            self._draining = True
            yield on.Drain(self.current.number)

    def _not_started(self, reason: str) -> Iterator[Command]:
        """The packet process that captures, if any, goes on."""
        if self.next is not None:
            yield on.Disarm(Wait.ANSWER, self.next.number)
        self.next = None
        self._failure = f"no packet process can be started: {reason}"
        yield from self._pause()

    def _drained(self) -> Iterator[Command]:
        if self._draining:  # else what the old one said has called for another one
            self._draining = False
            yield from self._let_go()

    def _take_over(self, worker: WorkerRecord) -> Iterator[Command]:
        yield from self._let_go()
        self.current, self.next = worker, None
        self._captures_since = self._now
        self._logged_failure = ""
        yield on.TookOver()
        if worker.takes_over:
            yield from worker.send(View(watches=self._latest, begin=True))
        self._latest = None
        if self._again:
            self._again = False
            yield from self._restart()
            return
        yield from self._listening(worker)
        if worker.kept not in {"", self._logged_kept}:
            yield Log.of("privileges", reason=worker.kept)
        self._logged_kept = worker.kept
        yield on.Alive()

    def _listening(self, worker: WorkerRecord) -> Iterator[Command]:
        if worker.listening:  # else all have gone just now, and we hear of it
            yield Log.of(self._news, interface=", ".join(worker.listening))
            self._news = "listening"
            yield on.Up()

    def _let_go(self) -> Iterator[Command]:
        yield from self._back_off.cancel()
        if self.current is not None:
            yield on.Kill(self.current.number)
        self.current, self._handing_over = None, False

    def _said(self, worker: WorkerRecord, message: Message) -> Iterator[Command]:
        match message:
            case Failed(status, reason):
                self._failure = reason
                if not self._begun:
                    yield from self._give_up(status, reason)
            case Ready(kept):
                worker.kept, worker.ready = kept, True
                yield worker.answered()
                if self.current is None:
                    yield from self._take_over(worker)
                elif not self._handing_over:
                    self._handing_over = True
                    yield on.HandOver(self.current.number)
                    yield from self.current.expect(HAND_OVER, figures=True)  # that it ends
            case Pong():
                owed = worker.owed[0]
                yield worker.answered()
                if owed.reload:
                    yield from self._listening(worker)
                if owed.figures:
                    yield on.FiguresTold()
                yield on.Alive()
            case Counted() | Underway() | Totals():
                yield on.Count(worker.number, message)
            case Lost():
                latest = worker is (self.next or self.current)
                yield from self._captures.lose(worker, message, latest=latest)
            case _:
                yield on.Hear(worker.number, message, changing=self.next is not None)

    # Ends.

    def _ended(self, worker: WorkerRecord, reason: str) -> Iterator[Command]:
        if worker is self.current and self.next is not None and self.next.ready:
            yield from self._take_over(self.next)
            return
        self._failure = reason or self._failure
        yield on.Kill(worker.number)
        if worker is self.next:
            self.next, self._draining = None, False
        else:
            self.current, self._handing_over = None, False
            self._back_off.forgive(self._now - self._captures_since)
        yield from self._pause()

    def _pause(self) -> Iterator[Command]:
        """Another packet process is forked after a while."""
        if self._back_off.pausing:
            return
        reason, self._failure = self._failure or "it was killed", ""
        if not self._begun:
            yield from self._give_up(None, f"the packet process ended before it could listen ({reason})")
            return
        pause = self._back_off.begin()
        if reason != self._logged_failure:
            yield Log.of("worker-lost", reason=reason, seconds=pause.seconds)
        self._logged_failure = reason
        yield on.Up()  # a reload is over, whatever became of it
        yield pause

    def _give_up(self, status: int | None, reason: str) -> Iterator[Command]:
        yield Log.of("worker-failed", reason=reason)
        yield on.GiveUp(status, reason)
        yield from self._stop()

    def _stop(self) -> Iterator[Command]:
        yield from self._back_off.cancel()
        yield from self._captures.restart(self._now)
        for worker in self._workers:
            yield on.Kill(worker.number)
        self.current = self.next = None
        self._over = True
