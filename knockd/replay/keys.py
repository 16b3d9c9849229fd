"""What the keys of a configuration make at any time, asked of a child that alone has them.

What strangers have sent is parsed by the process that asks, so it has no key, and learns the sequences of
those times only that it comes to.

World: a child process, the time of day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from knockd.process.fork import fork_child
from knockd.replay.rotating import Base, RotatingWatches
from knockd.sequences.key_teller import KeyTeller
from knockd.sequences.rotating_watches import KeySequences
from knockd_conf.model import Config
from knockd_conf.text import printable
from knockd_conf.trust import TrustPolicy


def find_watches_now(config: Config, base: Base, say: Callable[[str], None]) -> RotatingWatches:
    """The watches of this moment, without a child that stays. ``say`` is told which doors are left out."""
    with Keys(config, say) as keys:
        return start_rotating(config, base, keys)


def start_rotating(config: Config, base: Base, keys: Keys) -> RotatingWatches:
    """Watches that are those of this moment, and may be moved on as long as ``keys`` is open."""
    made = RotatingWatches(base, config.doors, keys.ask)
    made.move_to(round(time.time() * 1e6))
    return made


class Keys:
    """The keys of all doors. Start it before rights are given up; what it cannot have it says, once."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self._doors = config.doors
        self._tell = say
        self._said: set[str] = set()
        self._teller: KeyTeller | None = None
        try:
            policy = TrustPolicy.current(allow_insecure=config.insecure)
            self._teller = KeyTeller(fork_child, config.doors, policy)
        except OSError as error:
            self._give_up(error)

    def __enter__(self) -> Keys:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child."""
        if self._teller is not None:
            self._teller.close()
            self._teller = None

    def ask(self, now: float) -> Sequence[KeySequences]:
        """The sequences around a time, in seconds since the epoch."""
        if self._teller is None:
            return ()
        try:
            told = self._teller.ask(now)
        except OSError as error:
            self._give_up(error)
            return ()
        for number, problem in told.problems.items():
            door = self._doors[number]
            path = printable(str(door.sequence_key))
            self._say(f"door {printable(door.name)} is left out: {path}: {problem}")
        return told.sequences

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._say(f"doors with a Sequence_Key are left out: {error.strerror}")

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._tell(text)
