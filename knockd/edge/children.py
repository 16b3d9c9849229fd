"""Forks of this very program: the daemon, the packet process and short name look-ups."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise

EX_SOFTWARE = 70
"""Exit status of a child that ended with an exception (sysexits.h)."""

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)
"""Signals that the first process of a container passes on to the daemon."""

_RESET = (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGALRM)


def fork_child(main: Callable[[], int], keep: Iterable[int], *, silent: bool = False) -> int:
    """Forks a child that runs ``main`` with no descriptors but ``keep`` and the standard three.

    Returns the child's pid. ``silent``: its standard three are the null device.

    The child shares the signal wake-up descriptor of a parent that runs asyncio: a SIGTERM
    meant for the child would stop the parent. So the child forgets it, resets the handlers
    and ignores SIGINT (Ctrl-C reaches the whole terminal; the parent tells the child what to do).
    """
    _flush()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _RESET)
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        raise
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return pid
    status = EX_SOFTWARE
    try:
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        _close_all_but({0, 1, 2, *keep})
        if silent:
            _let_go_of_terminal()
        status = main()
    except BaseException:  # noqa: BLE001 - nothing of a child may run on into the parent's code
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            _flush()
        os._exit(status)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is when knockd was started without it
            stream.flush()


def open_standard() -> None:
    """Puts the null device where we were started without one of the standard three.

    Else what is opened first would get its number, and be taken for it by every child.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(null)


def unblock_signals() -> None:
    """Takes every signal, whatever who started us had blocked, and hears of children, also if he did not.

    Else no command would ever end for us, so no door would be closed, and we could not be ended.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _close_all_but(keep: set[int]) -> None:
    bounds = [-1, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for previous, following in pairwise(bounds):
        if following - previous > 1:  # os.closerange of an empty range at 0 closes everything
            os.closerange(previous + 1, following)


def _let_go_of_terminal() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    if null > 2:
        os.close(null)


def leave_init() -> None:
    """Returns in a child when we are the first process of a container; it is the daemon then.

    What a command leaves behind becomes a child of the first process, and nobody else would collect
    it. That stays here: it collects, passes signals on and exits with the daemon's status.
    """
    if os.getpid() != 1:
        return
    _flush()
    # Blocked, or the kernel would not deliver them to a first process that has no handler.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED_ON, signal.SIGCHLD})
    daemon = os.fork()
    if not daemon:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    while True:
        number = signal.sigwait({*_PASSED_ON, signal.SIGCHLD})
        if number != signal.SIGCHLD:
            os.kill(daemon, number)
            continue
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == daemon:
                status = os.waitstatus_to_exitcode(ended[1])
                os._exit(status if status >= 0 else 128 - status)


def daemonise() -> int:
    """Goes into the background; returns a descriptor to report the start on.

    The first parent stays until the daemon writes its exit status (one byte, 0: it runs) to
    that descriptor, and exits with it; so ``knockd -d && echo up`` tells the truth.
    """
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        status = os.read(reader, 1)
        os._exit(status[0] if status else EX_SOFTWARE)
    os.close(reader)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    _close_all_but({0, 1, 2, writer})
    return writer


def report_started(descriptor: int, status: int) -> None:
    """Tells the waiting first parent how the start went; on success lets the terminal go."""
    if status == 0:
        _let_go_of_terminal()
    os.write(descriptor, bytes([status]))
    os.close(descriptor)
