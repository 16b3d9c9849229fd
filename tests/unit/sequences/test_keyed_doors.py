"""Which sequences of doors with keys are live, and what becomes of whole knocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.sequences.keyed_doors import Judgement
from knockd.sequences.live_periods import Fate, find_period
from knockd.sequences.rotating_watches import KeySequences
from knockd_conf.model import Door, Step
from knockd_conf.protocol import Protocol
from knockd_conf.timed import derive_ports
from tests.support.doubles.keyed import ANNE, BOB, NOON, PATH, KeyedHost, keyed_config, keyed_door, text_of

NOW = find_period(NOON, 30)
"""The period that begins at noon."""

SSH = keyed_door()


@pytest.fixture
def host(tmp_path: Path) -> KeyedHost:
    """A host with one door and two keys, up since noon."""
    made = KeyedHost(tmp_path)
    made.begin()
    return made


def live(host: KeyedHost, door: Door = SSH) -> dict[str, KeySequences]:
    """What is watched of a door, by key."""
    return {one.key: one for one in host.doors.list_sequences(door, 0)}


def knock(host: KeyedHost, period: int = NOW, key: str = "anne", door: Door = SSH) -> Judgement:
    """A whole knock with a sequence that the packet process takes for live."""
    return host.doors.open(door, host.doors.serial_of(door, key, period))


def fate(host: KeyedHost, period: int = NOW, key: str = "anne") -> Fate:
    """What becomes of it."""
    return knock(host, period, key).fate


def test_before_the_first_answer(tmp_path: Path) -> None:
    """Nothing is live, and the door says why."""
    host = KeyedHost(tmp_path)
    host.doors.adopt(host.config)
    assert live(host) == {}
    assert host.doors.why_waiting(SSH) == f"key file {PATH}: it is being read"
    host.loop.deliver()
    assert host.doors.why_waiting(SSH) is None
    assert host.changes == 1


def test_live(host: KeyedHost) -> None:
    """Each key has its sequences around now, numbered for the packet process."""
    assert list(live(host)) == ["anne", "bob"]
    anne = live(host)["anne"]
    assert (anne.now, anne.length, anne.burnt) == (NOW, 30, None)
    assert list(anne.ports) == list(range(NOW - 3, NOW + 4))
    assert anne.ports[NOW] == derive_ports(ANNE.key, "ssh", NOW, host.questions[0][0].rule)
    assert host.doors.names(SSH) == ("anne", "bob")


def test_door_by_its_number(host: KeyedHost) -> None:
    """The sequences are told for the number that the door has."""
    assert {one.door for one in host.doors.list_sequences(SSH, 7)} == {7}


def test_granted(host: KeyedHost) -> None:
    """It opens once; what is used is noted when it is granted."""
    found = knock(host)
    assert (found.fate, found.key) == (Fate.GRANTED, "anne")
    assert (host.directory / "state/used-periods").read_text().count('"anne"') == 1
    assert knock(host) == found._replace(fate=Fate.USED, seconds=30)


def test_many_openings(host: KeyedHost) -> None:
    """Packet processes are told once what is used, soon after; until then it opens nothing either."""
    host.changes = 0
    for key in ("anne", "bob"):
        assert fate(host, key=key) is Fate.GRANTED
        host.sleep(0.3)
        assert fate(host, key=key) is Fate.USED
        if key == "anne":
            assert (host.changes, live(host)["anne"].burnt) == (0, None)
    assert host.changes == 1
    assert [NOW, NOW] == [live(host)[key].burnt for key in ("anne", "bob")]


def test_opening_just_before_a_boundary(host: KeyedHost) -> None:
    """What is planned for the boundary is not put off, however many open."""
    host.changes = 0
    host.sleep(29.9)
    knock(host)
    host.sleep(0.11)
    assert (host.changes, live(host)["anne"].now) == (1, NOW + 1)


@pytest.mark.parametrize("period", [NOW - 1, NOW, NOW + 1])
def test_each_live_period_opens(host: KeyedHost, period: int) -> None:
    """A knocker's clock may be wrong by a period; all before what was used is used."""
    assert fate(host, period) is Fate.GRANTED
    assert [Fate.USED] * (period - NOW + 2) == [fate(host, one) for one in range(NOW - 1, period + 1)]


def test_another_key(host: KeyedHost) -> None:
    """What one has used another one has not; nor is it used at another door."""
    knock(host)
    assert fate(host, key="bob") is Fate.GRANTED


