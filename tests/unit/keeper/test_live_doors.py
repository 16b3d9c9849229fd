"""Doors by number, over reloads, and their watches: nothing else of them goes to the packet process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from knockd.keeper import live_doors
from knockd.keeper.live_doors import LiveDoors, Rotating, count_steps
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch
from knockd.sequences.live_periods import find_period
from knockd_conf.model import CommandFacts, Config, Door, GuardPorts, Options, Step
from knockd_conf.timed import Rule, derive_ports
from tests.support.doubles.keyed import ANNE, NOON, KeyedHost, keyed_door
from tests.support.doubles.linked_workers import NOWHERE, NullLogger, no_keys
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import door, steps
from tests.support.doubles.signed import PORT, ToldDoors, ToldSetup, no_signed, signed_door


def config(*doors: Door) -> Config:
    """A configuration of these doors."""
    return Config("/etc/knockd.conf", Options(), doors, "host", ())


def live(*doors: Door) -> LiveDoors:
    """The doors of a first configuration."""
    return LiveDoors(config(*doors), NullLogger(), NOWHERE, no_keys(), no_signed())


def numbers(made: LiveDoors) -> list[int]:
    """The doors' numbers on the link, in the order of the configuration."""
    return [watch.door for watch in made.watches()]


def test_watches_and_their_guards() -> None:
    """A door's watch has its steps and the guards beside them, but for ports with a socket."""
    made = live(door("7 9"))
    made.set_taken(Taken().with_sockets(steps("6 10")))
    (watch,) = made.watches()
    assert watch.steps == steps("7 9")
    assert set(watch.guards) == set(steps("2 3 4 5 8 11 12 13 14"))


def test_numbers() -> None:
    """Doors are numbered in their order."""
    made = live(door("1", name="a"), door("2", name="b"))
    assert numbers(made) == [0, 1]
    assert [one.name for one in made.known] == ["a", "b"]


def test_a_door_keeps_its_number() -> None:
    """Wherever it goes in the file, and whatever of it changes."""
    made = live(door("1", name="a"), door("2", name="b"))
    assert made.adopt(config(door("3", name="c"), door("4", name="b", line=9)))
    assert numbers(made) == [2, 1]
    assert [one.name for one in made.known] == ["a", "b", "c"]
    assert made.known[1].steps == steps("4")


def test_a_removed_door_comes_back() -> None:
    """A door that has been removed is still known, and has its number when it comes back."""
    made = live(door("1", name="a"), door("2", name="b"))
    made.adopt(config(door("1", name="a")))
    assert numbers(made) == [0]
    made.adopt(config(door("2", name="b"), door("1", name="a")))
    assert numbers(made) == [1, 0]
    assert len(made.known) == 2


def test_doors_of_one_name() -> None:
    """Doors of one name are distinguished by their index among these."""
    first, second = door("1"), door("2", occurrence=1)
    made = live(first, second)
    made.adopt(config(replace(first, steps=steps("9")), second))
    assert numbers(made) == [0, 1]


