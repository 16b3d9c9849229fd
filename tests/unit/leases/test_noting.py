"""The journal at work: start commands wait for it, and its place is chosen again when it is a wrong one."""

from __future__ import annotations

from knockd.leases.noting import NOT_NOTED, TRY_AGAIN, Noting
from knockd.leases.values import Forget, Note, Start
from tests.support.doubles.lease_manager import FakeJournal, knock
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.samples.journals import record

START = Start("open", knock(), "run.1")
FULL = "No space left on device"


class Noted:
    """A journal in memory that is written, and what came of it."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.journal = FakeJournal()
        self.run: list[Start] = []
        self.refused: list[str] = []
        self.choices = 0
        self.noting = Noting(
            self.loop.loop,
            lambda: 0.0,
            self.journal,
            run=self.run.append,
            refuse=lambda _start, reason: self.refused.append(reason),
            choose=self._choose,
            written=lambda: None,
        )

    def _choose(self) -> None:
        self.choices += 1


def test_start_behind_a_note() -> None:
    """A start command runs when the note is written."""
    noted = Noted()
    noted.noting.note(Note(record()))
    noted.noting.wait(START)
    noted.noting.plan_commit()
    assert noted.noting.is_awaited
    assert noted.run == []
    noted.loop.turn()
    assert noted.journal.commits == [(record(),)]
    assert noted.run == [START]
    assert not noted.noting.is_awaited


def test_forget() -> None:
    """What is forgotten is in the next commit no more."""
    noted = Noted()
    noted.noting.note(Note(record()))
    noted.noting.note(Forget(record().id))
    assert noted.noting.commit() is None
    assert noted.journal.commits == [()]


def test_required() -> None:
    """With State_Required a start command that could not be noted is refused, else it runs."""
    for required, refused in ((True, [NOT_NOTED.format(FULL)]), (False, [])):
        noted = Noted()
        noted.noting.required = required
        noted.journal.reason = FULL
        noted.noting.wait(START)
        assert noted.noting.commit() == FULL
        assert noted.refused == refused
        assert noted.run == [START] * (not required)


def test_the_place_is_chosen_again() -> None:
    """When the journal is not where it should be its place is chosen again a minute later, until it is."""
    noted = Noted()
    noted.journal.reason = FULL
    noted.noting.choose()
    noted.noting.commit()
    (again,) = noted.loop.timers
    assert again.seconds == TRY_AGAIN
    again.callback()
    assert noted.choices == 1
    noted.noting.commit()
    noted.journal.reason = None
    noted.noting.commit()
    assert noted.loop.timers[-1].cancelled


def test_starts_that_are_taken() -> None:
    """Start commands that are taken are not run."""
    noted = Noted()
    noted.noting.wait(START)
    assert noted.noting.take_starts() == [START]
    noted.noting.commit()
    assert noted.run == []


def test_last_commit() -> None:
    """At the end leases that are in memory alone get a place; nothing is planned after it."""
    noted = Noted()
    noted.journal.lasts = False
    noted.journal.reason = FULL
    noted.noting.commit_last(1)
    assert noted.journal.choices == 1
    noted.noting.commit_last(0)
    assert noted.journal.choices == 1
    noted.noting.stop()
    assert all(timer.cancelled for timer in noted.loop.timers)
