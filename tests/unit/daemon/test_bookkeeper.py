"""Where the journal is: the best place there is, told once, and nothing that was found is lost."""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from knockd.edge.store import HELD, Store
from knockd.engine.journal import Journal, Record, encode, parse
from knockd.keeper.bookkeeper import MEMORY, Bookkeeper, Found
from tests.support.journals import BOOT, journal, record


class Desk:
    """A directory with places for journals, and the bookkeepers of one daemon after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []
        self.merged: list[Found] = []
        self.now = 1.0
        self.state, self.runtime = str(path / "state"), str(path / "run")
        self.begin()

    def begin(self, boot: str = BOOT) -> Bookkeeper:
        """A daemon begins; the one before it is gone."""
        if hasattr(self, "book"):
            self.end()
        self.book = Bookkeeper(self.state, self._say, lambda: self.now, runtime=self.runtime, boot=boot)
        return self.book

    def end(self) -> None:
        """The daemon is gone, and its locks."""
        for place in (*self.book._places, *self.book._retired):
            place.release()

    def read(self) -> list[Found]:
        """What the daemon finds at its start."""
        return self.book.read(create=True)

    def commit(self, *records: Record) -> str | None:
        """The daemon notes these leases, a second later."""
        self.now += 1
        return self.book.commit(lambda: records, self.merged.append)

    def journal(self, place: str) -> Journal | None:
        """The journal in ``state`` or ``run``."""
        path = self.path / place / "leases"
        return parse(path.read_bytes()).journal if path.exists() else None

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

    def _say(self, event: str, **fields: Any) -> None:
        told = [
            event,
            *(f"{fields[name]}" for name in ("reason", "place", "count", "version") if name in fields),
        ]
        self.told.append(" ".join(told))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """No journal anywhere."""
    return Desk(tmp_path)


def records(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """The ids of what was found."""
    return [tuple(one.id for one in each.records) for each in found]


def test_first_start(desk: Desk) -> None:
    """There is nothing to find; leases go to StateDir, and nothing is said."""
    found = desk.read()
    assert (found, desk.commit(record()), desk.told) == ([], None, [])
    assert (desk.journal("state"), desk.journal("run")) == (journal(record(), serial=2_000), None)


def test_restart(desk: Desk) -> None:
    """The next daemon finds what the last one noted last."""
    desk.read()
    desk.commit(record(1))
    desk.commit(record(1), record(2))
    desk.begin()
    assert desk.read() == [Found((record(1), record(2)), same_boot=True)]


def test_serial_grows(desk: Desk) -> None:
    """Each commit has a higher serial than all before it, also when no time has passed."""
    desk.read()
    serials = []
    for _ in range(3):
        desk.book.commit(tuple, desk.merged.append)
        held = desk.journal("state")
        assert held is not None
        serials.append(held.serial)
    assert serials == [1_000, 1_001, 1_002]


def test_reboot(desk: Desk) -> None:
    """What another boot noted is found as such."""
    desk.read()
    desk.commit(record())
    desk.begin("another boot")
    assert desk.read() == [Found((record(),), same_boot=False)]


def test_falls_back(desk: Desk) -> None:
    """When StateDir cannot be had the journal goes to /run/knockd, and that is said once."""
    desk.block("state")
    desk.read()
    reasons = [desk.commit(record()), desk.commit(record())]
    assert (reasons, desk.told) == (
        ["Not a directory"] * 2,
        [f"state-problem Not a directory {desk.runtime}"],
    )
    assert desk.journal("run") == journal(record(), serial=3_000, complete=False)


def test_memory_alone(desk: Desk) -> None:
    """When nothing can be had leases are in memory alone, and that is said once."""
    desk.block("state")
    desk.block("run")
    desk.read()
    assert (desk.commit(), desk.commit(record())) == ("Not a directory", "Not a directory")
    assert desk.told == [f"state-problem Not a directory {MEMORY}"]


def test_whether_the_next_run_finds_it(desk: Desk) -> None:
    """What was noted in either directory lasts, and what is in memory alone does not."""
    lasts = []
    desk.read()
    for places in ((), ("state",), ("state", "run")):
        free = [desk.block(place) for place in places]
        desk.commit(record())
        lasts.append(desk.book.lasts)
        for one in free:
            one()
    desk.commit(record())
    assert [*lasts, desk.book.lasts] == [True, True, False, True]


def test_change_of_place_is_said(desk: Desk) -> None:
    """Each change of place or reason is said."""
    desk.block("state")
    free = desk.block("run")
    desk.read()
    desk.commit()
    free()
    desk.commit()
    (desk.path / "state").unlink()
    (desk.path / "state").symlink_to(desk.path)
    desk.commit()
    assert desk.told == [
        f"state-problem Not a directory {MEMORY}",
        f"state-problem Not a directory {desk.runtime}",
        f"state-problem it is a symbolic link {desk.runtime}",
    ]


def test_comes_back(desk: Desk) -> None:
    """Every commit tries StateDir; when it is back that is said, and the other journal goes."""
    free = desk.block("state")
    desk.read()
    desk.commit(record())
    free()
    assert (desk.commit(record()), desk.told[1:]) == (None, ["state-restored"])
    assert (desk.journal("state"), desk.journal("run")) == (journal(record(), serial=3_000), None)


def full(*_: object) -> str:
    """No space for anything."""
    raise OSError(28, "No space left on device")


def test_restart_after_a_fall(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When StateDir could be read but not written any more, the journal in /run/knockd is the newer one."""
    desk.read()
    desk.commit(record(1))
    monkeypatch.setattr(desk.book._places[0], "write", full)
    desk.commit(record(2))
    desk.begin()
    assert records(desk.read()) == [("a1b2.2",)]


