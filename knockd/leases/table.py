"""The table of leases: one a door and source. All transitions are here.

    state                event                            commands           next state
    -------------------  -------------------------------  -----------------  ----------
    (none)               Knocked                          Note, Start        STARTING
    (none)               Recovered, same boot             Note               as it was
    (none)               Recovered, another boot          Note, Stop         LEFTOVER
    STARTING             Ended(start)                     Note               OPEN
    STARTING             Ended(start), it failed          Note               OPEN, unopened
    STARTING             NotStarted                       Forget             (none)
    STARTING, RENEWING   Knocked                          Refuse             the same
    OPEN                 Knocked, Reknock = extend        Note               OPEN
    OPEN, RETRYING,      Knocked                          Note, Stop         RENEWING
      FAILED
    OPEN, RETRYING       Tick, the deadline has passed    Stop               STOPPING
    STOPPING, LEFTOVER   Knocked                          Note               RENEWING
    STARTING, RENEWING,  Renewed                          as Knocked, never with Reknock = repeat
      OPEN
    RENEWING             Ended(stop)                      Note, Start        STARTING
    STOPPING             Ended(stop), it worked           Forget             (none)
    STOPPING             Ended(stop), it failed           Note               RETRYING
    STOPPING             Ended(stop), it failed too often Log, Note          FAILED
    STOPPING, unopened   Ended(stop), it failed too often Log, Forget        (none)
    LEFTOVER             Ended(stop)                      Forget             (none)
    STOPPING, LEFTOVER   Ended(stop), nobody knows how    Stop               the same
    OPEN, RETRYING,      Close, CloseAll                  Note, Stop         STOPPING
      FAILED
    STARTING             Close                            Note               STARTING, closing
    RENEWING             Close                            Refuse, Note       STOPPING
    OPEN                 Extend                           Note               OPEN
    OPEN, watched        Looked, in use                   Log                OPEN, later
    OPEN, watched        Tick, the deadline has passed    (none)             OPEN, asked
    OPEN, asked          Looked, not in use or it failed  Log, Stop          STOPPING
    OPEN, asked          Tick, the deadline has passed    Log, Stop          STOPPING
    RETRYING, FAILED     GiveUp                           Forget             (none)

A lease is *unopened* once its start command failed: its stop command runs, for the start may have done half
its work; but it is not counted as open, not extended, and given up after the last try. A FAILED one is
tried once more by each next run. One that is *closing* is stopped as soon as its start command has ended.
One that is *watched* closes when its knocker has left: connections give it more time, which is not noted and
logged once, and when its time is over it is *asked* once more whether it is in use, also by the next run of
the same boot. At Open_Max it closes whoever is connected. The times are in looks.py.
An event that has no row for a state changes nothing. *Granted* says of an opening that no Start is to come.

A door without a stop command has no lease: Start or Granted is all. With Reknock = repeat every knock makes
a lease of its own. After CloseAll or KeepAll every knock is refused and nothing is
done by hand; after CloseAll a start that ends is stopped at once and a stop that fails is not tried again,
after KeepAll no stop command starts. A door is known by its name and occurrence, so a reload keeps its
leases; each is closed with the stop command it was opened with.

Pure.
"""

from __future__ import annotations

from dataclasses import field

from knockd.leases.commands import expand
from knockd.leases.earlier_runs import deadline_of, find_trial, lease_of, log_all_recovered
from knockd.leases.journal import Record, State
from knockd.leases.lease_index import TIMED, LeaseIndex
from knockd.leases.looks import apply_look, ask_once, first_look, is_watched, log_end, log_held
from knockd.leases.questions import Questions
from knockd.leases.values import (
    RUNNING,
    Close,
    CloseAll,
    Command,
    Ended,
    Event,
    Extend,
    Forget,
    GiveUp,
    Granted,
    KeepAll,
    Knock,
    Knocked,
    Lease,
    Looked,
    Note,
    NotStarted,
    Recovered,
    Refuse,
    Renewed,
    Start,
    Stop,
    Tick,
    Verb,
    log_of,
    record_of,
)
from knockd_conf.classes import dataclass
from knockd_conf.model import Reknock