def test_no_numbers_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a configuration may need more numbers than there are, everything stays as it was."""
    monkeypatch.setattr(live_doors, "MOST_DOORS", 2)
    made = live(door("1", name="a"))
    assert made.adopt(config(door("1", name="b")))
    assert not made.adopt(config(door("1", name="c")))
    assert numbers(made) == [1]


@pytest.fixture
def once(tmp_path: Path) -> Door:
    """A door with two one-time sequences that are the same."""
    path = tmp_path / "once"
    path.write_text("1,2\n1,2\n")
    path.chmod(0o600)
    return door("", one_time_file=str(path))


def test_a_used_sequence(once: Door) -> None:
    """After an opening a one-time door has another watch, also when its next sequence is the same."""
    made = live(once)
    (before,) = made.watches()
    made.rotate(0)
    (after,) = made.watches()
    assert before.steps == after.steps == steps("1 2")
    assert before.once
    assert before.attempts_at != after.attempts_at


def test_a_sequence_that_was_used_just_before_a_reload(once: Door) -> None:
    """While its opening is on its way the watch stays what it was, so the packet process keeps it used up."""
    made = live(once)
    (before,) = made.watches()
    made.adopt(config(once))
    assert made.watches() == (before,)


def test_a_reload_after_an_opening(once: Door) -> None:
    """A reload does not count the used sequences anew."""
    made = live(once)
    made.rotate(0)
    (before,) = made.watches()
    made.adopt(config(replace(once, start_command="true")))
    assert made.watches() == (before,)


def test_another_one_time_file(once: Door, tmp_path: Path) -> None:
    """With another file it is another door, so that what was used is struck out of the right file."""
    other = tmp_path / "other"
    other.write_text("3,4\n5,6\n")
    other.chmod(0o600)
    made = live(once)
    made.adopt(config(replace(once, one_time_file=str(other))))
    made.rotate(0)
    assert numbers(made) == [1]
    assert made.watches()[0].steps == steps("3 4")
    assert other.read_text() == "3,4\n5,6\n"


def test_files_read_again(once: Door) -> None:
    """What somebody else has struck out is no longer live."""
    made = live(once)
    Path(once.one_time_file or "").write_text("8,9\n")
    made.reload_files()
    assert made.watches()[0].steps == steps("8 9")


def test_commands() -> None:
    """Every command of every door that is known, and what is known of it: none of them is to be inherited."""
    facts = (CommandFacts(4, ("go-program",)),)
    made = live(door("1", name="a", start_command="go", stop_command_6="", facts=facts))
    made.adopt(
        config(door("1", name="b", start_command_6="go6", stop_command="halt", stop_command_6="halt6"))
    )
    assert list(made.commands()) == ["go", "go-program", "go6", "halt", "halt6"]


def test_guard_that_is_taken() -> None:
    """A port that is taken now is none of the guards, and how many are lost is said."""
    made = live(door("7 27"))
    change = made.set_taken(Taken().with_sockets(steps("6 28")))
    assert change is not None
    assert 2 == change.lost
    assert change.watches == made.watches()
    assert not {*steps("6 28")} & {*change.watches[0].guards}


def test_guard_that_is_free_again() -> None:
    """A guard comes back, and the one that stood in for it goes."""
    made = live(door("30"))
    taken = Taken().with_sockets(steps("29"))
    made.set_taken(taken)
    change = made.set_taken(Taken())
    assert change is not None
    assert {*steps("29")} <= {*change.watches[0].guards}


@pytest.mark.parametrize("sockets", ["", "5000", "16u 16", "21"])
def test_what_is_no_guards_business(sockets: str) -> None:
    """Sockets far from every step, on the step itself, or behind enough guards change nothing."""
    made = live(door("7 16"), door("16u"))
    before = made.watches()
    assert made.set_taken(Taken().with_sockets(steps(sockets))) is None
    assert before == made.watches()


def test_what_may_be_a_guard() -> None:
    """An automatic guard that is taken is none; one that the owner has named is."""
    made = live(
        door("7 9", name="auto"),
        door("20 30", name="named", guard_ports=GuardPorts(auto=False, ports=steps("25"))),
    )
    made.set_taken(Taken().with_sockets(steps("6 25")))
    number = 6 << 16
    assert not made.may_guard(0, number | 6)
    assert made.may_guard(0, number | 8)
    assert made.may_guard(1, number | 25)


class Keyed:
    """Doors of which some have keys: plain steps stand near a step of a key."""

    def __init__(self, directory: Path) -> None:
        self.ssh = keyed_door(stop_command="halt")
        self.host = KeyedHost(directory, self.ssh)
        self.host.begin()
        self.period = find_period(NOON, 30)
        self.ports = derive_ports(ANNE.key, "ssh", self.period, Rule())
        self.near = self.ports.steps[0].port + 2
        self.plain = door(f"{self.near} 7", name="plain")
        config = replace(self.host.config, doors=(self.plain, self.ssh))
        self.doors = LiveDoors(config, NullLogger(), NOWHERE, self.host.setup(), no_signed())

    def watches(self, key: str = "anne") -> dict[int, Watch]:
        """The watches of a key by their period."""
        serial = self.host.doors.serial_of
        by_serial = {watch.serial: watch for watch in self.doors.watches() if watch.door == 1}
        periods = range(self.period - 3, self.period + 4)
        return {one - self.period: by_serial[serial(self.ssh, key, one)] for one in periods}


@pytest.fixture
def keyed(tmp_path: Path) -> Keyed:
    """Doors of which one has two keys."""
    return Keyed(tmp_path)


def test_watches_of_keys(keyed: Keyed) -> None:
    """A door with keys has a watch for each sequence that is live or recognised."""
    watches = keyed.watches()
    assert [-1, 0, 1] == [period for period, watch in watches.items() if watch.opens]
    assert watches[0].steps == tuple(Step(one.port, one.protocol) for one in keyed.ports.steps)
    assert watches[0].flags == keyed.ssh.flags
    assert {watch.ignore_time for watch in watches.values()} == {120.0}
    assert {watch.door for watch in keyed.doors.watches()} == {0, 1}
    assert [watch.steps for watch in keyed.doors.watches() if watch.door == 0] == [keyed.plain.steps]


def test_guards_beside_steps_of_keys(keyed: Keyed) -> None:
    """What is a step of a key now is no guard of another door; its neighbours may be."""
    (plain,) = (watch for watch in keyed.doors.watches() if watch.door == 0)
    assert Step(keyed.near - 1) in plain.guards
    assert Step(keyed.near - 2) not in plain.guards


def test_numbers_of_doors_with_keys(keyed: Keyed) -> None:
    """They are kept over reloads, as those of other doors are."""
    config = replace(keyed.host.config, doors=(keyed.ssh, door("1", name="new")))
    assert keyed.doors.adopt(config)
    assert {watch.door for watch in keyed.doors.watches()} == {1, 2}


def test_guard_of_a_key_that_is_taken(keyed: Keyed) -> None:
    """It is none of its guards any more, also where Guard_Ports names others for all doors."""
    guard = keyed.ports.guards[0]
    change = keyed.doors.set_taken(Taken().with_sockets([Step(guard.port, guard.protocol)]))
    assert change is not None
    assert 3 == change.lost
    number = guard.protocol << 16 | guard.port
    assert not keyed.doors.may_guard(1, number)
    assert keyed.doors.may_guard(1, number + 1)
    assert Step(guard.port, guard.protocol) not in keyed.watches()[0].guards


def test_door_that_waits(keyed: Keyed) -> None:
    """It is disabled; what is known of it has no port."""
    assert keyed.doors.find_disabled() == set()
    assert keyed.doors.find_rotating() == {("ssh", 0): Rotating(None, ("anne", "bob"), 30, 30.0)}
    keyed.host.clocks.wall -= 7_200
    keyed.host.sleep(15)
    assert keyed.doors.find_disabled() == {("ssh", 0)}
    (found,) = keyed.doors.find_rotating().values()
    assert (found.waiting or "").startswith("the clock is 1 h 59 min earlier")
    (one,) = (known for known in keyed.doors.known if known.sequence_key is not None)
    assert keyed.doors.explain_disabled(one) == f"no knock opens it now: {found.waiting}"
    assert found.left is None
    assert [watch.steps for watch in keyed.doors.watches()] == [keyed.plain.steps, ()]


def test_why_no_knock_opens(keyed: Keyed, once: Door) -> None:
    """A door that can be opened has no reason; one whose file has no sequence left says so."""
    assert [keyed.doors.explain_disabled(one) for one in keyed.doors.known] == [None, None]
    Path(once.one_time_file or "").write_text("# 1,2\n")
    assert live(once).explain_disabled(once) == "no knock opens it: no sequence is left in its file"


def test_which_doors_have_keys(keyed: Keyed) -> None:
    """Packet processes whose doors have none need no other watches."""
    assert keyed.doors.have_keys
    assert not live(door("1")).have_keys


@pytest.mark.parametrize(
    ("made", "steps"), [(keyed_door(sequence_steps=5), 5), (door("1 2"), 2), (door(""), 0)]
)
def test_steps(made: Door, steps: int) -> None:
    """How many steps a door has, whatever its sequence is made of."""
    assert count_steps(made) == steps


BOTH = replace(door("7 9", name="both"), signed_port=PORT)


def signed(waiting: str | None, *doors: Door, keyed: KeyedHost | None = None) -> LiveDoors:
    """Doors that signed knocks open, unless these wait for something."""
    told = ToldDoors()
    told.waiting = waiting
    setup = ToldSetup(ManualLoop().loop, NullLogger().log, told)
    setup.adopt(config(*doors))
    keys = no_keys() if keyed is None else keyed.setup()
    return LiveDoors(config(*doors), NullLogger(), NOWHERE, keys, setup)


def test_door_of_signed_knocks_alone() -> None:
    """It has a watch without steps, and waits for what signed knocks wait for."""
    alone = signed_door("alone")
    good = signed(None, alone, door("7 9"))
    assert [len(watch.steps) for watch in good.watches()] == [0, 2]
    assert good.find_disabled() == set()
    assert good.explain_disabled(alone) is None
    assert good.find_signed() == {("alone", 0): None}
    bad = signed("no clock", alone, door("7 9"))
    assert bad.find_disabled() == {("alone", 0)}
    assert bad.explain_disabled(alone) == "no knock opens it now: no clock"
    assert bad.find_signed() == {("alone", 0): "no clock"}


def test_door_of_a_sequence_and_signed_knocks() -> None:
    """Where it has both it can be knocked at while one of them works."""
    waiting = signed("no clock", BOTH)
    assert waiting.find_disabled() == set()
    assert waiting.explain_disabled(BOTH) is None
    assert waiting.find_signed() == {("both", 0): "no clock"}


def test_door_whose_sequence_waits(tmp_path: Path) -> None:
    """One whose sequences cannot be used is opened by signed knocks, unless these wait, too."""
    keyed = keyed_door("both", path="/none", signed_port=PORT)
    host = KeyedHost(tmp_path, keyed)
    host.begin()
    for waiting in (None, "no secret"):
        doors = signed(waiting, keyed, keyed=host)
        assert doors.find_disabled() == {("both", 0)}
        assert (doors.explain_disabled(keyed) is None) is (waiting is None)
