"""Doors with keys without children and clocks: a test sets the time, and says what key files hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from knockd.keeper.key_setup import KeySetup
from knockd.process.answer_child import AnswerChild
from knockd.sequences.burnt_periods import BurntPeriods
from knockd.sequences.derived_keys import Answer, Question, derive_keys, write_answers
from knockd.sequences.key_child import end_of_day
from knockd.sequences.key_record import KeyRecord
from knockd.sequences.keyed_doors import KeyedDoors
from knockd.sequences.recorded_clock import RecordedClock
from knockd.sequences.trusted_clock import Reading
from knockd_conf.key_file import KeyFile, NamedKey, format_key, parse_keys
from knockd_conf.model import ClockTrust, Config, Door, Options
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.manual_loop import ManualLoop

PATH = "/etc/knockd/keys"
NOON = 1_790_000_010.0
"""The first moment of a period of 30 s, and of one of 10 s."""

ANNE, BOB = NamedKey("anne", bytes(range(32))), NamedKey("bob", bytes(range(32, 64)))
POLICY = TrustPolicy(enforce=True, owners=frozenset({0, os.getuid()}))


def keyed_door(name: str = "ssh", path: str = PATH, **fields: Any) -> Door:
    """A door with a key."""
    return Door(name, "/etc/knockd.conf", 1, (), sequence_key=path, **fields)


def keyed_config(*doors: Door, state_dir: str = "", clock: ClockTrust = ClockTrust.SYNCHRONISED) -> Config:
    """A configuration of these doors."""
    options = Options(interface=("eth0",), state_dir=state_dir, clock=clock)
    return Config("/etc/knockd.conf", options, doors, "host", ("/etc/knockd.conf",))


def text_of(*keys: NamedKey) -> bytes:
    """A key file."""
    return "".join(f"{format_key(key)}\n" for key in keys).encode()


class Clocks:
    """A wall clock and a steady one, which a test moves."""

    def __init__(self, wall: float = NOON) -> None:
        self.wall, self.steady, self.loose = wall, 1_000.0, ""

    def __call__(self) -> Reading:
        """What they show."""
        return Reading(self.wall, self.steady, self.loose)

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.wall += seconds
        self.steady += seconds


class AnsweringChild:
    """A child that has answered, or (None) hangs; ``fileno`` can be read then."""

    def __init__(self, answer: bytes | ValueError | None) -> None:
        self._answer = answer
        self.killed = self.collected = False
        self._reader, writer = os.pipe()
        self._writer: int | None = writer
        if answer is not None:
            os.close(writer)
            self._writer = None

    def fileno(self) -> int:
        """The end of its pipe."""
        return self._reader

    def read_some(self) -> bool:
        """All has come."""
        return False

    def take_answer(self) -> bytes:
        """What it has said."""
        if isinstance(self._answer, ValueError):
            raise self._answer
        assert self._answer is not None
        return self._answer

    def kill(self) -> None:
        """It ends."""
        assert not self.killed
        self.killed = True
        os.close(self._reader)
        if self._writer is not None:
            os.close(self._writer)

    def collect(self) -> bool:
        """It has ended."""
        self.collected = True
        return True


class KeyedHost:
    """A host with key files, whose daemon has doors with keys. ``said`` are the lines of its log.

    ``files`` are the key files by their path: their text, or why they cannot be read. ``fault``: what becomes
    of the next children: they fail, cannot be started or (None) hang.
    """

    def __init__(self, directory: Path, *doors: Door, wall: float = NOON) -> None:
        self.loop, self.clocks = ManualLoop(), Clocks(wall)
        self.directory = directory
        self.files: dict[str, bytes | str] = {PATH: text_of(ANNE, BOB)}
        self.fault: Callable[[], AnsweringChild] | None = None
        self.children: list[AnsweringChild] = []
        self.questions: list[tuple[Question, ...]] = []
        self.changed = wall - 86_400
        """When the files were changed last."""
        self.said: list[str] = []
        self.changes = 0
        self.in_memory = False
        """Whether a reboot empties StateDir."""
        self.config = keyed_config(*(doors or (keyed_door(),)), state_dir=str(directory / "state"))
        self.doors = self.make_doors()

    def make_record(self) -> KeyRecord:
        """The notes of another start."""
        state = self.config.options.state_dir
        run = str(self.directory / "run")
        return KeyRecord(state, run, "run-notes", POLICY, self.log, lambda _: self.in_memory)

    def make_doors(self) -> KeyedDoors:
        """The doors of another start."""
        self.record = self.make_record()
        start = cast(Callable[[Sequence[Question], float], AnswerChild], self.start)
        clock = RecordedClock(self.log, self.record, self.clocks)
        made = KeyedDoors(self.loop.loop, self.log, BurntPeriods(self.record), clock, start)
        made.changed = self.count
        return made

    def setup(self) -> KeySetup:
        """What the daemon holds these doors by."""
        made = KeySetup(self.loop.loop, self.log, self.config)
        made.made, made.changed = self.doors, self.count
        self.doors.changed = made.tell
        return made

    def log(self, event: str, **fields: Any) -> None:
        """A line of the log."""
        self.said.append(" ".join((event, *map(str, fields.values()))))

    def count(self) -> None:
        """Other sequences are live."""
        self.changes += 1

    def start(self, questions: Sequence[Question], now: float) -> AnsweringChild:
        """Starts a child."""
        self.questions.append(tuple(questions))
        if self.fault is not None:
            child = self.fault()
        else:
            child = AnsweringChild(write_answers([self._answer(one, now) for one in questions]))
        self.children.append(child)
        return child

    def _answer(self, question: Question, now: float) -> Answer:
        held = self.files.get(question.path, "No such file or directory")
        if isinstance(held, str):
            return Answer(problem=held)
        found: KeyFile = parse_keys(held)
        return derive_keys(question, found, now, end_of_day, self.changed)

    def begin(self) -> None:
        """The daemon starts, and its first child answers."""
        self.doors.adopt(self.config)
        self.loop.deliver()

    def restart(self) -> None:
        """Another daemon starts with what the one before has noted: that was killed."""
        self.loop = ManualLoop()
        self.doors = self.make_doors()
        self.begin()

    def sleep(self, seconds: float) -> None:
        """Time passes; timers fire when they are due, and children answer."""
        end = self.loop.now + seconds
        while due := [one for one in self.loop.timers if not one.cancelled and one.due <= end]:
            timer = min(due, key=lambda one: one.due)
            self._pass(max(0.0, timer.due - self.loop.now))
            timer.cancel()
            timer.callback()
            self.loop.deliver()
        self._pass(end - self.loop.now)

    def look_after(self, seconds: float) -> None:
        """The wall clock moves on and is looked at, and children answer; no other timer fires."""
        self.clocks.sleep(seconds)
        self.doors._look_now()
        self.loop.deliver()

    def _pass(self, seconds: float) -> None:
        self.loop.now += seconds
        self.clocks.sleep(seconds)
