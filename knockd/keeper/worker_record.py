"""What the keeper knows of one packet process: its captures, the answers it owes, what it may say.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import field

from knockd.keeper.worker_events import Arm, Command, Disarm, SendView, Wait
from knockd.process.figures import Figure, count_figures
from knockd.process.verbs import Lost, Message, Pong, Ready, When, verb_of
from knockd.process.view import View
from knockd.token_bucket import BURST, RATE, TokenBucket
from knockd_conf.classes import NamedTuple, dataclass

ANSWER = 10.0
"""Seconds in which a packet process must have started, or put a view into effect."""


OPENING = 0.25
"""The same for each interface, if that is more: the kernel alone takes 0.03 to open a ring."""


class Owed(NamedTuple):
    """An answer that is due in so many seconds; ``reload``: a reload is over when it comes.

    ``figures``: before it the packet process may say how it is.
    """

    seconds: float
    reload: bool = False
    figures: bool = False


@dataclass(slots=True)
class WorkerRecord:
    """A packet process that captures or is starting."""

    number: int
    interfaces: tuple[str, ...]
    """Those that it was forked to capture on."""
    lost: set[int] = field(default_factory=set)
    """Indexes of those whose captures have failed."""
    takes_over: bool = False
    """Whether it was forked beside another one, and waits for what that knows."""
    ready: bool = False
    """Whether it captures."""
    kept: str = ""
    """What it could not give up, and why."""
    owed: deque[Owed] = field(default_factory=deque)
    """The answers that are due, in order."""
    figures: int = 0
    """How many figures it has said since the last answer to a question for them."""
    late: bool = False
    """Whether half of the time for the next answer is over."""
    lines: TokenBucket = field(default_factory=lambda: TokenBucket(10 * BURST, 10 * RATE))
    """What it may still say that becomes a line of the log: ten times what it allows itself of each kind, so
    there is room for the signed packets that it lets through (``knocks/signed_limits``) and keeps for us."""

    @property
    def listening(self) -> tuple[str, ...]:
        """The interfaces that it captures on."""
        return tuple(name for index, name in enumerate(self.interfaces) if index not in self.lost)

    def why_malformed(self, message: Message, when: When, now: float) -> str:
        """Why the packet process may not say this in the state ``when``; empty: it may."""
        verb = verb_of(message)
        if verb.when not in {When.ANY, when}:
            return f"{verb.name} out of turn"
        if isinstance(message, Ready | Pong) and not self.owed:
            return f"{verb.name} that nobody asked for"
        if isinstance(message, Figure):
            return self._why_too_many(verb.name)
        if isinstance(message, Lost) and message.interface in self.lost:
            return "LOST twice"
        if verb.limited:
            self.lines.refill(now)
            if not self.lines.take():
                return "more than it may tell"
        return ""

    @property
    def is_asked(self) -> bool:
        """Whether it has been asked for figures and has not answered."""
        return any(one.figures for one in self.owed)

    def _why_too_many(self, name: str) -> str:
        """Why one more figure may not be said; empty: it may."""
        self.figures += 1
        asked = sum(one.figures for one in self.owed)
        if not asked:
            return f"{name} that nobody asked for"
        return (
            "more figures than there are"
            if self.figures > asked * count_figures(len(self.interfaces))
            else ""
        )

    def expect(
        self, seconds: float = ANSWER, *, reload: bool = False, figures: bool = False
    ) -> Iterator[Command]:
        """One more answer is due, at most ``seconds`` after the one before it."""
        self.owed.append(Owed(seconds, reload, figures))
        if len(self.owed) == 1:
            yield self._arm()

    def expect_start(self) -> Iterator[Command]:
        """It is to say that it captures."""
        yield from self.expect(max(ANSWER, OPENING * len(self.interfaces)))

    def send(self, view: View, seconds: float = ANSWER, *, reload: bool = False) -> Iterator[Command]:
        """Sends a view; the answer is due when it is in effect."""
        yield SendView(self.number, view)
        yield from self.expect(seconds, reload=reload, figures=view.figures)

    def unsent(self) -> Iterator[Command]:
        """The last view could not be sent, so no answer to it is due."""
        self.owed.pop()
        if not self.owed:
            yield Disarm(Wait.ANSWER, self.number)

    def answered(self) -> Command:
        """An answer came."""
        if self.owed.popleft().figures:
            self.figures = 0
        self.late = False
        return self._arm() if self.owed else Disarm(Wait.ANSWER, self.number)

    def wait_on(self) -> Command:
        """Half of the time is over; a keeper that was held up itself has heard nobody, so it waits on."""
        self.late = True
        return self._arm()

    def _arm(self) -> Command:
        return Arm(Wait.ANSWER, self.owed[0].seconds / 2, self.number)
