"""Which journals hold what is known already."""

from __future__ import annotations

from knockd.leases.journal import Journal
from knockd.leases.journal_lineage import MOST_NAMED, Lineage
from tests.support.samples.journals import BOOT


def of(run: str, serial: int, *, complete: bool = True, **replaces: int) -> Journal:
    """A journal without leases."""
    return Journal(BOOT, serial, (), complete, run, replaces)


def test_what_was_read_is_known() -> None:
    """A journal is new once; a later one of the same run is new again."""
    ours = Lineage("ours")
    assert [of("a", 5)] == ours.take_new([of("a", 5)])
    assert [] == ours.take_new([of("a", 5), of("a", 4)])
    assert [of("a", 6)] == ours.take_new([of("a", 6)])
    assert {"a": 6} == ours.replaces


def test_what_a_journal_replaces_is_known() -> None:
    """Of a run that another has read nothing is new up to there, wherever it is found and when."""
    ours = Lineage("ours")
    assert [of("b", 9, a=5)] == ours.take_new([of("a", 5), of("b", 9, a=5)])
    assert [of("a", 6)] == ours.take_new([of("a", 6)])


def test_a_later_journal_hides_nothing_that_it_has_not_read() -> None:
    """Two daemons that have read nothing of each other: both are new."""
    assert [of("b", 9), of("a", 5)] == Lineage("ours").take_new([of("a", 5), of("b", 9)])


def test_our_own() -> None:
    """What we have written ourselves is not new, and not named."""
    ours = Lineage("ours")
    assert [of("b", 9, ours=3)] == ours.take_new([of("ours", 5), of("b", 9, ours=3)])
    assert {"b": 9} == ours.replaces


def test_versions_that_name_no_run() -> None:
    """A complete one hides what is older, of its own kind; one that is not complete hides nothing."""
    assert [of("", 9)] == Lineage("ours").take_new([of("", 9), of("", 5)])
    incomplete = of("", 9, complete=False)
    assert [incomplete, of("", 5)] == Lineage("ours").take_new([of("", 5), incomplete])
    assert [of("", 9), of("a", 5)] == Lineage("ours").take_new([of("", 9), of("a", 5)])
    late = Lineage("ours")
    late.take_new([incomplete])
    assert [] == late.take_new([incomplete])


def test_many_runs() -> None:
    """The last ones are named."""
    ours = Lineage("ours")
    for serial in range(MOST_NAMED + 8):
        ours.take_new([of(f"run{serial}", serial)])
    assert {f"run{serial}": serial for serial in range(8, MOST_NAMED + 8)} == ours.replaces
