"""What is noted of keys: what the next start knows, and when it must assume the worst."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from knockd.sequences.burnt_periods import COMPACT, KEPT, NAME, BurntPeriods
from knockd.sequences.noted_lines import NotedLines
from tests.support.doubles.keyed import POLICY

ANNE, BOB, OTHER = ("ssh", "anne"), ("ssh", "bob"), ("web", "anne")
NOW = 1_790_000_000.0
RUN = f"{NAME}-1"
FILE = "/etc/knockd/keys"


class Host:
    """A host whose disk, memory and boots are a test's."""

    def __init__(self, directory: Path) -> None:
        self.state, self.run = directory / "state", directory / "run"
        self.said: list[str] = []
        self.in_memory: set[str] = {str(self.run)}

    def start(self) -> BurntPeriods:
        """The daemon starts, and its clock is good."""
        made = self.begin()
        if made.needs_floor:
            made.settle(NOW)
        return made

    def begin(self) -> BurntPeriods:
        """The daemon starts."""
        made = BurntPeriods(str(self.state), str(self.run), RUN, POLICY, self._log, self._passes)
        made.begin()
        return made

    def boot(self) -> None:
        """The machine boots: what was in memory is gone."""
        for directory in map(Path, self.in_memory):
            if directory.is_dir():
                for file in directory.iterdir():
                    file.unlink()

    def _passes(self, path: str) -> bool:
        return path in self.in_memory

    def _log(self, event: str, **fields: Any) -> None:
        self.said.append(" ".join((event, *map(str, fields.values()))))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host whose StateDir is on a disk."""
    return Host(tmp_path)


def test_nothing_is_used(host: Host) -> None:
    """On a disk without notes nothing has been used: nobody has to wait."""
    made = host.start()
    assert (made.newest, made.floor, made.find_used_until(ANNE)) == (0.0, 0.0, 0.0)
    assert host.said == []


def test_used(host: Host) -> None:
    """What is used is used at this door, with this key."""
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    assert [NOW + 30, 0.0, 0.0] == [made.find_used_until(one) for one in (ANNE, BOB, OTHER)]


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_the_next_start_knows(host: Host, *, boots: bool) -> None:
    """After a restart and after a boot what was used is, and the newest time is known."""
    host.start().burn(ANNE, NOW + 30, NOW, FILE)
    if boots:
        host.boot()
    made = host.begin()
    assert not made.needs_floor
    assert (made.find_used_until(ANNE), made.newest) == (NOW + 30, NOW)


def test_earlier_period_after_a_later_one(host: Host) -> None:
    """Used time never goes back, neither here nor in what is noted."""
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    made.burn(ANNE, NOW, NOW, FILE)
    assert made.find_used_until(ANNE) == host.begin().find_used_until(ANNE) == NOW + 30


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_newest_time(host: Host, *, boots: bool) -> None:
    """What is noted for this boot a boot takes; what is lasting stays."""
    made = host.start()
    made.note_time(NOW, lasting=True)
    made.note_time(NOW + 60, lasting=False)
    if boots:
        host.boot()
    assert host.begin().newest == (NOW if boots else NOW + 60)


def test_state_dir_in_memory(host: Host) -> None:
    """After a boot that has emptied it nothing from before the start is good; a restart knows all."""
    host.in_memory.add(str(host.state))
    assert host.start().floor == NOW  # it may have been emptied just before
    host.start().burn(ANNE, NOW + 30, NOW, FILE)
    again = host.begin()
    assert (again.needs_floor, again.floor, again.find_used_until(ANNE)) == (False, NOW, NOW + 30)
    host.boot()
    assert host.begin().needs_floor
    assert host.said == [f"periods-unlasting a reboot may empty {host.state}"] * 4


def test_state_dir_that_cannot_be_written(host: Host) -> None:
    """What is used is noted for this boot; after one nothing from before the start is good."""
    host.state.write_text("a file in its place")
    made = host.start()
    assert made.floor == NOW
    made.burn(ANNE, NOW + 30, NOW, FILE)
    again = host.begin()
    assert (again.needs_floor, again.find_used_until(ANNE)) == (False, NOW + 30)
    host.boot()
    assert host.begin().needs_floor
    assert [f"periods-unlasting {host.state}: Not a directory"] * 3 == host.said


def test_state_dir_that_cannot_be_written_any_more(host: Host) -> None:
    """What it says is not all there is: after a boot nothing from before the start is good."""
    host.start().burn(ANNE, NOW + 30, NOW, FILE)
    host.state.chmod(0o777)  # nothing is put there then
    host.boot()
    assert host.begin().needs_floor


def test_crash_before_the_clock_is_good(host: Host) -> None:
    """That a start has made new notes does not mean that it knew what was used before."""
    host.in_memory.add(str(host.state))
    host.begin()
    assert host.begin().needs_floor
    assert host.start().floor == NOW
    assert not host.begin().needs_floor


def test_nowhere(host: Host) -> None:
    """Where nothing can be noted the log says so, and the next start assumes the worst."""
    host.state.write_text("")
    host.run.write_text("")
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    assert made.find_used_until(ANNE) == NOW + 30
    assert [f"periods-unnoted {host.state}: Not a directory; {host.run}: Not a directory"] == host.said
    assert host.begin().needs_floor


def test_disk_that_is_full_for_a_while(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, a restart knows all the same, and once more when it fails again later."""
    made = host.start()
    real = made._lasting.lines.append
    full = {"now": True}

    def append(directory: str, value: object) -> int:
        if full["now"] and directory == str(host.state):
            raise OSError(28, "No space left on device")
        return real(directory, value)

    monkeypatch.setattr(made._lasting.lines, "append", append)
    for end in (30, 60):
        made.burn(ANNE, NOW + end, NOW, FILE)
    assert [f"periods-unlasting {host.state}: No space left on device"] == host.said
    full["now"] = False
    made.burn(ANNE, NOW + 90, NOW, FILE)
    full["now"] = True
    made.burn(ANNE, NOW + 120, NOW, FILE)
    assert 2 == len(host.said)
    assert host.begin().find_used_until(ANNE) == NOW + 120


