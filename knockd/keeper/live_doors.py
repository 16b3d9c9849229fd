"""The doors by the numbers that a packet process uses, and their watches with the sequences that are live.

A door keeps its number over reloads: what was said just before one is about the same door.

World: one-time files and the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from knockd.keeper.key_setup import KeySetup
from knockd.keeper.signed_setup import SignedSetup
from knockd.knocks.guards import REACH, guard_rules
from knockd.knocks.taken import Taken, number_of
from knockd.knocks.watch import Watch, watches_of
from knockd.log.logger import Logger
from knockd.sequences.rotating_watches import KeySequences, make_watches
from knockd.sequences.rotation import Rotated, Rotation
from knockd.sequences.used_sequences import UsedSequences
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door
from knockd_conf.trust import TrustPolicy

MOST_DOORS = 1 << 16
"""A number of a door has two bytes on the link."""


class GuardChange(NamedTuple):
    """The watches with the guards of now, and how many guards are none any more for being taken."""

    watches: tuple[Watch, ...]
    lost: int


class Rotating(NamedTuple):
    """A door with a key: why it waits (None: it can be opened), the names of its keys, and its periods.

    ``period`` has so many seconds; ``left`` is what is left of the one of now, None where no clock says so.
    """

    waiting: str | None
    keys: tuple[str, ...]
    period: int
    left: float | None


class LiveDoors:
    """``known`` has every door by its number, also those that a reload has removed.

    ``keyed`` knows the sequences of doors with keys, for all packet processes, and ``signed`` which doors
    signed knocks open.
    """

    def __init__(
        self,
        config: Config,
        logger: Logger,
        noted: UsedSequences,
        keyed: KeySetup,
        signed: SignedSetup,
    ) -> None:
        self.known: list[Door] = []
        self._numbers: dict[tuple[str, int, str | None], int] = {}
        self._config = config
        self._taken = Taken()
        self._keyed, self._signed = keyed, signed
        policy = TrustPolicy.current(allow_insecure=config.insecure)
        self._rotation = Rotation(config.doors, logger, noted, policy)
        self._number_doors()

    def adopt(self, config: Config) -> bool:
        """Takes the doors of another configuration; False: there are no numbers left for them."""
        if len(self.known) + len(config.doors) > MOST_DOORS:
            return False
        self._config = config
        self._rotation.load_files(config.doors)
        self._number_doors()
        return True

    def _number_doors(self) -> None:
        for door in self._config.doors:
            number = self._numbers.setdefault(_identity(door), len(self.known))
            self.known[number : number + 1] = [door]

    def rotate(self, number: int, serial: int | None = None) -> Rotated:
        """Strikes the used sequence of a door out; a door with a fixed sequence keeps it.

        ``serial``: that of the sequence's watch; None: the sequence is the live one.
        """
        return self._rotation.rotate(self.known[number], serial)

    def name_one_time(self) -> Iterator[tuple[str, str]]:
        """The doors of the configuration with a live one-time sequence, and the name of that."""
        for door in self._config.doors:
            if name := self._rotation.name_live(door):
                yield door.name, name

    def strike(self, door: str, name: str) -> Rotated | None:
        """Strikes a one-time sequence out that is used elsewhere; None: it is not live any more."""
        for number in self._numbers.values():
            known = self.known[number]
            if known.name == door and known in self._config.doors and self._rotation.name_live(known) == name:
                return self.rotate(number)
        return None

    def reload_files(self) -> None:
        """Reads the one-time files once more: others than we have changed them."""
        self._rotation.load_files(self._config.doors)

    def find_disabled(self) -> set[tuple[str, int]]:
        """Name and occurrence of each door whose sequence cannot be used, or that no signed knock opens."""
        disabled = filter(self._is_disabled, self._config.doors)
        return {(door.name, door.occurrence) for door in disabled}

    def _is_disabled(self, door: Door) -> bool:
        """Whether no sequence opens it; of one without a sequence, whether no signed knock does."""
        if door.sequence_key is not None:
            return self._keyed.get().why_waiting(door) is not None
        if door.is_signed_alone:
            return self._signed.why_waiting(door) is not None
        return self._rotation.is_disabled(door)

    def explain_disabled(self, door: Door) -> str | None:
        """Why no knock opens a door of the configuration now, None where one does."""
        unsigned = self._signed.why_waiting(door)
        if not self._is_disabled(door) or (door.is_signed and unsigned is None):
            return None
        if door.sequence_key is not None:
            return f"no knock opens it now: {self._keyed.get().why_waiting(door)}"
        if unsigned is not None:
            return f"no knock opens it now: {unsigned}"
        return "no knock opens it: no sequence is left in its file"

    def find_signed(self) -> dict[tuple[str, int], str | None]:
        """Why no signed knock opens each door that has a port of them, by its identity; None: one does."""
        return {
            (door.name, door.occurrence): self._signed.why_waiting(door)
            for door in self._config.doors
            if door.is_signed
        }

    def find_rotating(self) -> dict[tuple[str, int], Rotating]:
        """How each door with a key is, by its name and occurrence."""
        if not self.have_keys:
            return {}
        keyed = self._keyed.get()
        return {
            (door.name, door.occurrence): Rotating(
                keyed.why_waiting(door), keyed.names(door), door.sequence_period, keyed.seconds_to_next(door)
            )
            for door in self._config.doors
            if door.sequence_key is not None
        }

    @property
    def have_keys(self) -> bool:
        """Whether a door of the configuration has a key."""
        return any(door.sequence_key is not None for door in self._config.doors)

    def set_taken(self, taken: Taken) -> GuardChange | None:
        """Takes the ports that can be no automatic guards; returns what changes by it, if anything does."""
        if not self._is_near(self._taken, taken):
            self._taken = taken
            return None
        before = self.watches()
        self._taken = taken
        after = self.watches()
        if after == before:
            return None
        lost = (
            (old.door, number_of(port))
            for old, new in zip(before, after, strict=True)
            for port in {*old.guards} - {*new.guards}
        )
        return GuardChange(after, sum(not self.may_guard(*one) for one in lost))

    def _is_near(self, before: Taken, after: Taken) -> bool:
        """Whether a guard may be another one: sockets come and go all day, most of them far from any step."""
        if before._replace(in_use=after.in_use) != after:
            return True
        changed = before.in_use ^ after.in_use
        if any(port in changed for port in self._ports_of_keys()):
            return True
        steps = chain.from_iterable(map(self._rotation.steps, self._config.doors)) if changed else ()
        return any(abs(number_of(step) - port) <= REACH for step in steps for port in changed)

    def _ports_of_keys(self) -> Iterator[int]:
        """The ports that guards of doors with keys are chosen from, as ``protocol << 16 | port``."""
        for keyed in self._list_keyed():
            for ports in keyed.ports.values():
                for port in (*ports.steps, *ports.guards):
                    yield port.protocol << 16 | port.port

    def may_guard(self, number: int, port: int) -> bool:
        """Whether a port, as ``protocol << 16 | port``, can be a guard of a door now."""
        door = self.known[number]
        auto = door.sequence_key is not None or (door.guard_ports or self._config.options.guard_ports).auto
        return not auto or self._taken.why(port, routed=bool(door.target)) is None

    def commands(self) -> Iterator[str]:
        """Every command of every door that is known, and every program that is named of one."""
        for door in self.known:
            yield from door.commands()
            for facts in door.facts:
                yield from facts.programs

    def watches(self) -> tuple[Watch, ...]:
        """A watch for each door of the configuration, and behind them those of doors with keys.

        Guards follow the live sequences: no port that is a knock today may be a guard.
        """
        doors, rotation = self._config.doors, self._rotation
        plain = tuple(
            replace(watch, serial=rotation.used(door))
            for door, watch in zip(doors, watches_of(doors, list(map(rotation.steps, doors))), strict=True)
        )
        made = make_watches(
            plain,
            guard_rules(doors, self._config.options.guard_ports),
            self._taken,
            self._list_keyed(),
            lambda number, key, period: self._keyed.get().serial_of(doors[number], key, period),
        )
        numbers = [self._numbers[_identity(door)] for door in doors]
        return tuple(replace(watch, door=numbers[watch.door]) for watch in made)

    def _list_keyed(self) -> list[KeySequences]:
        """The sequences of doors with keys, by the place of their door in the configuration."""
        return [
            one
            for number, door in enumerate(self._config.doors)
            if door.sequence_key is not None
            for one in self._keyed.get().list_sequences(door, number)
        ]


def count_steps(door: Door) -> int:
    """How many steps the sequences of a door have; 0: that is another number each time."""
    return door.sequence_steps if door.sequence_key is not None else len(door.steps)


def _identity(door: Door) -> tuple[str, int, str | None]:
    """What makes it the same door over reloads; with another one-time file it is another one."""
    return door.name, door.occurrence, door.one_time_file
