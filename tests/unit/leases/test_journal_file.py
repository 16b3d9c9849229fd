"""Where the journal is: in the best directory that works, logged once; no record that was found is lost."""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from knockd.files.state_dir import HELD, StateDir
from knockd.leases.journal import Journal, Record, parse
from knockd.leases.journal_file import MEMORY, Found, JournalFile
from knockd.leases.journal_layout import encode
from tests.support.samples.journals import BOOT, journal, record


class Journals:
    """Two directories for journals, and the journal file of one daemon after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log: list[str] = []
        self.merged: list[Found] = []
        self.now = 1.0
        self.reason: str | None = None
        self._noted: dict[str, Record] = {}
        self.state, self.runtime = str(path / "state"), str(path / "run")
        self.begin()

    def begin(self, boot: str = BOOT) -> JournalFile:
        """A daemon begins; the one before it is gone."""
        if hasattr(self, "book"):
            self.end()
        self._noted = {}
        self.book = JournalFile(
            *(self.state, self._log, lambda: self.now, lambda: tuple(self._noted.values())),
            runtime=self.runtime,
            boot=boot,
        )
        return self.book

    def end(self) -> None:
        """The daemon is gone, and its locks."""
        for place in (*self.book._places, *self.book._retired):
            place.release()

    def read(self) -> list[Found]:
        """What the daemon finds at its start or at a later choice, after which it chooses."""
        found = self.book.find()
        for one in found:
            for each in one.records:
                self._noted[each.id] = each
                self.book.note(each)
        self.reason = self.book.choose()
        return found

    def commit(self, *records: Record) -> str | None:
        """The daemon notes these leases, a second later."""
        self.now += 1
        self._note(records)
        return self.book.commit()

    def choose(self, *records: Record) -> str | None:
        """The minute is over: the daemon notes these leases and chooses the place again."""
        self.now += 1
        self._note(records)
        self.merged += self.read()
        return self.reason

    def _note(self, records: Sequence[Record]) -> None:
        for lease in self._noted:
            self.book.forget(lease)
        self._noted = {one.id: one for one in records}
        for one in records:
            self.book.note(one)

    def journal(self, place: str) -> Journal | None:
        """The journal in ``state`` or ``run``, whoever has written it."""
        path = self.path / place / "leases"
        if not path.exists():
            return None
        return parse(path.read_bytes()).journal._replace(run="", replaces={})

    def put(self, place: str, data: bytes) -> None:
        """Somebody else left a journal in ``state`` or ``run``."""
        (self.path / place).mkdir(mode=0o700, exist_ok=True)
        (self.path / place / "leases").write_bytes(data)

    def block(self, place: str) -> Callable[[], None]:
        """Makes a place unusable; returns what makes it usable again, with what it held."""
        path = self.path / place
        aside = self.path / f"{place}.aside"
        if path.exists():
            path.rename(aside)
        path.write_text("in the way")

        def free() -> None:
            path.unlink()
            if aside.exists():
                aside.rename(path)

        return free

    def _log(self, event: str, **fields: Any) -> None:
        words = [
            event,
            *(f"{fields[name]}" for name in ("reason", "place", "count", "version") if name in fields),
        ]
        self.log.append(" ".join(words))


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    """No journal anywhere."""
    return Journals(tmp_path)


def records(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """The ids of what was found."""
    return [tuple(one.id for one in each.records) for each in found]


def test_first_start(journals: Journals) -> None:
    """There is nothing to find; leases go to StateDir, and nothing is said."""
    found = journals.read()
    assert found == []
    assert journals.commit(record()) is None
    assert journals.log == []
    assert journals.journal("state") == journal(record(), serial=2_000)
    assert journals.journal("run") is None


def test_restart(journals: Journals) -> None:
    """The next daemon finds what the last one noted last."""
    journals.read()
    journals.commit(record(1))
    journals.commit(record(1), record(2))
    journals.begin()
    assert journals.read() == [Found((record(1), record(2)), same_boot=True)]


def test_serial_grows(journals: Journals) -> None:
    """Each commit has a higher serial than all before it, also when no time has passed."""
    journals.read()
    serials = []
    for number in range(3):
        journals.book.note(record(number))
        journals.book.commit()
        held = journals.journal("state")
        assert held is not None
        serials.append(held.serial)
    assert serials == [1_001, 1_002, 1_003]


def test_reboot(journals: Journals) -> None:
    """What another boot noted is found as such."""
    journals.read()
    journals.commit(record())
    journals.begin("another boot")
    assert journals.read() == [Found((record(),), same_boot=False)]


def test_falls_back(journals: Journals) -> None:
    """When StateDir cannot be had the journal goes to /run/knockd, and that is said once."""
    journals.block("state")
    journals.read()
    reasons = [journals.commit(record()), journals.commit(record())]
    assert reasons == ["Not a directory"] * 2
    assert journals.log == [f"state-problem Not a directory {journals.runtime}"]
    assert journals.journal("run") == journal(record(), serial=3_000, complete=False)


def test_memory_alone(journals: Journals) -> None:
    """When nothing can be had leases are in memory alone, and that is said once."""
    journals.block("state")
    journals.block("run")
    journals.read()
    assert journals.commit() == "Not a directory"
    assert journals.commit(record()) == "Not a directory"
    assert journals.log == [f"state-problem Not a directory {MEMORY}"]


def test_whether_the_next_run_finds_it(journals: Journals) -> None:
    """What was noted in either directory lasts, and what is in memory alone does not."""
    lasts = []
    for blocked in ((), ("state",), ("state", "run")):
        free = [journals.block(place) for place in blocked]
        journals.choose(record())
        lasts.append(journals.book.lasts)
        for one in free:
            one()
    journals.choose(record())
    assert [*lasts, journals.book.lasts] == [True, True, False, True]


def test_change_of_place_is_said(journals: Journals) -> None:
    """Each change of place or reason is said."""
    journals.block("state")
    free = journals.block("run")
    journals.choose()
    free()
    journals.choose()
    (journals.path / "state").unlink()
    (journals.path / "state").symlink_to(journals.path)
    journals.choose()
    assert journals.log == [
        f"state-problem Not a directory {MEMORY}",
        f"state-problem Not a directory {journals.runtime}",
        f"state-problem it is a symbolic link {journals.runtime}",
    ]


def test_comes_back(journals: Journals) -> None:
    """Choices try StateDir, commits do not; when it is back that is said, and the other journal goes."""
    free = journals.block("state")
    journals.read()
    free()
    assert journals.commit(record()) == "Not a directory"
    assert journals.choose(record()) is None
    assert journals.log[1:] == ["state-restored"]
    assert journals.journal("state") == journal(record(), serial=3_000)
    assert journals.journal("run") is None


def full(*_: object) -> str:
    """No space for anything."""
    raise OSError(28, "No space left on device")


def fill(journals: Journals, patch: pytest.MonkeyPatch) -> None:
    """There is no space in StateDir."""
    for name in ("write", "update"):
        patch.setattr(journals.book._places[0], name, full)


def test_restart_after_a_fall(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    """When StateDir could be read but not written any more, the journal in /run/knockd is the newer one."""
    journals.read()
    journals.commit(record(1))
    fill(journals, monkeypatch)
    journals.choose(record(2))
    journals.begin()
    assert records(journals.read()) == [("a1b2.2",)]


def note_beside_an_unread_one(journals: Journals) -> None:
    """Lease 1 is noted in StateDir, and lease 2 elsewhere while StateDir could not be read; now it can."""
    journals.read()
    journals.commit(record(1))
    free = journals.block("state")
    journals.begin()
    journals.read()
    journals.commit(record(2))
    free()


def test_what_was_unread_is_merged_at_the_next_start(journals: Journals) -> None:
    """A newer journal of a daemon that could not read StateDir does not hide what is there."""
    note_beside_an_unread_one(journals)
    journals.begin()
    assert records(journals.read()) == [("a1b2.2",), ("a1b2.1",)]


def test_what_was_unread_is_merged_when_it_can_be_read(journals: Journals) -> None:
    """A StateDir that can be had only later is read before it is written to: its leases are taken over."""
    note_beside_an_unread_one(journals)
    journals.choose(record(2))
    assert records(journals.merged) == [("a1b2.1",)]
    assert journals.journal("run") is None


def test_what_was_read_at_last_makes_the_other_journal_complete(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a StateDir can be read but not written the journal in /run/knockd says that it replaces it."""
    note_beside_an_unread_one(journals)
    fill(journals, monkeypatch)
    journals.choose(record(2))
    assert records(journals.merged) == [("a1b2.1",)]
    journal_now = journals.journal("run")
    assert journal_now is not None
    assert journal_now.complete


