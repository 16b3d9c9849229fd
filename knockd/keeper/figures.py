"""What the packet process says of itself: it is asked when somebody asks us, and the answer is shared.

Nothing runs while nobody asks. Counts go on over packet processes: of one that was killed what it had not
said is missing.

Loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from knockd.keeper.live_doors import count_steps
from knockd.keeper.worker_process import WorkerProcess
from knockd.knocks.events import Underway
from knockd.process.figures import Counted, Figure, Totals
from knockd.process.loop import Loop, Timer
from knockd_conf.classes import NamedTuple
from knockd_conf.text import address_text

EVERY = 0.2
"""Seconds for which an answer is as good as new."""

PATIENCE = 1.0
"""Seconds until who asks gets an answer without figures."""

MOST_INTERFACES = 200
"""Interfaces that are counted each by its name: ppp0 of today and veth12345 of a container come and go."""

OTHERS = "(others)"
"""The name of what is counted together."""


class Attempt(NamedTuple):
    """An attempt under way, ``left``: seconds until it is forgotten."""

    address: str
    door: str
    stage: int
    steps: int
    left: int


class Figures(NamedTuple):
    """What the packet process has said: of each interface that it captures on, and of attempts.

    What an interface has brought counts from the daemon's start. ``total`` counts all attempts; None: it has
    said nothing in time.
    """

    interfaces: Mapping[str, Counted] = {}
    attempts: tuple[Attempt, ...] = ()
    total: int | None = None


class FigureBook:
    """Adds up what all packet processes have counted, and holds what the latest one says."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        """Frames by the name of the interface."""
        self.dropped: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        """How many there were: begun, guarded, spoiled, expired, ignored."""
        self._last: dict[tuple[int, str], Figure] = {}
        self._interfaces: dict[str, Counted] = {}
        self._attempts: list[Attempt] = []
        self._total: int | None = None

    def hear(self, number: int, worker: WorkerProcess, figure: Figure) -> None:
        """A packet process says a figure; ``number`` tells it from others."""
        match figure:
            case Counted():
                name = worker.interfaces[figure.interface]
                received, dropped = self._find_news(number, name, figure, ("received", "missed"))
                known = name in self.received or len(self.received) < MOST_INTERFACES
                key = name if known else OTHERS
                self.received[key] += received
                self.dropped[key] += dropped
                if known:
                    figure = figure._replace(received=self.received[key], missed=self.dropped[key])
                self._interfaces[name] = figure
            case Totals():
                names = figure._fields[1:]
                self.events.update(dict(zip(names, self._find_news(number, "", figure, names), strict=True)))
                self._total = figure.attempts
            case Underway():
                door, address = worker.doors.known[figure.door], address_text(figure.source)
                steps = max(figure.stage, count_steps(door))
                self._attempts.append(Attempt(address, door.name, figure.stage, steps, figure.left))

    def _find_news(self, number: int, name: str, figure: Figure, fields: tuple[str, ...]) -> list[int]:
        """How much greater fields of a figure are than this packet process said last; never less than 0."""
        last = self._last.get((number, name))
        self._last[number, name] = figure
        return [max(0, getattr(figure, field) - (getattr(last, field) if last else 0)) for field in fields]

    def forget(self, number: int) -> None:
        """A packet process has ended."""
        self._last = {key: figure for key, figure in self._last.items() if key[0] != number}

    def take(self) -> Figures:
        """What has been said since the last call."""
        taken = Figures(self._interfaces, tuple(self._attempts), self._total)
        self._interfaces, self._attempts, self._total = {}, [], None
        return taken


class FigureDesk:
    """Asks the packet process for whoever asks; ``ask`` sends the question."""

    def __init__(self, loop: Loop, ask: Callable[[], None]) -> None:
        self.book = FigureBook()
        self._loop = loop
        self._ask = ask
        self._waiting: list[Callable[[Figures], None]] = []
        self._timer: Timer | None = None
        self._answer = Figures()
        self._answered: float | None = None

    def ask(self, done: Callable[[Figures], None]) -> None:
        """Calls ``done`` with an answer in a later turn of the loop; one that is as good as new is shared."""
        if self._answered is not None and self._loop.time() < self._answered + EVERY:
            self._loop.call_soon(done, self._answer)
            return
        self._waiting.append(done)
        if len(self._waiting) == 1:
            self._timer = self._loop.call_later(PATIENCE, self.finish)
            self.book.take()  # of an answer that came too late
            self._ask()

    def finish(self) -> None:
        """All has been said that there is to say, or it has taken too long."""
        waiting, self._waiting = self._waiting, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if waiting:
            self._answer, self._answered = self.book.take(), self._loop.time()
        for done in waiting:
            self._loop.call_soon(done, self._answer)
