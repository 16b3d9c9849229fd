"""What is noted of keys: what the next start knows, and when it must assume the worst."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from knockd.sequences.key_record import NAME
from knockd.sequences.noted_lines import NotedLines
from tests.support.doubles.keyed import NOON as NOW
from tests.support.doubles.recorded_use import RUN, RecordHost

ANNE, BOB, OTHER = ("ssh", "anne"), ("ssh", "bob"), ("web", "anne")
FILE = "/etc/knockd/keys"


@pytest.fixture
def host(tmp_path: Path) -> RecordHost:
    """A host whose StateDir is on a disk."""
    return RecordHost(tmp_path)


def test_nothing_is_used(host: RecordHost) -> None:
    """On a disk without notes nothing has been used: nobody has to wait."""
    made = host.start()
    assert (made.record.newest, made.record.floor, made.burnt.find_used_until(ANNE, 30)) == (0.0, 0.0, 0.0)
    assert host.said == []


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_the_next_start_knows(host: RecordHost, *, boots: bool) -> None:
    """After a restart and after a boot what was used is, and the newest time is known."""
    host.start().burnt.burn(ANNE, NOW + 30, NOW, FILE)
    if boots:
        host.boot()
    made = host.begin()
    assert not made.record.needs_floor
    assert (made.burnt.find_used_until(ANNE, 30), made.record.newest) == (NOW + 30, NOW)


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_newest_time(host: RecordHost, *, boots: bool) -> None:
    """What is noted for this boot a boot takes; what is lasting stays."""
    made = host.start()
    made.record.note_time(NOW, lasting=True)
    made.record.note_time(NOW + 60, lasting=False)
    if boots:
        host.boot()
    assert host.begin().record.newest == (NOW if boots else NOW + 60)


def test_state_dir_in_memory(host: RecordHost) -> None:
    """After a boot that has emptied it nothing from before the start is good; a restart knows all."""
    host.in_memory.add(str(host.state))
    assert host.start().record.floor == NOW  # it may have been emptied just before
    host.start().burnt.burn(ANNE, NOW + 30, NOW, FILE)
    again = host.begin()
    assert (again.record.needs_floor, again.record.floor, again.burnt.find_used_until(ANNE, 30)) == (
        False,
        NOW,
        NOW + 30,
    )
    host.boot()
    assert host.begin().record.needs_floor
    assert host.said == [f"periods-unlasting a reboot may empty {host.state}"] * 4


def test_state_dir_that_cannot_be_written(host: RecordHost) -> None:
    """What is used is noted for this boot; after one nothing from before the start is good."""
    host.state.write_text("a file in its place")
    made = host.start()
    assert made.record.floor == NOW
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    again = host.begin()
    assert (again.record.needs_floor, again.burnt.find_used_until(ANNE, 30)) == (False, NOW + 30)
    host.boot()
    assert host.begin().record.needs_floor
    assert [f"periods-unlasting {host.state}: Not a directory"] * 3 == host.said


def test_state_dir_that_cannot_be_written_any_more(host: RecordHost) -> None:
    """What it says is not all there is: after a boot nothing from before the start is good."""
    host.start().burnt.burn(ANNE, NOW + 30, NOW, FILE)
    host.state.chmod(0o777)  # nothing is put there then
    host.boot()
    assert host.begin().record.needs_floor


def test_crash_before_the_clock_is_good(host: RecordHost) -> None:
    """That a start has made new notes does not mean that it knew what was used before."""
    host.in_memory.add(str(host.state))
    host.begin()
    assert host.begin().record.needs_floor
    assert host.start().record.floor == NOW
    assert not host.begin().record.needs_floor


def test_nowhere(host: RecordHost) -> None:
    """Where nothing can be noted the log says so, and the next start assumes the worst."""
    host.state.write_text("")
    host.run.write_text("")
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    assert made.burnt.find_used_until(ANNE, 30) == NOW + 30
    assert [f"periods-unnoted {host.state}: Not a directory; {host.run}: Not a directory"] == host.said
    assert host.begin().record.needs_floor


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_nowhere_for_a_while(host: RecordHost, *, boots: bool) -> None:
    """What was used meanwhile is noted with what is used next."""
    made = host.start()
    _take_away(host)
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    _give_back(host)
    made.burnt.burn(BOB, NOW + 60, NOW, FILE)
    if boots:
        host.boot()
    again = host.begin()
    assert not again.record.needs_floor
    assert [again.burnt.find_used_until(user, 30) for user in (ANNE, BOB)] == [NOW + 30, NOW + 60]


def test_nowhere_and_nothing_is_used_since(host: RecordHost) -> None:
    """The next note of the time has what was used meanwhile follow."""
    made = host.start()
    _take_away(host)
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    _give_back(host)
    made.record.note_time(NOW + 60, lasting=False)
    again = host.begin()
    assert (again.record.newest, again.burnt.find_used_until(ANNE, 30)) == (NOW + 60, NOW + 30)


def _take_away(host: RecordHost) -> None:
    for directory in (host.state, host.run):
        directory.rename(directory.with_suffix(".away"))
        directory.write_text("")


def _give_back(host: RecordHost) -> None:
    for directory in (host.state, host.run):
        directory.unlink()
        directory.with_suffix(".away").rename(directory)


def test_disk_that_is_full_for_a_while(host: RecordHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, a restart knows all the same, and once more when it fails again later."""
    made = host.start()
    real = made.record._lasting.lines.append
    full = {"now": True}

    def append(directory: str, value: object) -> int:
        if full["now"] and directory == str(host.state):
            raise OSError(28, "No space left on device")
        return real(directory, value)

    monkeypatch.setattr(made.record._lasting.lines, "append", append)
    for end in (30, 60):
        made.burnt.burn(ANNE, NOW + end, NOW, FILE)
    assert [f"periods-unlasting {host.state}: No space left on device"] == host.said
    full["now"] = False
    made.burnt.burn(ANNE, NOW + 90, NOW, FILE)
    full["now"] = True
    made.burnt.burn(ANNE, NOW + 120, NOW, FILE)
    assert 2 == len(host.said)
    assert host.begin().burnt.find_used_until(ANNE, 30) == NOW + 120