def test_what_was_unread_is_merged_at_the_next_start(desk: Desk) -> None:
    """A newer journal of a daemon that could not read StateDir does not hide what is there."""
    desk.read()
    desk.commit(record(1))
    free = desk.block("state")
    desk.begin()
    desk.read()
    desk.commit(record(2))
    free()
    desk.begin()
    assert records(desk.read()) == [("a1b2.2",), ("a1b2.1",)]


def test_what_was_unread_is_merged_when_it_can_be_read(desk: Desk) -> None:
    """A StateDir that can be had only later is read before it is written to: its leases are taken over."""
    desk.read()
    desk.commit(record(1))
    free = desk.block("state")
    desk.begin()
    desk.read()
    desk.commit(record(2))
    free()
    desk.commit(record(2))
    assert (records(desk.merged), desk.journal("run")) == ([("a1b2.1",)], None)


def test_unread_of_another_boot(desk: Desk) -> None:
    """The same for a journal of another boot."""
    desk.put("state", encode(journal(record(1), boot="another boot", serial=9)))
    free = desk.block("state")
    desk.read()
    desk.commit()
    free()
    desk.commit()
    assert desk.merged == [Found((record(1),), same_boot=False)]


def test_older_than_what_we_began_with(desk: Desk) -> None:
    """A journal that is older than the complete one we began with holds nothing new."""
    desk.put("state", encode(journal(record(1), serial=5)))
    desk.put("run", encode(journal(record(2), serial=9)))
    free = desk.block("state")
    found = desk.read()
    free()
    desk.commit(record(2))
    assert (records(found), desk.merged) == ([("a1b2.2",)], [])


def test_both_places(desk: Desk) -> None:
    """Of two journals of this boot the one with the higher serial counts as a whole."""
    desk.put("state", encode(journal(record(1), record(2), serial=5)))
    desk.put("run", encode(journal(record(2), serial=9)))
    assert records(desk.read()) == [("a1b2.2",)]


def test_two_daemons(desk: Desk) -> None:
    """A second daemon with the same StateDir hears which key to set, and notes its leases elsewhere."""
    other = Store(desk.state)
    other.take(create=True)
    other.write(encode(journal(record(1))))
    desk.read()
    assert desk.commit(record(2)) == HELD
    assert (desk.journal("state"), desk.told) == (
        journal(record(1)),
        [f"state-problem {HELD} {desk.runtime}"],
    )
    other.release()


