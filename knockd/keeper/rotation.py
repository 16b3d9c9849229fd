"""The live sequences of one-time doors: where they come from and what follows an opening."""

from __future__ import annotations

from knockd.edge.state import read_one_time, strike_one_time
from knockd.keeper.reporter import Reporter
from knockd_conf.model import Config, Step
from knockd_conf.sequences import OneTimeFile

_NONE: tuple[Step, ...] = ()


class Rotation:
    """Live steps by the door's place in the configuration; no steps: the door is disabled."""

    def __init__(self, config: Config, reporter: Reporter) -> None:
        self._doors = config.doors
        self._reporter = reporter
        self.sequences: dict[int, tuple[Step, ...]] = {}
        for place, door in enumerate(config.doors):
            if door.one_time_file is not None:
                self.sequences[place] = self._load(place)

    def opened(self, place: int) -> dict[int, tuple[Step, ...]]:
        """Strikes the used sequence out; returns the door's next one for the packet process."""
        path = self._doors[place].one_time_file
        if path is None:
            return {}
        self.sequences[place] = self._strike(place, path)
        return {place: self.sequences[place]}

    def _load(self, place: int) -> tuple[Step, ...]:
        door = self._doors[place]
        assert door.one_time_file is not None
        try:
            held = read_one_time(door.one_time_file)
        except OSError as error:
            return self._disable(place, str(error.strerror))
        for problem in held.problems:
            self._reporter.say("one-time-line", level="warning", door=door.name, problem=problem)
        return self._live(place, held)

    def _strike(self, place: int, path: str) -> tuple[Step, ...]:
        try:
            return self._live(place, strike_one_time(path, self.sequences[place]))
        except OSError as error:
            return self._disable(place, str(error.strerror))
        except ValueError as error:
            return self._disable(place, str(error))

    def _live(self, place: int, held: OneTimeFile) -> tuple[Step, ...]:
        if held.live is None:
            self._reporter.say("one-time-exhausted", level="warning", door=self._doors[place].name)
            return _NONE
        return held.live.steps

    def _disable(self, place: int, problem: str) -> tuple[Step, ...]:
        door = self._doors[place]
        self._reporter.say(
            "one-time-problem", level="error", door=door.name, path=door.one_time_file, problem=problem
        )
        return _NONE
