"""Leases that connections keep open: the rows of the table about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.leases.looks import PATIENCE
from knockd.leases.values import Close, CloseAll, Extend, KeepAll, Lease, Looked, Recovered
from knockd_conf.model import Reknock
from knockd_conf.services import parse_services
from tests.support.doubles.playbook import (
    DOOR,
    START_FAILED,
    STARTED,
    STOP_FAILED,
    STOPPED,
    Playbook,
    Wait,
    knock,
    opened,
    play,
)
from tests.support.samples.journals import record

IDLE = replace(DOOR, close_when_idle=3.0, service=parse_services("22/tcp"), open_max=60.0)
USED = Looked(("run.1",), frozenset({"run.1"}))
UNUSED = Looked(("run.1",), frozenset())
FAILED = Looked(("run.1",), frozenset(), failed=True)


def lease(book: Playbook, id_: str = "run.1") -> Lease:
    """The lease."""
    found = book.leases.ask.get(id_)
    assert found is not None
    return found


def looked(book: Playbook) -> list[str]:
    """Takes the leases that are to be looked at now."""
    return [one.id for one in book.leases.take_looks(book.now)]


def test_looks_begin_before_the_end() -> None:
    """Whoever is connected within Close_When_Idle of the end counts: the first look is then."""
    book = opened(IDLE)
    assert book.now + 7.0 == book.leases.next_look()
    assert [] == looked(book)
    assert ["run.1"] == looked(book.pass_time(7))
    assert book.leases.next_look() is None


def test_other_doors_are_not_looked_at() -> None:
    """A door without Close_When_Idle costs no look."""
    assert opened().leases.next_look() is None


def test_held_open() -> None:
    """Each look that sees a connection gives more time, which is not noted; the log hears of it once."""
    book = opened(IDLE) >> Wait(7) >> USED << "log held-open"
    assert lease(book).in_use
    assert book.now + 4.0 == book.leases.next_deadline()
    for _ in range(9):
        assert book >> Wait(1) >> USED
    assert book >> Wait(1) >> UNUSED >> Wait(2.9)
    assert not lease(book).in_use


def test_the_last_question() -> None:
    """When the time is over it is asked once more, and closed when nobody is there."""
    book = opened(IDLE) >> Wait(7) >> USED << "log held-open" >> Wait(4)
    assert ["run.1"] == looked(book)
    assert book >> UNUSED << "log left" << "stop close, time over" >> STOPPED << "forget"


def test_the_last_question_finds_somebody() -> None:
    """Whoever has come since the last look keeps the door open."""
    book = opened(IDLE) >> Wait(10) >> USED << "log held-open"
    assert book >> Wait(4) >> UNUSED << "log left" << "stop close, time over"


def test_nobody_has_come() -> None:
    """A door at which nobody has been seen closes without more ado."""
    assert opened(IDLE) >> Wait(10) >> UNUSED << "stop close, time over"


def test_no_answer() -> None:
    """An answer that does not come is not waited for."""
    book = opened(IDLE) >> Wait(10) >> Wait(PATIENCE - 0.1)
    assert book >> Wait(0.1) << "stop close, time over"


def test_a_look_that_failed() -> None:
    """Where nothing can be looked for, Cmd_Timeout counts."""
    assert opened(IDLE) >> Wait(7) >> FAILED >> Wait(3) >> FAILED << "stop close, time over"


def test_open_max() -> None:
    """At Open_Max the door closes, and is not asked, whoever is connected."""
    book = opened(IDLE) >> Wait(7) >> USED << "log held-open"
    for _ in range(17):
        assert book >> Wait(3) >> USED
    assert book >> Wait(1.9) >> Wait(0.1) << "log open-max" << "stop close, time over"


def test_what_is_no_longer_open() -> None:
    """An answer that comes late changes nothing."""
    book = opened(IDLE) >> Wait(7) >> Close(("run.1",)) << "note stopping" << "stop close"
    assert book >> USED >> STOP_FAILED << "note retrying" >> USED
    assert opened(IDLE) >> Looked(("nobody",), frozenset())


def test_failed_start() -> None:
    """What a start command did by halves is undone at its time, whoever is connected."""
    book = play() >> knock(IDLE) << "note starting" << "start open" >> START_FAILED << "note open"
    assert book.leases.next_look() is None
    assert book >> Wait(10) << "stop close, time over"


def test_renewed() -> None:
    """A knock while the door is held open renews it as any, and Open_Max counts anew."""
    book = (
        opened(IDLE) >> Wait(7) >> USED << "log held-open" >> knock(IDLE) << "note renewing" << "stop close"
    )
    assert book >> USED >> STOPPED << "note starting" << "start open" >> STARTED << "note open"
    assert not lease(book).in_use
    assert not lease(book).held
    assert book.now == lease(book).opened
    assert book.now + 7.0 == book.leases.next_look()


def test_extended() -> None:
    """More time puts looks off; what is given for a connection is not taken away by it."""
    at = replace(IDLE, reknock=Reknock.EXTEND)
    book = opened(at) >> Wait(7) >> USED << "log held-open" >> knock(at) << "note open" << "granted"
    assert book.now + 7.0 == book.leases.next_look()
    assert book >> Extend("run.1", 100.0) << "note open"
    assert book.now + 107.0 == book.leases.next_look()
    assert book.now + 110.0 == book.leases.next_deadline()


def test_a_question_is_no_time() -> None:
    """A knock that extends counts from now, not from the end of the wait for a look."""
    at = replace(IDLE, reknock=Reknock.EXTEND, cmd_timeout=1.0)
    book = opened(at) >> Wait(1) >> knock(at) << "note open" << "granted"
    assert book.now + 1.0 == book.leases.next_deadline()


@pytest.mark.parametrize("end", [CloseAll(), KeepAll()])
def test_at_the_end(end: CloseAll | KeepAll) -> None:
    """When the daemon ends nothing is looked for, and nothing waits for a look."""
    book = opened(IDLE) >> Wait(7)
    book = book >> end << "note stopping" << "stop close" if isinstance(end, CloseAll) else book >> end
    assert book.leases.next_look() is None
    assert book >> USED >> Wait(99)


def test_a_start_that_ends_at_the_end() -> None:
    """After CloseAll a door that has just opened is closed at once."""
    book = play() >> knock(IDLE) << "note starting" << "start open" >> CloseAll()
    assert book >> STARTED << "note open" >> Wait(0) << "stop close"


OLD = record(opened=900.0, deadline=910.0, idle=3.0, service="22/tcp", open_max=200.0)


def recovered(**values: object) -> Playbook:
    """A table that takes over a lease whose time is over."""
    return play() >> Recovered((OLD._replace(**values),), True, {})  # type: ignore[arg-type]


def test_recovered_and_in_use() -> None:
    """A lease of an earlier run whose time is over is asked for at once, and stays when it is in use."""
    book = recovered() << "log recovered" << "note open"
    assert [OLD.id] == looked(book)
    used = Looked((OLD.id,), frozenset({OLD.id}))
    assert book >> used << "log held-open"
    assert book.now + 4.0 == book.leases.next_deadline()


def test_recovered_and_nobody_there() -> None:
    """For all that is known its knocker has just left: it stays for Close_When_Idle, and is asked again."""
    book = recovered() << "log recovered" << "note open" >> Looked((OLD.id,), frozenset())
    assert book.now + 3.0 == book.leases.next_deadline()
    assert book >> Wait(3) >> Looked((OLD.id,), frozenset()) << "stop close %IP%; sync, time over"


def test_recovered_and_nothing_can_be_looked_for() -> None:
    """Where nothing can be looked for it is closed, as its time is over."""
    book = recovered() << "log recovered" << "note open"
    assert book >> Looked((OLD.id,), frozenset(), failed=True) << "stop close %IP%; sync, time over"


@pytest.mark.parametrize(
    "values",
    [{"idle": 0.0}, {"opened": 0.0}, {"opened": 700.0}, {"opened": 1_001.0}],
    ids=["no such door", "since when is unknown", "Open_Max is over", "opened in the future"],
)
def test_recovered_without_a_question(values: dict[str, float]) -> None:
    """A lease that connections do not keep open, or no longer, is closed when its time is over."""
    book = recovered(**values) << "log recovered" << "note open"
    assert book >> Wait(0) << "stop close %IP%; sync, time over"


def test_recovered_before_its_time() -> None:
    """A lease of an earlier run that has time left is watched like any."""
    book = recovered(deadline=1_008.0) << "log recovered" << "note open"
    assert 1_005.0 == book.leases.next_look()


def test_recovered_in_another_boot() -> None:
    """No connection has outlived a boot."""
    book = (
        play()
        >> Recovered((OLD,), False, {})
        << "log recovered"
        << "note leftover"
        << "stop close %IP%; sync"
    )
    assert book.leases.next_look() is None