MAX_LEASES = 1_024

RETRIES: tuple[float, ...] = (10.0, 30.0, 60.0, 180.0, 300.0)
"""Seconds before each new try of a stop command that failed: five in ten minutes."""


@dataclass(slots=True)
class Leases:
    """All leases, at most ``bound``. Times are in seconds of the caller's clock."""

    bound: int = MAX_LEASES
    run: str = "run"
    """Random name of this run of the daemon; the ids of its leases begin with it."""
    _closing: bool = False
    _keeping: bool = False
    _leases: LeaseIndex = field(default_factory=LeaseIndex)
    _last: int = 0
    ask: Questions = field(init=False)

    def __post_init__(self) -> None:
        self.ask = Questions(self._leases, self.run)

    def handle(self, event: Event, now: float) -> list[Command]:
        """Makes the transitions of an event; returns what is to be done, in this order."""
        match event:
            case Knocked(knock):
                return self._knocked(knock, now)
            case Renewed(knock):
                return self._renewed(knock, now)
            case Tick():
                return self._expire(now)
            case Recovered():
                return self._recover(event, now)
            case Ended() | NotStarted():
                lease = self._leases.get(event.lease)
                return [] if lease is None else self._ended(lease, event, now)
            case Close() | Extend() | GiveUp():
                return [] if self._closing or self._keeping else self._do_by_hand(event, now)
            case Looked():
                return [] if self._closing or self._keeping else self._looked(event, now)
            case CloseAll():
                self._closing = True
                waiting = [lease for lease in self._leases.all() if lease.state not in RUNNING]
                return [one for lease in waiting for one in self._stop(lease, State.STOPPING, now)]
            case KeepAll():
                self._keeping = True
                return []

    # Questions. They change nothing.

    def __len__(self) -> int:
        return len(self._leases)

    def next_deadline(self) -> float | None:
        """When a ``Tick`` has something to do; None: nothing is pending."""
        return None if self._keeping else self._leases.next_deadline()

    def next_look(self) -> float | None:
        """When connections are to be looked for; None: at no time that is known."""
        return None if self._closing or self._keeping else self._leases.next_look()

    def is_settled(self) -> bool:
        """Whether nothing is to be waited for: no command of a lease runs, and no deadline is to come."""
        return not self._leases.room.count(RUNNING if self._keeping else RUNNING | TIMED)

    # Knocks.

    def _knocked(self, knock: Knock, now: float) -> list[Command]:
        door = knock.door
        if self._closing or self._keeping:
            return [Refuse(knock, "shutting down")]
        current = self.ask.lease_of(knock)
        if current is not None and door.reknock is not Reknock.REPEAT:
            return self._knocked_again(current, knock, now)
        start = door.start_for(knock.version)
        if door.stop_for(knock.version) is None:
            return [Granted(knock) if start is None else Start(start, knock)]
        if (reason := self._leases.room.find_reason(knock, self.bound)) is not None:
            return [Refuse(knock, reason)]
        self._last += 1
        lease = Lease(f"{self.run}.{self._last}", knock, now)
        self._leases.add(lease)
        return self._start(lease, knock, now)

    def _renewed(self, knock: Knock, now: float) -> list[Command]:
        lease = self.ask.lease_of(knock)
        if self._closing or self._keeping or lease is None or not lease.may_renew:
            return [Refuse(knock, "nothing is open that could be renewed")]
        return self._knocked_again(lease, knock, now)

    def _knocked_again(self, lease: Lease, knock: Knock, now: float) -> list[Command]:
        """A knock of one who has a lease already."""
        door = knock.door
        if lease.state in {State.STARTING, State.RENEWING}:
            return [Refuse(knock, "its start command has not ended yet")]
        if lease.may_extend(door) and door.stop_for(knock.version):
            later = max(lease.due, now + door.cmd_timeout)  # by hand it may have been given more
            return [*self._set(lease, State.OPEN, later), Granted(knock)]
        lease.following = knock
        if lease.state in {State.STOPPING, State.LEFTOVER}:  # it opens again when its stop command has ended
            return self._set(lease, State.RENEWING, now)
        return self._stop(lease, State.RENEWING, now)

    # By hand.

    def _do_by_hand(self, event: Close | Extend | GiveUp, now: float) -> list[Command]:
        if isinstance(event, Close):
            leases = filter(None, map(self._leases.get, event.leases))
            return [command for lease in leases for command in self._close(lease, event.why, now)]
        lease = self._leases.get(event.lease)
        if lease is None:
            return []
        if isinstance(event, GiveUp):
            return self._forget(lease) if lease.find_why_kept() is None else []
        if lease.find_why_not_open() is not None:
            return []
        return self._set(lease, State.OPEN, max(lease.due, now) + event.seconds)

    def _close(self, lease: Lease, why: str, now: float) -> list[Command]:
        lease.closing = True
        if lease.state is State.STARTING:  # should nobody hear of the command's end, it is over now
            return self._set(lease, State.STARTING, now)
        if lease.state is State.RENEWING and lease.following is not None:
            following, lease.following = lease.following, None
            return [Refuse(following, why), *self._set(lease, State.STOPPING, now)]
        return [] if lease.state in RUNNING else self._stop(lease, State.STOPPING, now)

    # Ends of commands, and of times.

    def _ended(self, lease: Lease, event: Ended | NotStarted, now: float) -> list[Command]:
        if isinstance(event, NotStarted):
            # Nothing is to be stopped, unless a stop command failed before.
            failures, lease.failures = lease.failures, 0
            return self._retry(lease, now) if failures else self._forget(lease)
        if event.verb == "start":
            return self._opened(lease, now, unopened=event.worked is False)
        if event.worked is None:
            return self._set(lease, State.OPEN, now) if self._keeping else self._stop(lease, lease.state, now)
        return self._stopped(lease, now, worked=event.worked)

    def _opened(self, lease: Lease, now: float, *, unopened: bool = False) -> list[Command]:
        self._leases.change(lease, failures=0, unopened=unopened, opened=0.0 if unopened else now)
        seconds = 0.0 if self._closing or lease.closing else lease.knock.door.cmd_timeout
        return self._set(lease, State.OPEN, now + seconds)

    def _stopped(self, lease: Lease, now: float, *, worked: bool) -> list[Command]:
        if lease.state is State.RENEWING and lease.following is not None and not self._closing:
            lease.failures = 0 if worked else 1
            return self._start(lease, lease.following, now)
        if worked or lease.state is State.LEFTOVER:
            return self._forget(lease)
        return self._retry(lease, now)

    def _retry(self, lease: Lease, now: float) -> list[Command]:
        """A stop command failed; the last try of this run leaves a lease that was open to the next one."""
        lease.failures += 1
        if not self._closing and lease.failures <= len(RETRIES):
            return self._set(lease, State.RETRYING, now + RETRIES[lease.failures - 1])
        line = expand(lease.stop_command, lease.knock)
        told = log_of(record_of(lease), "stop-failed", tries=lease.failures, command=line)
        if lease.unopened:
            return [told, *self._forget(lease)]
        commands = [told, *self._set(lease, State.FAILED, now)]
        if self.ask.count_failed() > self.bound:  # kept to be shown, never at the cost of a knock
            commands += self._forget(next(one for one in self._leases.all() if one.state is State.FAILED))
        return commands

    def _expire(self, now: float) -> list[Command]:
        """Runs the stop commands whose time has come."""
        commands: list[Command] = []
        while not self._keeping and (lease := self._leases.take_due(now)) is not None:
            after = None if self._closing else ask_once(lease, now)
            if after is not None:
                self._leases.change(lease, **after)
            else:
                commands += self._end(lease, now)
        return commands

    def _end(self, lease: Lease, now: float) -> list[Command]:
        expired = lease.state is State.OPEN and not self._closing and not lease.closing
        logs = log_end(lease, now) if expired else []
        return [*logs, *self._stop(lease, State.STOPPING, now, expired=expired)]

    # Connections.

    def take_looks(self, until: float) -> list[Lease]:
        """The leases whose connections are to be looked for by then; a ``Looked`` says what was found."""
        return self._leases.take_looks(until)

    def _looked(self, event: Looked, now: float) -> list[Command]:
        commands: list[Command] = []
        for lease in filter(None, map(self._leases.get, event.leases)):
            if not is_watched(lease):
                continue
            was_held = lease.held
            after = apply_look(lease, now, in_use=lease.id in event.in_use, failed=event.failed)
            self._leases.change(lease, **after)
            if lease.held and not was_held:
                commands.append(log_held(lease))
            if lease.due <= now:
                commands += self._end(lease, now)
        return commands

    # Leases of earlier runs.

    def _recover(self, event: Recovered, now: float) -> list[Command]:
        """Takes leases of an earlier run over. The log hears of them before the first command runs."""
        records, same_boot, running = event
        new: list[Record] = []
        commands: list[Command] = []
        for record in filter(self.ask.is_new, records):
            new.append(record)
            commands += self._recover_one(record, now, same_boot=same_boot, running=running.get(record.id))
        return [*log_all_recovered(new, now, same_boot=same_boot, running=running), *commands]

    def _recover_one(
        self, record: Record, now: float, *, same_boot: bool, running: Verb | None
    ) -> list[Command]:
        deadline = deadline_of(record, now) if same_boot else now
        lease = lease_of(record, deadline, same_boot=same_boot and record.opened <= now)
        held = self.ask.lease_of(lease.knock)
        self._leases.add(lease)
        if held is not None and (self.ask.is_ours(held.id) or held.deadline >= deadline):
            self._leases.choose(held)  # a journal may be found late
        if not same_boot or record.state is State.LEFTOVER:
            leave = self._stop if running is None else self._set
            return leave(lease, State.LEFTOVER, now)
        if running == "start":
            return self._set(lease, State.STARTING, deadline)
        if running == "stop":
            return self._set(lease, State.STOPPING, now)
        failed = record.state in {State.RETRYING, State.FAILED}
        commands = self._set(lease, State.RETRYING if failed else State.OPEN, deadline)
        if (after := find_trial(lease, now)) is not None:
            self._leases.change(lease, **after)
        return commands

    # What all of these do.

    def _start(self, lease: Lease, knock: Knock, now: float) -> list[Command]:
        start = knock.door.start_for(knock.version)
        if knock.door.stop_for(knock.version) is None:  # so says the door since a reload
            return [Granted(knock) if start is None else Start(start, knock), *self._forget(lease)]
        changed = {"unopened": False, "opened": 0.0, "in_use": False, "held": False}
        self._leases.change(lease, knock=knock, following=None, **changed)
        lease.closing = False
        if start is None:
            return [*self._opened(lease, now), Granted(knock)]
        note = self._set(lease, State.STARTING, now + knock.door.cmd_timeout)
        return [*note, Start(start, knock, lease.id)]

    def _stop(self, lease: Lease, state: State, now: float, *, expired: bool = False) -> list[Command]:
        # A record whose time is over says already what a record of the stop command would say.
        is_known = lease.deadline <= now and state is not State.LEFTOVER
        note = self._set(lease, state, now)
        return [*(() if is_known else note), Stop(lease.stop_command, lease.knock, lease.id, expired)]

    def _set(self, lease: Lease, state: State, deadline: float) -> list[Command]:
        self._leases.change(lease, state=state, deadline=deadline, due=deadline, asked=False)
        self._leases.change(lease, look_at=first_look(lease))
        return [Note(record_of(lease))]

    def _forget(self, lease: Lease) -> list[Command]:
        self._leases.remove(lease)
        return [Forget(lease.id)]
