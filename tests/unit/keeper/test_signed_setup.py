"""What doors of signed knocks are made of in the daemon."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import cast

from knockd.keeper.signed_setup import SignedSetup
from knockd.signed.signed_doors import SignedDoors
from knockd.signed.values import KnownKey
from tests.support.doubles.linked_workers import CONFIG, NullLogger
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import door
from tests.support.doubles.signed import LAPTOP, PATH, ToldDoors, ToldSetup, signed_door, watch_of

SIGNED = replace(CONFIG, doors=(door("1 2"), signed_door()))


def made() -> tuple[ToldSetup, ToldDoors]:
    """A setup, and the doors that it makes."""
    doors = ToldDoors()
    return ToldSetup(ManualLoop().loop, NullLogger().log, doors), doors


def test_without_signed_doors() -> None:
    """Nothing is made, and every question has its answer."""
    setup, doors = made()
    setup.adopt(CONFIG)
    setup.reap()
    setup.stop()
    assert setup.made is None
    assert setup.watch() is None
    assert setup.keys() == ()
    assert setup.why_waiting(signed_door()) is None
    assert (doors.adopted, doors.reaped, doors.stopped) == ([], 0, 0)


def test_first_signed_door_and_back() -> None:
    """The first such door makes them; they hear of everything from then on, also that there is none left."""
    setup, doors = made()
    setup.adopt(SIGNED)
    setup.adopt(CONFIG)
    setup.reap()
    setup.stop()
    assert doors.adopted == [SIGNED, CONFIG]
    assert (doors.reaped, doors.stopped) == (1, 1)


def test_answers() -> None:
    """What is asked is passed on; a door without a port of signed knocks waits for nothing."""
    setup, doors = made()
    setup.adopt(SIGNED)
    doors.live, doors.waiting, doors.known = watch_of(7), "no clock", (KnownKey(LAPTOP, PATH),)
    assert setup.watch() == watch_of(7)
    assert setup.keys() == doors.known
    assert setup.why_waiting(signed_door()) == "no clock"
    assert setup.why_waiting(door("1 2")) is None


def test_changes() -> None:
    """A change is told to whoever listens by then."""
    setup, doors = made()
    setup.adopt(SIGNED)
    told: list[int] = []
    doors.changed()
    setup.changed = lambda: told.append(1)
    doors.changed()
    assert told == [1]


def test_made_once() -> None:
    """They are made for who asks first."""
    made: list[SignedDoors] = []

    def make() -> SignedDoors:
        made.append(cast(SignedDoors, ToldDoors()))
        return made[-1]

    setup = SignedSetup(ManualLoop().loop, NullLogger().log, make)
    assert made == []
    assert setup.get() is setup.made
    assert [setup.get()] == made


def test_code_that_is_shared() -> None:
    """With the first such door all code is there that a fork shares, and none of it before."""
    script = (
        "import sys, knockd.keeper.signed_setup as one\n"
        "names = {'nacl.bindings', 'knockd.knocks.signed_packets', 'knockd.process.signed_view'}\n"
        "print(sorted(names & {*sys.modules}))\n"
        "one.share_code()\n"
        "print(sorted(names & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    shared = ["knockd.knocks.signed_packets", "knockd.process.signed_view", "nacl.bindings"]
    assert done.stdout.splitlines() == ["[]", str(shared)]
