"""States, events and commands of the packet process's life (worker_life).

Packet processes have numbers, in the order of their forks.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from knockd.knocks.watch import Watch
from knockd.net.selection import Scene
from knockd.process.figures import Figure
from knockd.process.verbs import Message
from knockd.process.view import View
from knockd_conf.classes import NamedTuple

if TYPE_CHECKING:
    from knockd.knocks.signed_watch import SignedWatch


class State(Enum):
    """Which packet processes there are."""

    NONE = "none"
    STARTING = "starting"
    UP = "up"
    REPLACING = "replacing"
    TAKING_OVER = "taking over"
    WAITING = "waiting"
    ENDED = "ended"


class Wait(Enum):
    """What a timer is for."""

    BACK_OFF = "another packet process is forked"
    REOPEN = "captures that failed are opened again"
    ANSWER = "half of an answer's time is over"


# Events.


class Begin(NamedTuple):
    """The daemon starts."""


class Stop(NamedTuple):
    """The daemon ends."""


class ConfigChanged(NamedTuple):
    """Another configuration is in effect, with other captures or another user."""


class DoorsChanged(NamedTuple):
    """Another configuration is in effect, whose doors alone are others: these are their watches.

    ``signed``: what is watched of signed knocks; None: there are none.
    """

    watches: tuple[Watch, ...]
    signed: SignedWatch | None = None


class SceneChanged(NamedTuple):
    """The kernel told of a change; ``ended``: indices of interfaces that were down or gone since ``Look``."""

    scene: Scene
    ended: frozenset[int] = frozenset()


class Looked(NamedTuple):
    """The answer to ``Look``: what there is to listen on."""

    scene: Scene


class StartFailed(NamedTuple):
    """Neither ``Look`` nor ``Fork`` may work: no process or descriptor is to be had."""

    reason: str


class Said(NamedTuple):
    """A packet process sent a message."""

    number: int
    message: Message


class Malformed(NamedTuple):
    """A packet process sent what is no message."""

    number: int
    reason: str


class Ended(NamedTuple):
    """A packet process closed its link, or is of no use any more for a reason of its own."""

    number: int
    reason: str = ""


class TooLong(NamedTuple):
    """A view could not be sent: the link takes none of its length."""

    number: int


class Drained(NamedTuple):
    """The answer to ``Drain``: all messages were read."""


class SequencesChanged(NamedTuple):
    """A one-time sequence was used, so the packet process that saw it needs other watches.

    ``latest`` are those of the configuration in effect, for the packet process that takes over.
    """

    number: int
    watches: tuple[Watch, ...]
    latest: tuple[Watch, ...]


class WatchesChanged(NamedTuple):
    """Other guards or sequences: the watches by the numbers of the packet processes."""

    watches: Mapping[int, tuple[Watch, ...]]


class SignedChanged(NamedTuple):
    """Other minutes, keys or ports of signed knocks, for the packet processes of these numbers."""

    signed: SignedWatch
    numbers: frozenset[int]


class Asked(NamedTuple):
    """The service manager's watchdog wants a sign of life within so many seconds."""

    seconds: float


class FiguresAsked(NamedTuple):
    """Somebody wants to know how the packet process is."""


class TimerFired(NamedTuple):
    """The time of an ``Arm`` is over."""

    wait: Wait
    number: int = 0


Event = (
    Begin
    | Stop
    | ConfigChanged
    | DoorsChanged
    | SceneChanged
    | Looked
    | StartFailed
    | Said
    | Malformed
    | Ended
    | TooLong
    | Drained
    | SequencesChanged
    | WatchesChanged
    | SignedChanged
    | Asked
    | FiguresAsked
    | TimerFired
)


# Commands.


class Look(NamedTuple):
    """Ask the kernel now what there is to listen on; answered by ``Looked`` or ``StartFailed``."""


class LookSoon(NamedTuple):
    """Ask the kernel a little later; answered by ``SceneChanged``."""


class Fork(NamedTuple):
    """Fork a packet process for a scene; it takes over from number ``beside``, if any."""

    number: int
    scene: Scene
    beside: int | None = None


class Drain(NamedTuple):
    """Read all that a packet process has said so far; answered by ``Drained``."""

    number: int


class HandOver(NamedTuple):
    """Close the link to a packet process: it hands over what it knows, and ends."""

    number: int


class Kill(NamedTuple):
    """Close the link of a packet process, kill it and forget its timer."""

    number: int


class SendView(NamedTuple):
    """Send a view to a packet process; answered by ``Ended`` or ``TooLong`` when that fails."""

    number: int
    view: View


class Arm(NamedTuple):
    """Start a timer, in place of the one for the same purpose."""

    wait: Wait
    seconds: float
    number: int = 0


class Disarm(NamedTuple):
    """Stop a timer."""

    wait: Wait
    number: int = 0


class Log(NamedTuple):
    """Log an event of the catalogue."""

    event: str
    fields: Mapping[str, Any]

    @staticmethod
    def of(event: str, **fields: object) -> Log:
        """An event with its fields."""
        return Log(event, fields)


class Hear(NamedTuple):
    """Act on an opening, or log a message; ``changing``: the next packet process may see the same packet."""

    number: int
    message: Message
    changing: bool


class Count(NamedTuple):
    """Add up what a packet process has counted."""

    number: int
    figure: Figure


class FiguresTold(NamedTuple):
    """Nothing more is said to ``FiguresAsked``."""


class TookOver(NamedTuple):
    """What is heard from now on comes from another packet process."""


class Up(NamedTuple):
    """A start or a reload is over: knocks are heard, or there is nothing yet to hear them on."""


class Alive(NamedTuple):
    """The packet process has shown that it is well."""


class GiveUp(NamedTuple):
    """End the daemon, as the first packet process cannot capture; ``status`` None: EX_SOFTWARE."""

    status: int | None
    reason: str


Command = (
    Look
    | LookSoon
    | Fork
    | Drain
    | HandOver
    | Kill
    | SendView
    | Arm
    | Disarm
    | Log
    | Hear
    | Count
    | FiguresTold
    | TookOver
    | Up
    | Alive
    | GiveUp
)