def test_damaged(desk: Desk) -> None:
    """Of a damaged journal the good records are used and the file is kept; the next commit is whole."""
    data = encode(journal(record(1), record(2), record(3)))
    desk.put("state", data.replace(b'"192.0.2.2"', b'"192.0.2.9"'))
    found = desk.read()
    desk.commit()
    assert (records(found), desk.told) == ([("a1b2.1", "a1b2.3")], ["journal-damaged 1"])
    assert (desk.path / "state" / "leases.damaged-1").read_bytes() != data
    assert desk.journal("state") == journal(serial=2_000)


def test_damaged_header(desk: Desk) -> None:
    """Without any header nobody knows which boot the leases are of: they are closed at once."""
    lines = encode(journal(record(1))).split(b"\n\n")
    desk.put("state", lines[1])
    assert desk.read() == [Found((record(1),), same_boot=False)]


def test_empty_file(desk: Desk) -> None:
    """An empty journal is none of ours: damaged."""
    desk.put("state", b"")
    assert (records(desk.read()), desk.told) == ([()], ["journal-damaged 1"])


def other_version() -> bytes:
    """A journal of version 2."""
    text = b'{"knockd-journal":2}'
    return b"%08x %s\n" % (crc32(text), text)


def test_unknown_version(desk: Desk) -> None:
    """A journal of a later version is kept unread under another name before ours takes its place."""
    desk.put("state", other_version())
    desk.read()
    assert (desk.commit(record()), desk.told) == (None, ["journal-unknown 2"])
    assert (desk.path / "state" / "leases.damaged-1").read_bytes() == other_version()


def test_unknown_version_that_cannot_be_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of a later version that cannot be kept is never overwritten: we go elsewhere."""
    monkeypatch.setattr(Store, "set_aside", full)
    desk.put("state", other_version())
    desk.read()
    desk.commit(record())
    assert desk.told == [
        f"state-problem holds a journal of format 2, and No space left on device {desk.runtime}"
    ]
    assert (desk.path / "state" / "leases").read_bytes() == other_version()


def test_removed_directory(desk: Desk) -> None:
    """A StateDir that somebody removed is made again by the next commit."""
    desk.read()
    desk.commit(record())
    os.unlink(desk.path / "state" / "leases")
    os.rmdir(desk.path / "state")
    assert (desk.commit(record()), desk.journal("state"), desk.told) == (
        None,
        journal(record(), serial=3_000),
        [],
    )


def test_move(desk: Desk) -> None:
    """A new StateDir has the journal with the next commit; the old one has none any more."""
    desk.read()
    desk.commit(record())
    desk.book.move(str(desk.path / "new"))
    desk.commit(record())
    assert (desk.journal("new"), desk.journal("state")) == (journal(record(), serial=3_000), None)
    desk.book._places[0].release()


def test_move_to_a_bad_place(desk: Desk) -> None:
    """A new StateDir that cannot be had is like any: the journal goes to /run/knockd."""
    desk.read()
    desk.commit(record())
    desk.block("new")
    desk.book.move(str(desk.path / "new"))
    desk.commit(record())
    assert (desk.journal("state"), desk.journal("run") is None) == (None, False)


def test_move_and_back(desk: Desk) -> None:
    """A StateDir that changes and changes back before a commit is still ours."""
    desk.read()
    desk.commit(record())
    desk.book.move(str(desk.path / "new"))
    desk.book.move(desk.state)
    assert (desk.commit(record()), desk.told) == (None, [])


def test_state_dir_is_the_runtime_directory(desk: Desk) -> None:
    """StateDir may be /run/knockd itself; to and fro."""
    desk.read()
    desk.commit(record())
    for place, other in ((desk.runtime, "state"), (desk.state, "run")):
        desk.book.move(place)
        assert (desk.commit(record()), desk.journal(other), desk.told) == (None, None, [])
