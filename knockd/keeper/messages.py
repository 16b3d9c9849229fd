"""What becomes of a message of the packet process: an opening for the leases, or a line of the log.

Of an opening nothing goes on as it came: addresses are printed here, all else is our own configuration's.

World: the log, leases and one-time files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from knockd.keeper.duplicates import Duplicates
from knockd.keeper.fleet_setup import Burnt, FleetSetup
from knockd.keeper.key_knocks import KeyKnocks
from knockd.keeper.key_setup import KeySetup
from knockd.keeper.live_doors import LiveDoors, count_steps
from knockd.keeper.signed_setup import SignedSetup
from knockd.keeper.worker_process import WorkerProcess
from knockd.knocks.events import Discarded, Expired, Guarded, Ignored, Spoiled, Stage
from knockd.leases.journal_file import find_runtime_directory
from knockd.leases.manager import LeaseManager
from knockd.leases.opened_by import find_key
from knockd.leases.values import Knock
from knockd.log.catalogue import EVENTS
from knockd.log.logger import Logger
from knockd.process.verbs import (
    Dropped,
    HeldBack,
    Message,
    Opening,
    Packet,
    Signed,
    SmallRing,
    Widened,
)
from knockd.sequences.rotating_watches import LIFE
from knockd.sequences.used_sequences import UsedSequences
from knockd_bpf.wire import flag_names
from knockd_conf.model import Config, Door, FlagRule
from knockd_conf.protocol import Protocol
from knockd_conf.text import address_text, printable
from knockd_conf.trust import TrustPolicy

if TYPE_CHECKING:
    from knockd.keeper.signed_knocks import SignedKnocks

_EVENTS = {
    Stage: "stage",
    Spoiled: "spoiled",
    Expired: "expired",
    Guarded: "guarded",
    Ignored: "ignored",
}

AFTER_OPENING, AFTER_GUARD = "opened a moment ago, Seq_Cooldown", "guard port touched"
"""Why a knock was ignored."""

ONE_TIME = 366 * 86_400
"""Seconds for which a fleet remembers a one-time sequence: a gateway may be away for long."""

NO_SEQUENCE = "it has no sequence"
"""Why what the packet process took for one opens nothing."""


class Messages:
    """Passes openings on and logs all else; holds the doors of a configuration.

    ``leases`` take openings, ``show`` lines about packets (None: without -D).
    """

    def __init__(
        self,
        config: Config,
        logger: Logger,
        leases: LeaseManager,
        show: Callable[[str], None] | None,
        keyed: KeySetup,
        signed: SignedSetup,
        fleet: FleetSetup,
    ) -> None:
        self._config = config
        self._logger = logger
        self._leases = leases
        self._show = show
        self._keyed = KeyKnocks(logger, keyed)
        self._setup = signed
        self._fleet = fleet
        fleet.watched = self._name_one_time
        self._signed: SignedKnocks | None = None
        self._duplicates = Duplicates()
        policy = TrustPolicy.current(allow_insecure=config.insecure)
        self._noted = UsedSequences(note_directories(config), policy, logger.log)
        self.doors = LiveDoors(config, logger, self._noted, keyed, signed)

    def adopt(self, config: Config, *, same_process: bool) -> bool:
        """Takes another configuration; packet processes are heard by the doors that they were forked for.

        ``same_process``: the doors are for a packet process that runs; returns whether they can be.
        """
        self._config = config
        self._noted.move(note_directories(config))
        if same_process and self.doors.adopt(config):
            return True
        self.doors = LiveDoors(config, self._logger, self._noted, self._keyed.doors, self._setup)
        return False

    def _name_one_time(self) -> Iterable[tuple[str, str]]:
        return self.doors.name_one_time()

    def take_over(self) -> None:
        """Another packet process is heard from now on."""
        self._duplicates.change()
        if self._signed is not None:
            self._signed.take_over()

    def hear(self, worker: WorkerProcess, message: Message, *, changing: bool) -> bool:
        """Acts on a message; returns whether ``worker.doors`` have other sequences now.

        ``changing``: the next packet process is starting and may see the same packet. The touch of a guard
        that is none any more is no line: the packet process undoes what came of it. Other sequences of keys
        are told of by KeyedDoors.
        """
        failures = self._config.options.log_failures
        self._keyed.hear(message, worker.doors.known, failures=failures)
        if isinstance(message, Opening):
            return self._hear_opening(worker, message, changing=changing)
        if isinstance(message, Signed):
            name = worker.interfaces[message.interface]
            self._hear_signed().hear(message, name, changing=changing, failures=failures)
        elif isinstance(message, Discarded):
            self._hear_signed().discard(message, failures=failures)
        elif isinstance(message, Packet):
            if self._show is not None:
                self._show(printable(message.line))
        elif not isinstance(message, Guarded) or worker.doors.may_guard(message.door, message.port):
            log_message(self._logger, worker, message, failures=failures)
        return False

    def _hear_signed(self) -> SignedKnocks:
        """Who hears of signed knocks; without such a door the code is not there."""
        if self._signed is None:
            self._signed = self._setup.make_knocks(self._leases, self._fleet)
        return self._signed

    def _hear_opening(self, worker: WorkerProcess, message: Opening, *, changing: bool) -> bool:
        door = worker.doors.known[message.door]
        knock = opening(worker, message)
        if door.is_signed_alone:  # it had a sequence a moment ago, or the packet process lies
            self._setup.lines.log("refused", ip=knock.source, door=door.name, reason=NO_SEQUENCE)
            return False
        if door.one_time_file is None and self._duplicates.seen(door.name, message.source, message.stamp):
            return False
        if changing:
            self._duplicates.remember(door.name, message.source, message.stamp)
        burnt = None
        if door.sequence_key is not None:
            by_key = self._keyed.open(knock, message.serial)
            if by_key is None:
                return False
            knock, burnt = by_key
        self._logger.log("stage", ip=knock.source, door=door.name, stage=message.stage, steps=message.stage)
        used = worker.doors.rotate(message.door, message.serial)  # struck out before it opens
        if used.name:
            burnt = Burnt(used.name, ONE_TIME, tell=True)
        if used.refused is None:
            self._fleet.admit(door, burnt, partial(self._open, knock))
        else:
            self._open(knock, used.refused)
        for log in used.lines:
            log()
        if door.one_time_file is None:
            return False
        if worker.doors is not self.doors:
            self.doors.reload_files()
        self._fleet.look()
        return True

    def _open(self, knock: Knock, refused: str | None) -> None:
        if refused is None:
            self._leases.open(knock, granted=partial(self._log_open, knock))
        else:
            self._setup.lines.log("refused", ip=knock.source, door=knock.door.name, reason=refused)

    def strike(self, door: str, name: str, others: Iterable[LiveDoors]) -> bool:
        """Strikes a one-time sequence out that is used at another gateway; returns whether it was live.

        ``others``: doors of packet processes, which may have another configuration.
        """
        used = self.doors.strike(door, name)
        if used is None:
            return False
        self._logger.log("one-time-elsewhere", door=door)
        for log in used.lines:
            log()
        for doors in others:
            if doors is not self.doors:
                doors.reload_files()
        self._fleet.look()
        return True

    def _log_open(self, knock: Knock) -> None:
        by = find_key(knock.by)
        named = {} if by is None else {"key": by}
        self._logger.log("open", ip=knock.source, door=knock.door.name, **named)
        if knock.by:
            self._keyed.log_opened(knock)


def note_directories(config: Config) -> tuple[str, str]:
    """Where is noted what must outlive the daemon: StateDir, else where journals go without it."""
    return config.options.state_dir, find_runtime_directory()


def opening(worker: WorkerProcess, message: Opening) -> Knock:
    """What the commands of an opened door are run with."""
    return Knock(
        door=worker.doors.known[message.door],
        source=address_text(message.source),
        version=4 if len(message.source) == 4 else 6,
        destination=address_text(message.destination),
        interface=worker.interfaces[message.interface],
    )


def log_message(logger: Logger, worker: WorkerProcess, message: Message, *, failures: bool) -> None:
    """Logs one message; ``failures``: lines that say why a knock failed are wanted (Log_Failures)."""
    if isinstance(message, HeldBack):
        logger.log("held-back", count=message.lines)
    elif isinstance(message, Dropped | Widened | SmallRing):
        name = worker.interfaces[message.interface]
        if isinstance(message, Dropped):
            logger.log("dropped", interface=name, count=message.frames)
        elif isinstance(message, SmallRing):
            logger.log("small-ring", interface=name, kib=message.kib)
        else:
            logger.log("widened", interface=name, share=message.millionths * 1e-6)
            if message.pooled:
                logger.log("addresses-widened", interface=name)
    elif isinstance(message, Stage | Spoiled | Expired | Guarded | Ignored):
        _log_attempt(logger, worker, message, failures=failures)


def _log_attempt(
    logger: Logger,
    worker: WorkerProcess,
    message: Stage | Spoiled | Expired | Guarded | Ignored,
    *,
    failures: bool,
) -> None:
    event = _EVENTS[type(message)]
    if EVENTS[event].failure and not failures:
        return
    door, ip = worker.doors.known[message.door], address_text(message.source)
    fields: dict[str, Any] = {"ip": ip, "door": door.name}
    if isinstance(message, Ignored):
        fields |= {"seconds": float(message.left), "reason": AFTER_OPENING if message.opened else AFTER_GUARD}
    else:  # a one-time sequence may be over meanwhile: its door has no steps
        fields |= {"stage": message.stage, "steps": max(message.stage, count_steps(door))}
    if isinstance(message, Guarded):
        keyed = door.sequence_key is not None
        fields["seconds"] = float(LIFE * door.sequence_period) if keyed else door.seq_timeout
    logger.log(event, **fields)
    if failures and isinstance(message, Expired) and door.flags is not None and not door.flags.fit_clients:
        _explain_flags(logger, ip, door, door.flags, message.stage)


def _explain_flags(logger: Logger, ip: str, door: Door, flags: FlagRule, done: int) -> None:
    """Says why a knock went no further, when it is for flags of the next step."""
    if any(step.protocol is Protocol.TCP for step in door.steps[done : done + 1]):
        logger.log("flags-unfit", ip=ip, door=door.name, flags=flag_names(flags))
