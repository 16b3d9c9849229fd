"""The fleet as the keeper sees it: a child that speaks with the other gateways, and what comes of it here.

| the child says | what becomes of it |
|---|---|
| a knock is fresh | it opens |
| a knock was used | it is refused |
| the store does not answer, or the child does not within ``BUDGET`` | refused where Fleet_Required says so |
| another gateway has opened a door | a door of that name with Fleet_Share is opened, with its own commands |
| another gateway has closed it | it is closed, unless it is in use here |
| a one-time sequence is used elsewhere | it is struck out |

Openings of others pass what knocks pass: Allow and Deny, Expires, Max_Leases.

World: the fleet child.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from knockd.fleet import verbs
from knockd.fleet.child import FleetChild, start_fleet_child
from knockd.fleet.verbs import MAX_MESSAGE, MalformedError, Overview, Verdict
from knockd.keeper.fleet_setup import Burnt, Then
from knockd.keeper.places import NOWHERE, Places, find_place
from knockd.leases.journal import State
from knockd.leases.manager import LeaseManager
from knockd.leases.opened_by import by_fleet
from knockd.leases.sharing import CLOSED_ELSEWHERE, Shared
from knockd.leases.values import Knock
from knockd.log.logger import Log
from knockd.log.rate_limit import RateLimit
from knockd.process.fork import collect_child, kill_child
from knockd.process.loop import Loop, Timer
from knockd.process.privileges import User
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door, FleetEndpoint

if TYPE_CHECKING:
    from knockd.keeper.fleet_setup import FleetSetup

BUDGET: Final = 0.15
"""Seconds in which the store has answered, or counts as unreachable."""

RETRY: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until another child is started, after each that has ended."""

STEADY: Final = 120.0
"""Seconds after which a child has run well."""

MOST_PENDING: Final = 1_000
"""Knocks that wait for an answer; with more the store counts as unreachable."""

MOST_UNSENT: Final = 100_000
"""Messages that wait for the child; with more it is ended."""

MOST_AT_ONCE: Final = 32
"""Messages read in one go."""

AGAIN: Final = 1.0
"""Seconds after which more time is given to a lease whose command ran just now."""

PATIENCE: Final = 2.0
"""Seconds in which an overview has come."""

USED: Final = "it was used at another gateway"
UNREACHABLE: Final = "the store of the fleet does not answer ({})"
"""Why a knock opens nothing."""

_Files = tuple[Sequence[FleetEndpoint], str, str | None, str | None, str | None, int, bool]


class _Pending(NamedTuple):
    then: Then
    timer: Timer
    required: bool


