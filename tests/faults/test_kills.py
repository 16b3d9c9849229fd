"""SIGKILL at every step of a lease and at random: no door stays open, no stop too many is unexplained.

Several daemons are knocked at, killed and started again side by side. At the end a checker
(tests/support/oracles/lease_checker.py) goes through what their commands did.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.daemons.doors import CLIENT_ADDRESSES, SERVER_ADDRESSES
from tests.support.daemons.victim import CMD_TIMEOUT, LISTENING, Victim
from tests.support.lab.hosts import Lab
from tests.support.lab.packages import PATH
from tests.support.lab.strace import (
    EFFECTS,
    Call,
    injection,
    instants,
    killed_at,
    need_strace,
    parse,
    recorded,
)
from tests.support.lab.tools import need_lab
from tests.support.lab.waiting import WaitTimeout, wait_until
from tests.support.oracles.lease_checker import now

pytestmark = [pytest.mark.together, pytest.mark.long]

SIDE_BY_SIDE = 6
SPAWNS = frozenset({"vfork", "clone", "clone3"})
"""What posix_spawn(3) calls, by the C library."""

SEED = 4

MOST_AT_A_SIGNAL = 12
"""Steps of the way of a signal that are taken, evenly, where it has more."""

Job = Callable[[Victim], bool]
"""Kills a victim once and leaves it running with nothing open; whether the kill fell where it was to fall."""


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Victim]]:
    """Daemons with a door each that run, and go on running after every test; killed at the end."""
    need_lab()
    need_strace()
    with pytest.MonkeyPatch.context() as patch, Lab() as lab:
        patch.setenv("PATH", PATH)
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
        folder = tmp_path_factory.mktemp("crew")
        victims = [Victim(server, client, folder / f"{n}", n) for n in range(SIDE_BY_SIDE)]
        for victim in victims:
            victim.start()
        for victim in victims:
            victim.wait_ready()
        yield victims
        for victim in victims:
            victim.daemon.process.kill()
            victim.daemon.process.wait()


def run(crew: Sequence[Victim], jobs: Sequence[Job]) -> int:
    """Does all jobs, each victim the next when it is free, and checks; how many kills fell where planned."""
    waiting = deque(jobs)

    def work(victim: Victim) -> int:
        hits = 0
        while (job := _next(waiting)) is not None:
            hits += job(victim)
        victim.finish()
        return hits

    try:
        with ThreadPoolExecutor(len(crew)) as pool:
            hits = sum(pool.map(work, crew))
        problems = [f"daemon {n}: {line}" for n, victim in enumerate(crew) for line in victim.problems()]
        left = [victim.life.recovered for victim in crew if victim.life.recovered]
    finally:
        for victim in crew:
            victim.forget()
    assert problems == []
    assert left == [], "the journal still holds what has been closed"
    print(f"{hits} of {len(jobs)} kills fell where they were to fall")
    return hits


def _next(waiting: deque[Job]) -> Job | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


def again(victim: Victim, *wrapper: str) -> None:
    """The next life, until all that the last one left open is closed."""
    victim.start(*wrapper)
    victim.wait_ready()
    victim.settle()


def over(victim: Victim) -> bool:
    """Waits until the keeper has ended, kills it when it does not; whether a kill was what ended it."""
    with suppress(WaitTimeout):
        wait_until(lambda: not victim.running, victim.patience, "ended")
        hit = victim.daemon.process.returncode == -signal.SIGKILL
        victim.ended(killed=hit)
        return hit
    victim.kill()
    return False


def opened(victim: Victim) -> None:
    """Knocks and waits until the door is open."""
    starts = victim.starts()
    victim.knock()
    victim.wait_started(starts + 1)


def one_lease(victim: Victim) -> None:
    """Knocks and waits until the door has been open and is closed."""
    opened(victim)
    victim.settle()


def send_signal(victim: Victim, number: signal.Signals) -> None:
    """Sends a signal that the daemon handles, and notes in its life what the signal asks for."""
    if number == signal.SIGTERM:
        victim.life.terminated = now()
    victim.life.handed = number == signal.SIGUSR1
    victim.daemon.signal(number)


def steps(pid: int, path: Path, act: Callable[[], None]) -> list[Call]:
    """The steps of a process while ``act`` runs, and a moment longer."""
    with recorded(pid, path):
        act()
        time.sleep(0.2)
    return instants(parse(path.read_text()))


def keeper_at(call: Call, *, with_worker: bool) -> Job:
    """Kills the keeper (and the worker with it) at a step of a lease's life."""

    def job(victim: Victim) -> bool:
        worker = victim.worker()
        with killed_at(victim.daemon.pid, call):
            victim.knock()
            hit = over(victim)
        if with_worker:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        again(victim)
        return hit

    return job


