"""How the doorkeeper closes: every lease stopped, nothing waited for that does not end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tests.support.hall import PLAIN, Hall, knock, said


class Ending:
    """A doorkeeper that is asked to close; only the waiting for it is on a real loop."""

    def __init__(self) -> None:
        self.left = -1

    def run(
        self, before: Callable[[Hall], None], during: Callable[[Hall], None], patience: float = 20.0
    ) -> Hall:
        """Closes after ``before``; ``during`` happens while it waits."""

        async def close() -> Hall:
            hall = Hall()
            before(hall)
            asyncio.get_running_loop().call_soon(during, hall)
            self.left = await hall.keeper.close(patience)
            return hall

        return asyncio.run(close())


def _nothing(_hall: Hall) -> None:
    return


def test_close() -> None:
    """At the end every lease is stopped, and closing ends with the last stop command."""
    ending = Ending()
    hall = ending.run(Hall.opened, Hall.end)
    assert (ending.left, hall.hands.lines) == (0, ["open 192.0.2.1", "close 192.0.2.1; sync"])


def test_close_without_leases() -> None:
    """Without leases closing does not wait, even for a command that runs."""
    ending = Ending()
    ending.run(lambda hall: hall.open(knock(PLAIN)), _nothing)
    assert ending.left == 0


def test_close_while_starting() -> None:
    """A start command that runs is left to end; then the stop command runs, without talk of a timeout."""
    ending = Ending()

    def end(hall: Hall) -> None:
        hall.end()
        hall.wait()
        hall.end()

    with capture_logs() as log:
        hall = ending.run(lambda hall: hall.open(knock()), end)
    assert (ending.left, hall.hands.lines, said(cast(list[Any], log))) == (
        0,
        ["open 192.0.2.1", "close 192.0.2.1; sync"],
        ["command open 192.0.2.1", "command close 192.0.2.1; sync"],
    )


def test_impatience() -> None:
    """A stop command that does not end in time is counted, not waited for."""
    ending = Ending()
    ending.run(Hall.opened, _nothing, patience=0.01)
    assert ending.left == 1


def test_knock_while_closing() -> None:
    """A knock while the daemon ends is refused and told."""
    with capture_logs() as log:
        Ending().run(_nothing, lambda hall: hall.open(knock()))
        Ending().run(Hall.opened, lambda hall: hall.open(knock()), patience=0.01)
    assert said(cast(list[Any], log))[-1] == "refused shutting down"


@pytest.mark.parametrize("keep", [False, True])
def test_what_waits_for_a_place(keep: bool) -> None:
    """At the end a start command that waits for a place is refused, and the journal has no lease of it."""

    async def end() -> tuple[int, Hall]:
        hall = Hall()
        hall.hands.busy = True
        hall.open(knock(), knock(PLAIN, source="192.0.2.2"))
        leave = hall.keeper.keep if keep else hall.keeper.close
        return await leave(20.0), hall

    with capture_logs() as log:
        left, hall = asyncio.run(end())
    assert (left, hall.hands.lines, hall.book.commits[-1]) == (0, [], ())
    assert said(cast(list[Any], log)) == ["refused shutting down"] * 2


def test_a_renewal_that_waits_for_a_place_when_patience_ends() -> None:
    """Doors that are kept are open: a renewal whose stop command has worked and no more is not among them."""

    async def end() -> tuple[int, Hall]:
        hall = Hall()
        hall.opened()
        hall.open(knock())
        hall.hands.busy = True
        loop = asyncio.get_running_loop()
        loop.call_soon(hall.end)
        return await hall.keeper.keep(0.05), hall

    with capture_logs() as log:
        left, hall = asyncio.run(end())
    assert (left, hall.book.commits[-1]) == (0, ())
    assert said(cast(list[Any], log))[-1] == "refused shutting down"


def test_leases_in_memory_alone_cannot_be_kept() -> None:
    """Nothing is left to a next start that would not know of it; with no lease there is nothing to lose."""
    hall = Hall()
    hall.book.lasts = False
    before = hall.keeper.can_keep()
    hall.opened()
    without = hall.keeper.can_keep()
    hall.book.lasts = True
    assert (before, without, hall.keeper.can_keep()) == (True, False, True)


def test_an_opening_that_waits_to_be_noted_is_not_kept() -> None:
    """Asking whether doors can be kept opens none."""
    hall = Hall()
    hall.keeper.open(knock())
    hall.keeper.can_keep()
    assert (hall.hands.lines, hall.keeper.counts) == ([], (0, 0))
