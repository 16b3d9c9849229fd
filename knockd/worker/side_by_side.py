"""Does the same with many things at once: for what waits in the kernel, and lets others run meanwhile.

All threads have ended when it returns, for each gives up rights for itself alone.

World: threads.
"""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 16
_PAUSE = 0.001
"""Seconds between two looks whether all have ended."""


def do_side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], threads: int = THREADS
) -> list[Result]:
    """What ``work`` makes of each item, in their order. Raises what one of them raises."""
    results: dict[int, Result] = {}
    failed: list[BaseException] = []
    todo = iter(enumerate(items))
    turn = _thread.allocate_lock()

    def work_on() -> None:
        try:
            while not failed:
                with turn:
                    chosen = next(todo, None)
                if chosen is None:
                    return
                results[chosen[0]] = work(chosen[1])
        except BaseException as error:  # noqa: BLE001 - it is raised where all threads are waited for
            failed.append(error)

    others = _thread._count()  # what threading counts with, which is not imported: it takes memory
    with suppress(RuntimeError):  # no room for so many: fewer do
        for _ in range(min(threads, len(items)) - 1):
            _thread.start_new_thread(work_on, ())
    work_on()
    while _thread._count() > others:
        time.sleep(_PAUSE)
    if failed:
        raise failed[0]
    return [results[at] for at in range(len(items))]