def worker_at(call: Call) -> Job:
    """Kills the worker at a step of a knock; the next one opens doors as before.

    Its packets may come in one batch and take fewer calls than before: then the lease ends without a kill.
    """

    def job(victim: Victim) -> bool:
        listening = sum(LISTENING in line for line in victim.said())
        worker, stops = Path(f"/proc/{victim.worker()}"), victim.stops()
        with killed_at(int(worker.name), call):
            victim.knock()
            wait_until(
                lambda: not worker.exists() or victim.stops() > stops, 20, "a kill or the end of a lease"
            )
            if hit := not worker.exists():
                victim.wait_said(LISTENING, listening + 1)
        victim.settle()
        one_lease(victim)
        victim.kill()  # else it waits longer and longer before it replaces a worker
        again(victim)
        return hit

    return job


def keeper_after(seconds: float, *, with_worker: bool) -> Job:
    """Kills the keeper (and the worker first) so many seconds after a knock."""

    def job(victim: Victim) -> bool:
        worker = victim.worker()
        victim.knock()
        time.sleep(seconds)
        if with_worker:
            os.kill(worker, signal.SIGKILL)
        victim.kill()
        again(victim)
        return True

    return job


def renewal_after(seconds: float) -> Job:
    """Kills the keeper so many seconds after a second knock at an open door."""

    def job(victim: Victim) -> bool:
        opened(victim)
        victim.knock()
        time.sleep(seconds)
        victim.kill()
        again(victim)
        return True

    return job


def by_hand_after(seconds: float, *, closing: bool) -> Job:
    """Kills the keeper so many seconds after somebody opens its door by hand, or closes what is open so."""

    def job(victim: Victim) -> bool:
        if closing:
            victim.open_by_hand()
        with ThreadPoolExecutor(1) as pool:
            calling = pool.submit(victim.close_by_hand if closing else victim.open_by_hand)
            time.sleep(seconds)
            victim.kill()
            calling.result()
        again(victim)
        return True

    return job


def recovery_at(call: Call) -> Job:
    """Kills a keeper at a step of the recovery of a door whose time is over."""

    def job(victim: Victim) -> bool:
        opened(victim)
        victim.kill()
        time.sleep(CMD_TIMEOUT)
        victim.start("strace", "-D", "-o", "/dev/null", *injection(call))
        hit = over(victim)
        again(victim)
        return hit

    return job


def recoveries_after(delays: Sequence[float]) -> Job:
    """Kills one life after the other so many seconds after its beginning."""

    def job(victim: Victim) -> bool:
        opened(victim)
        victim.kill()
        for delay in delays:
            victim.start()
            time.sleep(delay)
            victim.kill()
        again(victim)
        return True

    return job


def signalled_at(number: signal.Signals, call: Call) -> Job:
    """Kills the keeper at a step of what a signal makes it do while a door is open."""

    def job(victim: Victim) -> bool:
        opened(victim)
        with killed_at(victim.daemon.pid, call):
            send_signal(victim, number)
            hit = over(victim)
        again(victim)
        return hit

    return job


def test_keeper_killed_at_every_step_of_a_lease(crew: list[Victim], tmp_path: Path) -> None:
    """Before and after each system call from the knock to the end of the lease; every second time both."""
    calls = steps(crew[0].daemon.pid, tmp_path / "trace", lambda: one_lease(crew[0]))
    names = {call.name for call in calls}
    assert {"pwrite64", "fdatasync", "recvfrom"} <= names
    assert SPAWNS & names
    jobs = [keeper_at(call, with_worker=place % 2 == 1) for place, call in enumerate(calls)]
    assert len(jobs) > 35
    assert run(crew, jobs) >= 0.7 * len(jobs)