def test_next_period(host: KeyedHost) -> None:
    """Who has used a sequence knocks again with the next one, without anybody's doing."""
    knock(host)
    host.sleep(30)
    assert fate(host, NOW + 1) is Fate.GRANTED


@pytest.mark.parametrize(
    ("period", "fate", "seconds"),
    [(NOW - 2, Fate.BEHIND, 45), (NOW - 3, Fate.BEHIND, 75), (NOW + 2, Fate.AHEAD, 75)],
)
def test_stale(host: KeyedHost, period: int, fate: Fate, seconds: float) -> None:
    """A whole knock with a sequence of another time says how wrong the knocker's clock is."""
    found = host.doors.explain_stale(SSH, host.doors.serial_of(SSH, "bob", period))
    assert (found.fate, found.key, found.seconds) == (fate, "bob", seconds)


def test_stale_of_a_used_one(host: KeyedHost) -> None:
    """It says that it was used, and when the next one begins."""
    knock(host)
    host.clocks.sleep(13)
    found = host.doors.explain_stale(SSH, host.doors.serial_of(SSH, "anne", NOW))
    assert (found.fate, found.seconds) == (Fate.USED, 17)


@pytest.mark.parametrize(("period", "fate"), [(NOW + 1, Fate.AHEAD), (NOW - 1, Fate.BEHIND)])
def test_stale_until_just_now(host: KeyedHost, period: int, fate: Fate) -> None:
    """What a boundary has made good after it came opens nothing, and its clock was wrong."""
    found = host.doors.explain_stale(SSH, host.doors.serial_of(SSH, "anne", period))
    assert (found.fate, found.seconds) == (fate, 45 if fate is Fate.AHEAD else 15)
    assert knock(host, period).fate is Fate.USED


@pytest.mark.parametrize(("period", "later"), [(NOW + 1, 0), (NOW + 2, 30), (NOW + 3, 60)])
def test_ahead_is_used(host: KeyedHost, period: int, later: float) -> None:
    """Who has heard the knock of a clock that is ahead does not open the door when its time has come."""
    serial = host.doors.serial_of(SSH, "anne", period)
    assert host.doors.explain_stale(SSH, serial).fate is Fate.AHEAD
    noted = (host.directory / "state/used-periods").read_text()
    assert host.doors.explain_stale(SSH, serial).fate in {Fate.AHEAD, Fate.USED}
    assert noted == (host.directory / "state/used-periods").read_text()
    host.sleep(later)
    assert fate(host, find_period(host.clocks.wall, 30), "bob") is Fate.GRANTED
    for number in (serial, host.doors.serial_of(SSH, "anne", period - 1)):
        assert host.doors.open(SSH, number).fate is Fate.USED
    host.restart()
    assert fate(host, period) is Fate.USED
    host.sleep(60)
    assert fate(host, period + 1) is Fate.GRANTED


def test_unknown_serial(host: KeyedHost) -> None:
    """A packet process can name no sequence that it was not told of, nor one of another door."""
    other = keyed_door("web")
    host.doors.adopt(keyed_config(SSH, other, state_dir=host.config.options.state_dir))
    host.loop.deliver()
    serial = host.doors.serial_of(SSH, "anne", NOW)
    for door, number in ((SSH, 4_711), (other, serial)):
        for judge in (host.doors.open, host.doors.explain_stale):
            found = judge(door, number)
            assert (found.fate, found.reason) == (Fate.REFUSED, "its sequence is not known any more")


def test_period_boundaries(host: KeyedHost) -> None:
    """At each boundary other sequences are live, and the files are read; in between nothing happens."""
    host.changes = 0
    for number in range(1, 5):
        host.sleep(29.9)
        assert (host.changes, len(host.children)) == (number - 1, number)
        host.sleep(0.1 + 0.01)
        assert live(host)["anne"].now == NOW + number
        assert (host.changes, len(host.children)) == (number, number + 1)
        host.sleep(-0.01)
    assert not [line for line in host.said if "problem" in line]


def test_no_deaf_window(host: KeyedHost) -> None:
    """Just after a boundary, before a child has answered, all is there that opens or is recognised."""
    host.fault = lambda: (_ for _ in ()).throw(OSError(11, "no process"))
    host.sleep(30.01)
    assert list(live(host)["anne"].ports) == list(range(NOW - 2, NOW + 5))