def test_unread_of_another_boot(journals: Journals) -> None:
    """The same for a journal of another boot."""
    journals.put("state", encode(journal(record(1), boot="another boot", serial=9)))
    free = journals.block("state")
    journals.read()
    free()
    journals.choose()
    assert journals.merged == [Found((record(1),), same_boot=False)]


def test_older_than_what_we_began_with(journals: Journals) -> None:
    """A journal that is older than the complete one we began with holds nothing new."""
    journals.put("state", encode(journal(record(1), serial=5)))
    journals.put("run", encode(journal(record(2), serial=9)))
    free = journals.block("state")
    found = journals.read()
    free()
    journals.choose(record(2))
    assert records(found) == [("a1b2.2",)]
    assert journals.merged == []


def test_a_write_that_fails(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that fails leaves the leases in memory alone until a commit works or the next choice."""
    journals.read()
    fill(journals, monkeypatch)
    reasons = [journals.commit(record(1)), journals.commit(record(1), record(2))]
    assert reasons == ["No space left on device"] * 2
    assert not journals.book.lasts
    assert journals.choose(record(2)) == "No space left on device"
    assert journals.book.lasts
    assert journals.log == [
        f"state-problem No space left on device {MEMORY}",
        f"state-problem No space left on device {journals.runtime}",
    ]
    journal_now = journals.journal("run")
    assert journal_now is not None
    assert journal_now.records == (record(2),)


def test_a_write_that_works_again(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a commit that failed the next one tries the same place."""
    journals.read()
    with monkeypatch.context() as patch:
        fill(journals, patch)
        journals.commit(record())
    assert journals.commit(record()) is None
    assert journals.log == [f"state-problem No space left on device {MEMORY}", "state-restored"]


def test_a_journal_that_turns_up_is_read_before_it_is_replaced(journals: Journals) -> None:
    """A directory that is replaced by one with a journal is not written to before that is read."""
    journals.read()
    (journals.path / "state").rename(journals.path / "gone")
    journals.put("state", encode(journal(record(1), serial=9_999)))
    assert journals.commit(record(2)) == "it holds a journal that was not there before"
    assert journals.journal("state") == journal(record(1), serial=9_999)
    assert journals.choose(record(2)) is None
    assert records(journals.merged) == [("a1b2.1",)]


def test_our_own_journal_holds_nothing_new(journals: Journals) -> None:
    """A directory that was away and comes back with an older journal of ours has nothing to take over."""
    journals.read()
    journals.commit(record(1))
    (journals.path / "state").rename(journals.path / "away")
    journals.commit(record(2))
    (journals.path / "state").rename(journals.path / "other")
    (journals.path / "away").rename(journals.path / "state")
    journals.choose(record(2))
    assert journals.merged == []


def test_an_incomplete_journal_hides_no_older_one(journals: Journals) -> None:
    """What a daemon noted that could not read StateDir does not replace what is there, at whichever start."""
    journals.put("state", encode(journal(record(1), serial=5)))
    journals.put("run", encode(journal(record(2), serial=9, complete=False)))
    free = journals.block("state")
    journals.read()
    free()
    journals.choose(record(2))
    assert records(journals.merged) == [("a1b2.1",)]


def test_both_places(journals: Journals) -> None:
    """Of two journals of this boot the one with the higher serial counts as a whole."""
    journals.put("state", encode(journal(record(1), record(2), serial=5)))
    journals.put("run", encode(journal(record(2), serial=9)))
    assert records(journals.read()) == [("a1b2.2",)]


def test_two_daemons(journals: Journals) -> None:
    """A second daemon with the same StateDir hears which key to set, and notes its leases elsewhere."""
    other = StateDir(journals.state)
    other.take(create=True)
    other.write(encode(journal(record(1))))
    journals.read()
    assert journals.commit(record(2)) == HELD
    assert journals.journal("state") == journal(record(1))
    assert journals.log == [f"state-problem {HELD} {journals.runtime}"]
    other.release()


def test_damaged(journals: Journals) -> None:
    """Of a damaged journal the good records are used and the file is kept; the next commit is whole."""
    data = encode(journal(record(1), record(2), record(3)))
    journals.put("state", data.replace(b'"192.0.2.2"', b'"192.0.2.9"'))
    found = journals.read()
    assert records(found) == [("a1b2.1", "a1b2.3")]
    assert journals.log == ["journal-damaged 1"]
    assert (journals.path / "state" / "leases.damaged-1").read_bytes() != data
    assert journals.journal("state") == journal(record(1), record(3), serial=1_000)


def test_damaged_header(journals: Journals) -> None:
    """Without any header nobody knows which boot the leases are of: they are closed at once."""
    lines = [line for line in encode(journal(record(1))).split(b"\n") if line]
    journals.put("state", lines[2])
    assert journals.read() == [Found((record(1),), same_boot=False)]


def test_empty_file(journals: Journals) -> None:
    """An empty journal is none of ours: damaged."""
    journals.put("state", b"")
    assert records(journals.read()) == [()]
    assert journals.log == ["journal-damaged 1"]


def other_version() -> bytes:
    """A journal of version 3."""
    text = b'{"knockd-journal":3}'
    return b"%08x %s\n" % (crc32(text), text)


def test_unknown_version(journals: Journals) -> None:
    """A journal of a later version is kept unread under another name before ours takes its place."""
    journals.put("state", other_version())
    journals.read()
    assert journals.commit(record()) is None
    assert journals.log == ["journal-unknown 3"]
    assert (journals.path / "state" / "leases.damaged-1").read_bytes() == other_version()


def test_unknown_version_that_cannot_be_kept(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of a later version that cannot be kept is never overwritten: we go elsewhere."""
    monkeypatch.setattr(StateDir, "set_aside", full)
    journals.put("state", other_version())
    journals.read()
    journals.commit(record())
    assert journals.log == [
        f"state-problem holds a journal of format 3, and No space left on device {journals.runtime}"
    ]
    assert (journals.path / "state" / "leases").read_bytes() == other_version()


def test_removed_directory(journals: Journals) -> None:
    """A StateDir that somebody removed is made again by the next commit."""
    journals.read()
    journals.commit(record())
    os.unlink(journals.path / "state" / "leases")
    os.rmdir(journals.path / "state")
    assert journals.commit(record()) is None
    assert journals.journal("state") == journal(record(), serial=3_001)
    assert journals.log == []


def test_move(journals: Journals) -> None:
    """A new StateDir has the journal with the next choice; the old one has none any more."""
    journals.read()
    journals.commit(record())
    journals.book.move(str(journals.path / "new"))
    journals.choose(record())
    assert journals.journal("new") == journal(record(), serial=3_000)
    assert journals.journal("state") is None
    journals.book._places[0].release()


def test_move_to_a_bad_place(journals: Journals) -> None:
    """The journal goes to /run/knockd, and the good one stays until the new StateDir has taken it.

    Else a power cut would leave no journal, for a mistake in the configuration.
    """
    journals.read()
    journals.commit(record())
    free = journals.block("new")
    journals.book.move(str(journals.path / "new"))
    journals.choose(record())
    assert journals.journal("state") == journal(record(), serial=2_000)
    assert journals.journal("run") == journal(record(), serial=3_000, complete=False)
    free()
    journals.choose(record())
    assert journals.journal("state") is None
    assert journals.journal("run") is None
    assert journals.journal("new") == journal(record(), serial=4_000)


def test_move_to_a_bad_place_and_back(journals: Journals) -> None:
    """What has been closed meanwhile is known as closed when the old StateDir is StateDir again."""
    journals.read()
    journals.commit(record(1))
    journals.block("new")
    old = journals.state
    journals.book.move(str(journals.path / "new"))
    journals.choose(record(2))
    journals.begin()
    assert old == journals.state
    assert records(journals.read()) == [("a1b2.2",)]


def test_move_and_back(journals: Journals) -> None:
    """A StateDir that changes and changes back before a commit is still ours."""
    journals.read()
    journals.commit(record())
    journals.book.move(str(journals.path / "new"))
    journals.book.move(journals.state)
    assert journals.commit(record()) is None
    assert journals.log == []


def test_state_dir_is_the_runtime_directory(journals: Journals) -> None:
    """StateDir may be /run/knockd itself; to and fro."""
    journals.read()
    journals.commit(record())
    for place, other in ((journals.runtime, "state"), (journals.state, "run")):
        journals.book.move(place)
        assert journals.choose(record()) is None
        assert journals.journal(other) is None
        assert journals.log == []


def test_two_daemons_that_were_killed(journals: Journals) -> None:
    """The next start finds the leases of both, whichever wrote last: neither has read the other's."""
    journals.read()
    journals.commit(record(1))
    first, noted = journals.book, dict(journals._noted)
    journals.now += 1
    second = JournalFile(
        *(journals.state, journals._log, lambda: journals.now, lambda: (record(2),)),
        runtime=journals.runtime,
        boot=BOOT,
    )
    assert second.find() == []
    assert second.choose() == HELD
    journals.now += 1
    first.note(record(1))
    first.commit()
    for place in (*second._places, *first._places):
        place.release()
    journals.begin()
    assert sorted(records(journals.read())) == [("a1b2.1",), ("a1b2.2",)]
    assert {*journals._noted} == {*noted, "a1b2.2"}
    assert journals.journal("run") is None


def test_a_directory_that_was_not_there(journals: Journals) -> None:
    """A StateDir that is missing, as a disk that is not mounted, may be there again with what was noted."""
    above, away = journals.path / "above", journals.path / "away"
    journals.state = str(above / "state")
    journals.begin()
    journals.read()
    journals.commit(record(1))
    above.rename(away)
    above.symlink_to("nowhere")
    for number in (2, 3):
        journals.begin()
        journals.read()
        journals.commit(record(number))
    above.unlink()
    away.rename(above)
    journals.begin()
    assert records(journals.read()) == [("a1b2.3",), ("a1b2.1",)]