def test_worker_killed_at_every_step_of_a_knock(crew: list[Victim], tmp_path: Path) -> None:
    """Before and after each message: leases stay as they are, and the next knock opens again."""
    calls = steps(crew[0].worker(), tmp_path / "trace", lambda: one_lease(crew[0]))
    assert "sendto" in {call.name for call in calls}
    assert run(crew, [worker_at(call) for call in calls]) >= 0.5 * len(calls)


def test_keeper_killed_at_random(crew: list[Victim]) -> None:
    """From the knock to the end of the lease, most of them where something happens."""
    chance = random.Random(SEED)
    delays = [chance.choice((0.02, 0.1, 1.3)) * chance.random() for _ in range(36)]
    delays += [CMD_TIMEOUT + 0.1 * chance.random() for _ in range(12)]
    run(crew, [keeper_after(delay, with_worker=place % 2 == 1) for place, delay in enumerate(delays)])


def test_keeper_killed_in_a_renewal(crew: list[Victim]) -> None:
    """A second knock closes the door and opens it again: a kill before, between and after."""
    chance = random.Random(SEED)
    run(crew, [renewal_after(0.1 * chance.random() ** 2) for _ in range(16)])


def test_keeper_killed_while_somebody_acts_by_hand(crew: list[Victim]) -> None:
    """Openings and closings by hand keep the promise of leases: a kill before, between and after."""
    chance = random.Random(SEED)
    jobs = [by_hand_after(0.1 * chance.random() ** 2, closing=place % 2 == 1) for place in range(24)]
    run(crew, jobs)


def recovery(victim: Victim, path: Path) -> list[Call]:
    """The steps of a life that begins with a door to close."""
    opened(victim)
    victim.kill()
    time.sleep(CMD_TIMEOUT)
    # How many files are opened before depends on how many processes the machine has.
    traced = ",".join((*(EFFECTS - {"openat"}), "?poll", "?ppoll"))
    again(victim, "strace", "-D", "-o", str(path), "-e", f"trace={traced}")
    calls = parse(path.read_text())
    first = next(place for place, call in enumerate(calls) if call.name == "flock")
    names = {call.name for call in calls[first:]}
    assert {"fsync", "renameat"} <= names
    assert SPAWNS & names
    return instants(calls[first:])


def test_keeper_killed_at_every_step_of_recovery(crew: list[Victim], tmp_path: Path) -> None:
    """A kill while what a kill has left is being put right."""
    hits, jobs = 0, list[Job]()
    for trace in ("first", "second"):  # on a busy machine it may be a way that is seldom gone
        jobs = [recovery_at(call) for call in recovery(crew[0], tmp_path / trace)]
        hits = run(crew, jobs)
        if hits >= 0.5 * len(jobs):
            break
    assert len(jobs) > 8
    assert hits >= 0.5 * len(jobs)


def test_keeper_killed_at_random_in_recovery(crew: list[Victim]) -> None:
    """Three lives in a row that end before they have put right what the first one left."""
    chance = random.Random(SEED)
    run(crew, [recoveries_after([0.5 * chance.random() for _ in range(3)]) for _ in range(8)])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP], ids=lambda n: n.name)
def test_keeper_killed_at_a_signal(crew: list[Victim], tmp_path: Path, number: signal.Signals) -> None:
    """A kill while the daemon closes doors, leaves them to the next one, or reads its configuration again."""
    victim = crew[0]
    opened(victim)
    calls = steps(victim.daemon.pid, tmp_path / "trace", lambda: send_signal(victim, number))
    if number == signal.SIGHUP:
        victim.settle()
    else:
        victim.ended(killed=False)
        again(victim)
    chosen = calls[:: max(1, len(calls) // MOST_AT_A_SIGNAL)]
    assert run(crew, [signalled_at(number, call) for call in chosen]) >= 0.5 * len(chosen)
