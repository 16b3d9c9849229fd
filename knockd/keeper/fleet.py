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

World: the fleet child, through ``fleet_link``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from knockd.fleet import verbs
from knockd.fleet.child import FleetChild, start_fleet_child
from knockd.fleet.verbs import Overview, Verdict
from knockd.keeper.fleet_link import FleetHooks, FleetLink
from knockd.keeper.fleet_setup import Burnt, Then
from knockd.keeper.places import NOWHERE, Places, find_place
from knockd.leases.journal import State
from knockd.leases.manager import LeaseManager
from knockd.leases.opened_by import by_fleet
from knockd.leases.sharing import CLOSED_ELSEWHERE, Shared
from knockd.leases.values import Knock
from knockd.log.logger import Log
from knockd.log.rate_limit import RateLimit
from knockd.process.loop import Loop, Timer
from knockd.process.privileges import User
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door, FleetEndpoint

if TYPE_CHECKING:
    from knockd.keeper.fleet_setup import FleetSetup

BUDGET: Final = 0.15
"""Seconds in which the store has answered, or counts as unreachable."""

MOST_PENDING: Final = 1_000
"""Knocks that wait for an answer; with more the store counts as unreachable."""

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
        self._setup = setup
        self._child = FleetLink(
            loop, log, FleetHooks(partial(self._start, start), self._begun, self._hear, self._gone)
        )
        self._lines = RateLimit(loop, log)
        self._config: Config | None = None
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
            self._child.end("there is no fleet in the configuration")
            self._leases.sharing.tell = None
            return
        self._leases.sharing.tell = self._tell
        if before is None or _files_of(before) != _files_of(config) or not self._child.runs:
            self._child.end("its child is being started")
            self._child.begin()
        else:
            self.look()

    def stop(self) -> None:
        """The daemon ends; the others go on."""
        self._leases.sharing.tell = None
        self._child.end("the daemon ends")
        self._lines.stop()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._child.reap()

    def _start(self, start: Callable[..., FleetChild]) -> FleetChild:
        assert self._config is not None
        return start(self._config, self._user, tuple(self._setup.commands()))

    # Knocks.

    def admit(self, door: Door, burnt: Burnt | None, then: Then) -> None:
        """Asks the fleet whether a knock opens; ``then`` is called within ``BUDGET``, or at once."""
        if not self._child.runs or len(self._pending) >= MOST_PENDING:
            self._answer(Verdict.UNREACHABLE, door.fleet_required or False, then)
            return
        self._number += 1
        number = self._number
        timer = self._loop.call_later(BUDGET, self._settle, number, Verdict.UNREACHABLE)
        self._pending[number] = _Pending(then, timer, door.fleet_required or False)
        self._child.send(verbs.Reach(number) if burnt is None else verbs.Burn(number, *burnt))

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
                self._child.send(verbs.Watch(door, value))
        self._watched = watched

    # Openings.

    def _tell(self, shared: Shared) -> None:
        door, address, seconds = shared
        if self._find_door(door) is None:
            return
        self._child.send(verbs.Close(door, address) if seconds == 0 else verbs.Open(door, address, seconds))

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
        if not self._child.runs:
            self._loop.call_soon(then, [])
            return
        self._number += 1
        timer = self._loop.call_later(PATIENCE, self._take_overview, self._number, [])
        self._overviews[self._number] = then, timer, []
        self._child.send(verbs.Ask(self._number))

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

    def _begun(self) -> None:
        """A child has been started: it is told what is live and open."""
        self._loop.call_soon(self._hold)  # at the start of the daemon, once it knows what is open
        self._watched = {}
        self.look()

    def _hold(self) -> None:
        for lease in self._leases.ask.all():
            left = lease.due - self._leases.now
            if lease.state is State.OPEN and left > 0 and self._find_door(lease.knock.door.name) is not None:
                self._child.send(verbs.Hold(lease.knock.door.name, lease.knock.source, left))

    def _gone(self, reason: str) -> None:
        """There is no child: knocks that wait for it are answered."""
        self._set_problem(self.endpoint, reason)
        self.gateways.clear()
        for number in list(self._pending):
            self._settle(number, Verdict.UNREACHABLE)
        for number in list(self._overviews):
            self._take_overview(number, [])

    def _set_problem(self, endpoint: str, problem: str) -> None:
        if bool(problem) is not bool(self.problem):
            self.since = self._loop.time()
        self.endpoint, self.problem = endpoint, problem
        self._child.problem = problem
        self._setup.changed()

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
