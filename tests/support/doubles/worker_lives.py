"""The packet process's life in each of its states, and commands that tests expect of it."""

from __future__ import annotations

from knockd.keeper.worker_events import (
    Arm,
    Begin,
    ConfigChanged,
    Disarm,
    Ended,
    Event,
    Log,
    Looked,
    Said,
    State,
    Stop,
    Wait,
)
from knockd.keeper.worker_life import BACK_OFF, WorkerLife
from knockd.knocks.events import Stage
from knockd.net.selection import Scene
from knockd.process.verbs import Pong, Ready
from tests.support.doubles.conversation import Conversation
from tests.support.doubles.played import ALICE

ETH0, TUN0 = (2, 1), (3, 65_534)
HOME, MOVED = frozenset({b"\x0a\0\0\1"}), frozenset({b"\x0a\0\0\7"})
SCENE = Scene({"eth0": ETH0}, {"eth0": HOME}, frozenset({2}))
BOTH = Scene({"eth0": ETH0, "tun0": TUN0}, {"eth0": HOME, "tun0": frozenset()}, frozenset({2, 3}))
NOTHING = Scene()
READY, PONG, STAGE = Ready(""), Pong(), Stage(0, ALICE, 1)
STARTING = Log("starting", {"interface": "eth0"})
LISTENING = Log("listening", {"interface": "eth0"})
PAUSE = Arm(Wait.BACK_OFF, BACK_OFF[0])


def moved(old: State, new: State) -> Log:
    """The debug event of a change of state."""
    return Log("worker-state", {"old": old.value, "new": new.value})


def lost(reason: str = "it was killed", seconds: float = BACK_OFF[0]) -> Log:
    """The event of a packet process that is followed by another one after a pause."""
    return Log("worker-lost", {"reason": reason, "seconds": seconds})


def due(number: int, seconds: float = 5.0) -> Arm:
    """Half of an answer's time begins."""
    return Arm(Wait.ANSWER, seconds, number)


def done(number: int) -> Disarm:
    """No answer is due."""
    return Disarm(Wait.ANSWER, number)


class Life(WorkerLife):
    """A life that is brought to a state before the conversation."""

    def tell(self, *events: Event) -> Life:
        """Handles events, whatever they call for."""
        for event in events:
            self.handle(event, 100.0)
        return self


def new() -> Life:
    """Nothing has happened yet."""
    return Life()


def starting(scene: Scene = SCENE) -> Life:
    """The first packet process is starting."""
    return new().tell(Begin(), Looked(scene))


def up(scene: Scene = SCENE) -> Life:
    """The first packet process captures."""
    return starting(scene).tell(Said(1, READY))


def replacing(scene: Scene = SCENE) -> Life:
    """The second packet process is starting beside the first one."""
    return up(scene).tell(ConfigChanged(), Looked(scene))


def taking_over() -> Life:
    """The second packet process captures, and the first one is being read to its end."""
    return replacing().tell(Said(2, READY))


def waiting() -> Life:
    """The first packet process has ended."""
    return up().tell(Ended(1))


def none() -> Life:
    """There is nothing to listen on."""
    return new().tell(Begin(), Looked(NOTHING))


def ended() -> Life:
    """The daemon ends."""
    return up().tell(Stop())


LIVES = {
    State.NONE: none,
    State.STARTING: starting,
    State.UP: up,
    State.REPLACING: replacing,
    State.TAKING_OVER: taking_over,
    State.WAITING: waiting,
    State.ENDED: ended,
}


def play(life: WorkerLife) -> Conversation:
    """A conversation with a life; the clock stands at 100 seconds."""
    return Conversation(life.handle)
