"""Forks of this program: the daemon, the packet process, the child that reads, short name look-ups.

World: forks and signals.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise

from knockd.process.name import HELPER, INIT, STARTER, name_process

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)
"""Signals that the first process of a container passes on to the daemon."""

_RESET = (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGALRM)


Fork = Callable[[Callable[[], int], Iterable[int]], int]
"""Starts a child that runs a function and keeps some descriptors; returns its pid, raises OSError."""


def fork_child(
    main: Callable[[], int], keep: Iterable[int], *, name: str = HELPER, silent: bool = False
) -> int:
    """Forks a child that runs ``main`` with no descriptors but ``keep`` and the standard three.

    Returns the child's pid. ``name`` is what ps calls it. ``silent``: its standard three are the null
    device. The child exits with what ``main`` returns, EX_SOFTWARE after an exception, EX_IOERR when
    what it printed is lost.

    The child inherits what an event loop has set for signals: each for the child would wake the parent, and
    end nothing. So the child forgets the loop's wake-up descriptor, resets the handlers and ignores SIGINT
    (Ctrl-C reaches the whole terminal; the parent tells the child what to do).
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
    status = os.EX_SOFTWARE  # unless it returns: it ended with an exception
    try:
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        _close_all_but({0, 1, 2, *keep})
        if silent:
            _detach_standard_streams()
        name_process(name)
        status = main()
    except BaseException:  # noqa: BLE001 - nothing of a child may run on into the parent's code
        sys.__excepthook__(*sys.exc_info())
    finally:
        try:
            _flush()
        except (OSError, ValueError):
            status = status or os.EX_IOERR
        os._exit(status)


def kill_child(pid: int) -> None:
    """Kills a child that has not been collected.

    One that has become another user lives on where we lack CAP_KILL, as in many containers: whoever forks
    such a child gives it an end of its own.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def collect_child(pid: int) -> bool:
    """Collects a child that has ended, without waiting; returns whether there is none any more."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:  # somebody else has collected it
        return True


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is when knockd was started without it
            stream.flush()


def open_standard_streams() -> None:
    """Opens the null device for each of the standard three descriptors that is closed.

    Else what is opened first would get its number, and every child would take it for that stream: also a
    program that we start, so it inherits the null device.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(null, True)
    os.close(null)


def unblock_signals() -> None:
    """Unblocks all signals, and no longer ignores SIGCHLD: a process inherits both from who started it.

    Else the end of a command would go unnoticed, no door would be closed, and TERM would do nothing.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _close_all_but(keep: set[int]) -> None:
    bounds = [-1, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for previous, following in pairwise(bounds):
        if following - previous > 1:  # os.closerange of an empty range at 0 closes everything
            os.closerange(previous + 1, following)


def _detach_standard_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    if null > 2:
        os.close(null)


def leave_init() -> None:
    """Forks the daemon, and returns in it, when this is the first process of a container; else just returns.

    What a command leaves behind becomes a child of the first process, which alone can collect it. The
    first process stays in this function: it collects, passes signals on and exits with the daemon's status.
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
    name_process(INIT)
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
    """Goes into the background; returns the descriptor that ``report_started`` needs.

    The first parent stays until the daemon writes its exit status (one byte, 0: it runs) to that
    descriptor, and exits with it; so ``knockd -d && echo up`` is right.
    """
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        name_process(STARTER)
        status = os.read(reader, 1)
        os._exit(status[0] if status else os.EX_SOFTWARE)
    os.close(reader)
    os.setsid()
    if os.fork():
        os._exit(os.EX_OK)
    os.chdir("/")
    _close_all_but({0, 1, 2, writer})
    return writer


def report_started(descriptor: int, status: int) -> None:
    """Sends the exit status of the start to the waiting first parent; lets the terminal go after success."""
    if status == os.EX_OK:
        _detach_standard_streams()
    os.write(descriptor, bytes([status]))
    os.close(descriptor)
