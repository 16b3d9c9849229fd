"""The clock beside its record: when the time is noted, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.sequences.key_record import NAME, KeyRecord
from knockd.sequences.recorded_clock import MARK_EVERY, RecordedClock
from knockd_conf.model import ClockTrust, Options
from tests.support.doubles.keyed import NOON, POLICY, Clocks

LOOSE = "the kernel says STA_UNSYNC"


class Recorded:
    """A recorded clock, and what it has noted."""

    def __init__(self, directory: Path) -> None:
        self.state, self.run = directory / "state", directory / "run"
        self.clocks = Clocks()
        self.said: list[str] = []
        self.start()

    def start(self) -> None:
        """The daemon starts."""
        record = KeyRecord(str(self.state), str(self.run), "run", POLICY, self._log, lambda _: False)
        self.clock = RecordedClock(self._log, record, self.clocks)

    def _log(self, event: str, **fields: object) -> None:
        self.said.append(" ".join((event, *map(str, fields.values()))))

    def begin(self, clock: ClockTrust = ClockTrust.SYNCHRONISED) -> None:
        """It looks for the first time, or again after a reload."""
        self.clock.adopt(Options(state_dir=str(self.state), clock=clock))
        self.clock.look()

    def noted(self) -> tuple[float, float]:
        """The newest time, after noon, where it lasts and where it does not."""
        found = []
        for directory, name in ((self.state, NAME), (self.run, "run")):
            lines = (directory / name).read_text().split()
            found.append(max(float(word.rstrip("],")) for word in lines if word[:2] == "17") - NOON)
        return found[0], found[1]


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A recorded clock that nobody has looked at."""
    return Recorded(tmp_path)


def test_without_a_door(recorded: Recorded) -> None:
    """Before it is to begin nothing is read, noted or trusted."""
    recorded.clock.look()
    recorded.clock.mark_end()
    assert recorded.clock.now is None
    assert not recorded.run.exists()


def test_each_period(recorded: Recorded) -> None:
    """A time is noted once a period, at first and each hour where it lasts."""
    recorded.begin()
    recorded.clock.mark_period(30)
    assert recorded.noted() == (0, 0)
    for _ in range(3):
        recorded.clocks.sleep(20)
        recorded.clock.look()
        recorded.clock.mark_period(30)
    assert recorded.noted() == (0, 60)
    recorded.clocks.sleep(MARK_EVERY - 60)
    recorded.clock.look()
    recorded.clock.mark_period(30)
    assert recorded.noted() == (MARK_EVERY, MARK_EVERY)


def test_once_a_period(recorded: Recorded) -> None:
    """Within a period nothing is written."""
    recorded.begin()
    recorded.clock.mark_period(30)
    before = (recorded.run / "run").stat().st_size
    recorded.clocks.sleep(29)
    recorded.clock.look()
    recorded.clock.mark_period(30)
    assert before == (recorded.run / "run").stat().st_size


def test_half_a_knock(recorded: Recorded) -> None:
    """It is noted where it lasts, at most once a period."""
    recorded.begin()
    recorded.clock.mark_period(30)
    found = []
    for seconds in (5, 20, 9):
        recorded.clocks.sleep(seconds)
        recorded.clock.look()
        recorded.clock.mark_stage(30)
        found.append(recorded.noted())
    assert found == [(5, 5), (5, 5), (34, 34)]


def test_end(recorded: Recorded) -> None:
    """At the end the time of then is noted where it lasts."""
    recorded.begin()
    recorded.clocks.sleep(7)
    recorded.clock.mark_end()
    assert recorded.noted() == (7, 7)


def test_waiting(recorded: Recorded) -> None:
    """That doors wait is said once, and that they do no more; until then nothing is noted."""
    recorded.clocks.loose = LOOSE
    recorded.begin()
    for _ in range(3):
        recorded.clocks.sleep(5)
        recorded.clock.look()
        recorded.clock.mark_period(30)
        recorded.clock.mark_stage(30)
    assert recorded.clock.now is None
    recorded.clocks.loose = ""
    recorded.clock.look()
    assert [line.split()[0] for line in recorded.said] == ["clock-waiting", "clock-good"]
    assert LOOSE in recorded.said[0]
    recorded.clock.mark_period(30)
    assert recorded.noted() == (15, 15)


def test_set_back_over_a_restart(recorded: Recorded) -> None:
    """A clock that is earlier than the record waits; the message names the files."""
    recorded.begin()
    recorded.clock.mark_period(30)
    recorded.clocks.wall -= 7_200
    recorded.start()
    recorded.begin()
    (line,) = recorded.said
    assert line.startswith("clock-waiting the clock is 2 h earlier than it has been")
    assert f"remove {recorded.state}/{NAME} and {recorded.run}/run" in line


def test_another_reason(recorded: Recorded) -> None:
    """That it waits for another reason is another line."""
    recorded.begin()
    recorded.clocks.wall -= 60
    recorded.clock.look()
    recorded.clocks.wall -= 60
    recorded.clocks.loose = LOOSE
    recorded.clock.look()
    earlier, loose = recorded.said
    assert "60 s earlier" in earlier
    assert "not synchronised" in loose


def test_what_was_before_the_start(tmp_path: Path) -> None:
    """Where that is not known, it is said when the clock is good: from then on sequences are good."""
    recorded = Recorded(tmp_path)
    recorded.state.write_text("")
    recorded.clocks.loose = LOOSE
    recorded.begin()
    recorded.clocks.loose = ""
    recorded.clocks.sleep(5)
    recorded.clock.look()
    recorded.clock.look()
    assert [line.split()[0] for line in recorded.said] == [
        "periods-unlasting",
        "clock-waiting",
        "clock-good",
        "periods-from-now",
    ]


def test_seconds_to_the_next_period(recorded: Recorded) -> None:
    """They are counted from now, not from the last look."""
    assert recorded.clock.find_left(30) is None
    recorded.begin()
    recorded.clocks.sleep(12)
    assert recorded.clock.find_left(30) == 18


def test_reload(recorded: Recorded) -> None:
    """Clock = trust counts from then on, and messages name the files of the StateDir of then."""
    recorded.clocks.loose = LOOSE
    recorded.begin()
    recorded.begin(ClockTrust.TRUST)
    assert recorded.clock.now == NOON
    recorded.state = recorded.state.with_name("other")
    recorded.clocks.wall -= 60
    recorded.begin(ClockTrust.TRUST)
    assert f"remove {recorded.state}/{NAME} and" in recorded.said[-1]


def test_state_dir_of_a_later_time(recorded: Recorded) -> None:
    """Notes of another StateDir may be newer than the clock: doors wait."""
    recorded.begin()
    recorded.clock.mark_end()
    other = recorded.state.with_name("other")
    other.mkdir(0o700)
    note = (recorded.state / NAME).read_text().replace(str(NOON), str(NOON + 600))
    (other / NAME).write_text(note)
    (other / NAME).chmod(0o600)
    recorded.state = other
    recorded.begin()
    assert recorded.clock.now is None
    assert "10 min earlier" in recorded.said[-1]