def test_notes_of_others(host: RecordHost) -> None:
    """A file that others could write is not believed, and replaced: what is before the start is not good."""
    host.start().burnt.burn(ANNE, NOW + 30, NOW, FILE)
    host.boot()
    (host.state / NAME).chmod(0o666)
    made = host.begin()
    assert made.record.needs_floor
    what = f"{host.state}/{NAME}, which notes what is used of keys: others can write {NAME} in it, remove it"
    assert host.said == [f"periods-unread {what}"]
    assert (host.state / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "line", ["garbage", "[]", '["used"]', '["used", "ssh", "anne", "x", 1]', '["newest", "x"]', "{}", "5"]
)
def test_lines_that_are_none(host: RecordHost, line: str) -> None:
    """They are left out, those around them count."""
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    with (host.state / NAME).open("a") as file:
        file.write(line)
    made.burnt.burn(BOB, NOW + 60, NOW, FILE)
    host.boot()
    again = host.begin()
    assert (again.burnt.find_used_until(ANNE, 30), again.burnt.find_used_until(BOB, 30)) == (
        NOW + 30,
        NOW + 60,
    )


def test_two_daemons_with_one_file(host: RecordHost) -> None:
    """Who writes it anew keeps what the other one has noted there."""
    one, other = host.start(), host.start()
    other.burnt.burn(BOB, NOW + 60, NOW, FILE)
    for at in range(1_000):
        one.burnt.burn(ANNE, NOW + 30, NOW + at * 0.001, FILE)
    assert host.begin().burnt.find_used_until(BOB, 30) == NOW + 60


def test_another_state_dir(host: RecordHost, tmp_path: Path) -> None:
    """What is known goes along, and what the other one holds is known."""
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    made.record.move(str(tmp_path / "new"))
    host.state = tmp_path / "new"
    host.boot()
    again = host.begin()
    assert (again.record.needs_floor, again.burnt.find_used_until(ANNE, 30)) == (False, NOW + 30)


def test_records(host: RecordHost) -> None:
    """Both files are named, for who has to remove them."""
    assert host.begin().record.records == f"{host.state}/{NAME} and {host.run}/{RUN}"


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_killed_while_nothing_could_be_noted(
    host: RecordHost, monkeypatch: pytest.MonkeyPatch, *, boots: bool
) -> None:
    """Where neither file takes notes, those that are there may lack what was used last."""
    host.start()
    monkeypatch.setattr(NotedLines, "append", _full)
    monkeypatch.setattr(NotedLines, "replace", _full)
    host.start().burnt.burn(ANNE, NOW + 30, NOW, FILE)
    if boots:
        host.boot()
    assert host.begin().record.needs_floor


def _full(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")