def test_children_that_fail(host: KeyedHost) -> None:
    """What is live stays for some periods; it is said once."""
    host.fault = lambda: (_ for _ in ()).throw(OSError(11, "no process"))
    host.sleep(95)
    assert fate(host, NOW + 3) is Fate.GRANTED
    assert host.said == ["keys-problem no process"]
    host.fault = None
    host.sleep(60)
    assert fate(host, NOW + 5) is Fate.GRANTED


def test_doors_with_periods_of_their_own(tmp_path: Path) -> None:
    """Each moves on at its own boundaries, and its file is read then."""
    fast = keyed_door("fast", sequence_period=10)
    host = KeyedHost(tmp_path, SSH, fast)
    host.begin()
    host.sleep(10.01)
    assert live(host, fast)["anne"].now == find_period(NOON, 10) + 1
    assert live(host)["anne"].now == NOW
    assert [[one.door for one in asked] for asked in host.questions] == [["ssh", "fast"], ["fast"]]


def test_seconds_to_the_next(host: KeyedHost) -> None:
    """They are those of the door's period."""
    host.clocks.sleep(12)
    assert host.doors.seconds_to_next(SSH) == 18


def test_no_doors_with_keys(tmp_path: Path) -> None:
    """Nothing is read, written, started or waited for."""
    host = KeyedHost(tmp_path)
    host.doors.adopt(keyed_config(state_dir=host.config.options.state_dir))
    host.doors.stop()
    assert (host.loop.timers, host.children, list(tmp_path.iterdir())) == ([], [], [])


def test_stop(host: KeyedHost) -> None:
    """Nothing is left behind, and the time is noted."""
    host.fault = None
    host.sleep(7)
    host.doors.stop()
    assert (host.loop.waiting, host.loop.readers) == ([], {})
    assert f'["newest", {NOON + 7}]' in (host.directory / "state/used-periods").read_text()


def test_stage(host: KeyedHost) -> None:
    """Half a knock has the time noted; at a door without a key it has not."""
    host.clocks.sleep(7)
    host.doors.seconds_to_next(SSH)
    host.sleep(0.001)
    knock(host, NOW + 9)  # looks at the clock
    host.doors.note_stage(keyed_door("other"))
    before = (host.directory / "state/used-periods").read_text()
    host.doors.note_stage(SSH)
    assert (host.directory / "state/used-periods").read_text().startswith(before)
    assert len((host.directory / "state/used-periods").read_text()) > len(before)


def test_door_of_that_name_before_it(host: KeyedHost) -> None:
    """What is used stays used when a door of the same name is put before it or taken away: without a key."""
    assert fate(host) is Fate.GRANTED
    plain = Door("ssh", "/etc/knockd.conf", 1, (Step(7000, Protocol.TCP),))
    for doors in ((plain, keyed_door(occurrence=1)), (SSH,)):
        host.doors.adopt(keyed_config(*doors, state_dir=host.config.options.state_dir))
        host.loop.deliver()
        assert knock(host, door=doors[-1]).fate is Fate.USED


def test_keys_of_a_reload(host: KeyedHost) -> None:
    """A door that stays keeps what is live until its file has been read again."""
    serial = host.doors.serial_of(SSH, "anne", NOW)
    host.files[PATH] = text_of(BOB)
    host.doors.adopt(host.config)
    assert list(live(host)) == ["anne", "bob"]
    assert serial == host.doors.serial_of(SSH, "anne", NOW)
    host.loop.deliver()
    assert list(live(host)) == ["bob"]
    assert host.doors.open(SSH, serial).reason == "key anne is no longer good"


def test_door_that_is_removed(host: KeyedHost) -> None:
    """Nothing of it is live; what comes late of it opens nothing, and nothing is waited for."""
    serial = host.doors.serial_of(SSH, "anne", NOW)
    host.doors.adopt(keyed_config(state_dir=host.config.options.state_dir))
    assert live(host) == {}
    assert host.doors.open(SSH, serial).fate is Fate.REFUSED
    assert host.doors.why_waiting(SSH) is None
    assert (host.loop.readers, host.doors.names(SSH)) == ({}, ())


def test_door_with_another_rule(host: KeyedHost) -> None:
    """Its sequences are others: nothing is live until they are known."""
    serial = host.doors.serial_of(SSH, "anne", NOW)
    five = keyed_door(sequence_steps=5)
    host.doors.adopt(keyed_config(five, state_dir=host.config.options.state_dir))
    assert live(host) == {}
    host.loop.deliver()
    assert {len(one.steps) for one in live(host)["anne"].ports.values()} == {5}
    assert host.doors.open(five, serial).fate is Fate.REFUSED
