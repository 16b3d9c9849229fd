"""Does the same with many things at once: for what waits in the kernel, and lets others run meanwhile.

World: threads, which have all ended when it returns.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 16


def do_side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], threads: int = THREADS
) -> list[Result]:
    """What ``work`` makes of each item, in their order. Raises what one of them raises."""
    results: dict[int, Result] = {}
    failed: list[BaseException] = []
    todo = iter(enumerate(items))
    turn = _thread.allocate_lock()

    def work_on(done: _thread.LockType) -> None:
        try:
            while not failed:
                with turn:
                    chosen = next(todo, None)
                if chosen is None:
                    return
                results[chosen[0]] = work(chosen[1])
        except BaseException as error:  # noqa: BLE001 - it is raised where all threads are waited for
            failed.append(error)
        finally:
            done.release()

    ends = [_thread.allocate_lock() for _ in range(min(threads, len(items)))]
    for end in ends:
        end.acquire()
        _thread.start_new_thread(work_on, (end,))
    for end in ends:
        end.acquire()
    if failed:
        raise failed[0]
    return [results[at] for at in range(len(items))]