def test_notes_of_others(host: Host) -> None:
    """A file that others could write is not believed, and replaced: what is before the start is not good."""
    host.start().burn(ANNE, NOW + 30, NOW, FILE)
    host.boot()
    (host.state / NAME).chmod(0o666)
    made = host.begin()
    assert made.needs_floor
    what = (
        f"{host.state}/{NAME}, which notes used sequences of keys: others can write {NAME} in it, remove it"
    )
    assert host.said == [f"periods-unread {what}"]
    assert (host.state / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "line", ["garbage", "[]", '["used"]', '["used", "ssh", "anne", "x", 1]', '["newest", "x"]', "{}", "5"]
)
def test_lines_that_are_none(host: Host, line: str) -> None:
    """They are left out, those around them count."""
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    with (host.state / NAME).open("a") as file:
        file.write(line)
    made.burn(BOB, NOW + 60, NOW, FILE)
    host.boot()
    again = host.begin()
    assert (again.find_used_until(ANNE), again.find_used_until(BOB)) == (NOW + 30, NOW + 60)


def test_what_is_long_over(host: Host) -> None:
    """Files stay short: what no period can meet any more is left out when they are written anew."""
    made = host.start()
    for at in range(2_000):
        made.burn(("ssh", f"key{at:04}"), NOW + at * 30, NOW + at * 30, FILE)
    for file in (host.state / NAME, host.run / RUN):
        assert file.stat().st_size < COMPACT + 100
    again = host.begin()
    kept = round(KEPT / 30)
    assert again.find_used_until(("ssh", "key1999")) == NOW + 1_999 * 30
    assert again.find_used_until(("ssh", f"key{1_999 - kept + 1}")) == NOW + (2_000 - kept) * 30
    assert again.find_used_until(("ssh", "key0000")) == 0.0


def test_two_daemons_with_one_file(host: Host) -> None:
    """Who writes it anew keeps what the other one has noted there."""
    one, other = host.start(), host.start()
    other.burn(BOB, NOW + 60, NOW, FILE)
    for at in range(1_000):
        one.burn(ANNE, NOW + 30, NOW + at * 0.001, FILE)
    assert host.begin().find_used_until(BOB) == NOW + 60


def test_new_key(host: Host) -> None:
    """A key that is new may have had another name: what any key of the door had used is used.

    Where the file is older than that, it had its own name then.
    """
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    made.burn(OTHER, NOW + 90, NOW, FILE)
    for again in (made, host.begin()):
        again.begin_key(BOB, FILE, NOW - 3)
        assert again.find_used_until(BOB) == 0.0
        again.begin_key(BOB, FILE, NOW + 1)
        assert again.find_used_until(BOB) == NOW + 30
        assert again.find_used_until(ANNE) == NOW + 30


def test_key_that_was_new_before_a_use(host: Host) -> None:
    """What was used after the file was changed is another key's."""
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    made.burn(ANNE, NOW + 90, NOW + 60, FILE)
    made.begin_key(BOB, FILE, NOW + 40)
    assert made.find_used_until(BOB) == 0.0


def test_new_key_in_another_file(host: Host) -> None:
    """What was used with another file may be this key's, however old its file is; a restart knows it."""
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    made.begin_key(BOB, "/etc/other", NOW - 9_999)
    made.burn(ANNE, NOW + 60, NOW + 5, "/etc/other")
    for again in (made, host.begin()):
        again.begin_key(BOB, "/etc/other", NOW - 9_999)
        assert again.find_used_until(BOB) == NOW + 30


def test_another_state_dir(host: Host, tmp_path: Path) -> None:
    """What is known goes along, and what the other one holds is known."""
    made = host.start()
    made.burn(ANNE, NOW + 30, NOW, FILE)
    made.move(str(tmp_path / "new"))
    host.state = tmp_path / "new"
    host.boot()
    again = host.begin()
    assert (again.needs_floor, again.find_used_until(ANNE)) == (False, NOW + 30)


def test_records(host: Host) -> None:
    """Both files are named, for who has to remove them."""
    assert host.begin().records == f"{host.state}/{NAME} and {host.run}/{RUN}"


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_killed_while_nothing_could_be_noted(
    host: Host, monkeypatch: pytest.MonkeyPatch, *, boots: bool
) -> None:
    """Where neither file takes notes, those that are there may lack what was used last."""
    host.start()
    monkeypatch.setattr(NotedLines, "append", _full)
    monkeypatch.setattr(NotedLines, "replace", _full)
    host.start().burn(ANNE, NOW + 30, NOW, FILE)
    if boots:
        host.boot()
    assert host.begin().needs_floor


def _full(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")