class Fleet:
    """``setup`` knows which one-time sequences are live, and is told what is used elsewhere."""

    def __init__(
        self,
        loop: Loop,
        log: Log,
        leases: LeaseManager,
        places: Places,
        user: Callable[[], User | None],
        setup: FleetSetup,
        start: Callable[..., FleetChild] = start_fleet_child,
    ) -> None:
        self._loop, self._log, self._leases, self._places, self._user = loop, log, leases, places, user
        self._setup, self._start = setup, start
        self._lines = RateLimit(loop, log)
        self._config: Config | None = None
        self._child: FleetChild | None = None
        self._began = 0.0
        self._failures = 0
        self._retry: Timer | None = None
        self._ended: set[int] = set()
        self._unsent: deque[bytes] = deque()
        self._pending: dict[int, _Pending] = {}
        self._overviews: dict[int, tuple[Callable[[list[Overview]], None], Timer, list[Overview]]] = {}
        self._number = 0
        self._watched: dict[str, str] = {}
        self.endpoint, self.problem = "", "its child is being started"
        """Where the store is, and why it is not reached; empty: it is."""
        self.since = loop.time()
        """When that was another way last."""
        self.gateways: Counter[str] = Counter()
        """The other gateways that are there, by their names: two may have one."""
        self.refused: Counter[str] = Counter()
        """Knocks that were refused, as ``used`` or ``unreachable``."""

    def adopt(self, config: Config) -> None:
        """Takes a configuration: with another store, key or password it is another child."""
        before, self._config = self._config, config
        if not config.options.fleet:
            self._end_child("there is no fleet in the configuration")
            self._leases.sharing.tell = None
            return
        self._leases.sharing.tell = self._tell
        if before is None or _files_of(before) != _files_of(config) or self._child is None:
            self._end_child("its child is being started")
            self._failures = 0
            self._begin()
        else:
            self.look()

    def stop(self) -> None:
        """The daemon ends; the others go on."""
        self._leases.sharing.tell = None
        self._end_child("the daemon ends")
        self._lines.stop()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._ended -= {pid for pid in self._ended if collect_child(pid)}

    # Knocks.

    def admit(self, door: Door, burnt: Burnt | None, then: Then) -> None:
        """Asks the fleet whether a knock opens; ``then`` is called within ``BUDGET``, or at once."""
        if self._child is None or len(self._pending) >= MOST_PENDING:
            self._answer(Verdict.UNREACHABLE, door.fleet_required or False, then)
            return
        self._number += 1
        number = self._number
        timer = self._loop.call_later(BUDGET, self._settle, number, Verdict.UNREACHABLE)
        self._pending[number] = _Pending(then, timer, door.fleet_required or False)
        self._send(verbs.Reach(number) if burnt is None else verbs.Burn(number, *burnt))

    def _settle(self, number: int, verdict: Verdict) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:  # else it came too late
            pending.timer.cancel()
            self._answer(verdict, pending.required, pending.then)

    def _answer(self, verdict: Verdict, required: bool, then: Then) -> None:
        if verdict is Verdict.USED:
            self.refused["used"] += 1
            then(USED)
        elif verdict is Verdict.UNREACHABLE and required:
            self.refused["unreachable"] += 1
            then(UNREACHABLE.format(self.problem or f"within {BUDGET * 1000:.0f} ms"))
        else:
            then(None)

    def look(self) -> None:
        """Has the child watch the one-time sequences that are live now."""
        watched = dict(self._setup.watched())
        for door, value in watched.items():
            if self._watched.get(door) != value:
                self._send(verbs.Watch(door, value))
        self._watched = watched

    # Openings.

    def _tell(self, shared: Shared) -> None:
        door, address, seconds = shared
        if self._find_door(door) is None:
            return
        self._send(verbs.Close(door, address) if seconds == 0 else verbs.Open(door, address, seconds))

    def _find_door(self, name: str) -> Door | None:
        """The door of a name that is shared, of several the first."""
        assert self._config is not None
        return next((door for door in self._config.doors if door.name == name and door.fleet_share), None)

    def _open(self, found: verbs.Opened, tries: int = 5) -> None:
        """Opens a door as another gateway has, or gives it more time."""
        door = self._find_door(found.door)
        version = 6 if ":" in found.address else 4
        if door is None or (door.start_for(version) is None and door.stop_for(version) is None):
            return
        closes = door.stop_for(version) is not None
        if closes and found.seconds is None:
            return  # nothing closes it there; who would here has no time for it
        if closes and found.seconds is not None:
            door = replace(door, cmd_timeout=found.seconds)
        if not self._places() and tries:  # the daemon has just started
            self._open_later(found, tries)
            return
        nowhere = next(iter(self._places()), "none"), NOWHERE[version]
        interface, destination = find_place(self._places(), version) or nowhere
        knock = Knock(door, found.address, version, destination, interface, by_fleet(found.gateway))
        lease = self._leases.ask.lease_of(knock)
        if lease is None or lease.state in {State.STOPPING, State.RETRYING, State.FAILED, State.LEFTOVER}:
            fields = {"ip": found.address, "door": door.name, "gateway": found.gateway}
            self._leases.open(knock, granted=lambda: self._log("fleet-opened", **fields))
        elif lease.find_why_not_open() is None:
            more = (found.seconds or 0.0) - (lease.due - self._leases.now)
            if more > 0:
                self._leases.extend(lease.id, more, elsewhere=True)
        elif tries:  # its start command runs
            self._open_later(found, tries)

    def _open_later(self, found: verbs.Opened, tries: int) -> None:
        if found.seconds is not None:
            found = found._replace(seconds=found.seconds - AGAIN)
        if found.seconds is None or found.seconds > 0:
            self._loop.call_later(AGAIN, self._open, found, tries - 1)

    def _close(self, found: verbs.Closed) -> None:
        if self._find_door(found.door) is None:
            return
        leases = [
            lease.id
            for lease in self._leases.ask.all()
            if lease.knock.door.name == found.door
            and lease.knock.source == found.address
            and lease.may_close
            and not (lease.held and lease.in_use)
        ]
        if leases:
            self._log("fleet-closed", ip=found.address, door=found.door, gateway=found.gateway)
            self._leases.close_leases(leases, CLOSED_ELSEWHERE)

    # What is asked by hand.

    def ask(self, then: Callable[[list[Overview]], None]) -> None:
        """Calls ``then`` with the parts of an overview; none, where there is no child that answers."""
        if self._child is None:
            self._loop.call_soon(then, [])
            return
        self._number += 1
        timer = self._loop.call_later(PATIENCE, self._take_overview, self._number, [])
        self._overviews[self._number] = then, timer, []
        self._send(verbs.Ask(self._number))

    def _hear_overview(self, part: Overview) -> None:
        asked = self._overviews.get(part.number)
        if asked is not None:
            asked[2].append(part)
            if not part.more:
                self._take_overview(part.number, asked[2])

    def _take_overview(self, number: int, parts: list[Overview]) -> None:
        then, timer, _ = self._overviews.pop(number)
        timer.cancel()
        then(parts)

    # The child.

    def _begin(self) -> None:
        self._retry = None
        config = self._config
        assert config is not None
        try:
            self._child = self._start(config, self._user, tuple(self._setup.commands()))
        except OSError as error:
            self._fail(str(error))
            return
        self._began = self._loop.time()
        self._loop.add_reader(self._child.link, self._read)
        self._loop.call_soon(self._hold)  # at the start of the daemon, once it knows what is open
        self._watched = {}
        self.look()

    def _hold(self) -> None:
        for lease in self._leases.ask.all():
            left = lease.due - self._leases.now
            if lease.state is State.OPEN and left > 0 and self._find_door(lease.knock.door.name) is not None:
                self._send(verbs.Hold(lease.knock.door.name, lease.knock.source, left))

    def _fail(self, reason: str) -> None:
        """The child has ended, or could not be started: another one follows."""
        self._end_child(reason)
        seconds = RETRY[min(self._failures, len(RETRY) - 1)]
        self._failures += 1
        self._log("fleet-child-ended", reason=reason, seconds=seconds)
        self._retry = self._loop.call_later(seconds, self._begin)

    def _end_child(self, reason: str) -> None:
        """Ends it, if it runs; knocks that wait for it are answered."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        child, self._child = self._child, None
        if child is not None:
            if self._loop.time() - self._began > STEADY:
                self._failures = 0
            self._loop.remove_reader(child.link)
            self._loop.remove_writer(child.link)
            child.link.close()  # it leaves the fleet, and ends
            self._ended.add(child.pid)
            self.reap()
        self._unsent.clear()
        self._set_problem(self.endpoint, reason)
        self.gateways.clear()
        for number in list(self._pending):
            self._settle(number, Verdict.UNREACHABLE)
        for number in list(self._overviews):
            self._take_overview(number, [])

    def _kill(self, reason: str) -> None:
        """Ends a child that says what it may not, or does not read."""
        if self._child is not None:
            kill_child(self._child.pid)
        self._fail(reason)

    def _set_problem(self, endpoint: str, problem: str) -> None:
        if bool(problem) is not bool(self.problem):
            self.since = self._loop.time()
        self.endpoint, self.problem = endpoint, problem
        self._setup.changed()

    def _send(self, order: verbs.Order) -> None:
        if self._child is None:
            return
        self._unsent.append(verbs.write(order))
        if len(self._unsent) == 1:
            self._flush()
        elif len(self._unsent) > MOST_UNSENT:
            self._kill("it does not read what it is told")

    def _flush(self) -> None:
        child = self._child
        while child is not None and self._unsent:
            try:
                child.link.send(self._unsent[0])
            except BlockingIOError:
                self._loop.add_writer(child.link, self._flush)
                return
            except OSError:
                return  # it is gone; its end is read from the link
            self._unsent.popleft()
        if child is not None:
            self._loop.remove_writer(child.link)

    def _read(self) -> None:
        for _ in range(MOST_AT_ONCE):
            child = self._child
            if child is None:
                return
            try:
                data = child.link.recv(MAX_MESSAGE + 1)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._fail(self.problem or "it has ended")
                return
            try:
                report = verbs.read_report(data)
            except MalformedError as error:
                self._kill(str(error))
                return
            self._hear(report)

    def _hear(self, report: verbs.Report) -> None:
        match report:
            case verbs.Answered(number, verdict):
                self._settle(number, verdict)
            case verbs.Opened():
                self._open(report)
            case verbs.Closed():
                self._close(report)
            case verbs.UsedUp(door, value):
                self._setup.struck(door, value)
            case verbs.Came(gateway):
                self.gateways[gateway] += 1
                self._note("fleet-came", gateway=gateway)
            case verbs.Left(gateway, silent):
                self.gateways[gateway] -= 1
                self.gateways += Counter()  # without those that are none any more
                self._note("fleet-silent" if silent else "fleet-left", gateway=gateway)
            case verbs.StoreIs(endpoint, problem):
                self._hear_store(endpoint, problem)
            case Overview():
                self._hear_overview(report)

    def _hear_store(self, endpoint: str, problem: str) -> None:
        was = self.problem
        self._set_problem(endpoint, problem)
        if problem and not problem.endswith(was or "\n"):  # the next try says the same of an address
            self._log("fleet-unreachable", reason=problem)
        elif was and not problem:
            self._log("fleet-reached", endpoint=endpoint)

    def _note(self, event: str, **fields: Any) -> None:
        self._lines.log(event, **fields)
        self._setup.changed()


def _files_of(config: Config) -> _Files:
    """What a child is started with."""
    options = config.options
    return (
        options.fleet,
        options.fleet_name,
        options.fleet_key,
        options.fleet_password,
        options.fleet_ca,
        options.fleet_replicas,
        config.insecure,
    )
