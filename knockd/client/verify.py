"""Whether a port answers: TCP connections tried until one is made or the time is over.

World: sockets.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain, repeat
from select import select
from typing import Final

from knockd.client.network import REFUSED, UNDER_WAY, Destination, error_text
from knockd_conf.classes import NamedTuple

PATIENCE: Final = 5.0
"""Seconds in which a port has to answer after a knock: for slow commands (ufw) and slow links."""

GLANCE: Final = 0.4
"""Seconds in which a port has to answer that is open before the knock: longer than most round trips."""

_ATTEMPTS: Final = (0.25, 0.5, 1.0)
"""Seconds after which an attempt is given up and another one is made: a firewall drops the first SYN of
a knocker who is faster than the door's command, and the kernel sends it again a second later only."""

_SILENCE: Final = 0.5
"""Seconds after which an attempt counts as not answered where that is what is hoped for."""

_PAUSE: Final = 0.125
"""Seconds between two attempts at least: a refusal comes at once."""

_REFUSED: Final = "connection refused: nothing listens there, or a firewall rejects"


class Answer(NamedTuple):
    """Where a connection was made (None: nowhere), else what was seen instead, for a message."""

    where: Destination | None
    seen: str = ""


def await_answer(
    attempt: Callable[[float], Answer],
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Answer:
    """Make attempts until one is answered or ``patience`` seconds are over; the last answer.

    ``attempt`` takes the seconds after which it gives up.
    """
    end = clock() + patience
    answer = Answer(None, "no answer")
    for most in chain(_ATTEMPTS, repeat(_ATTEMPTS[-1])):
        begun = clock()
        if begun >= end:
            break
        answer = attempt(min(most, end - begun))
        if answer.where is not None:
            break
        rest = min(_PAUSE - (clock() - begun), end - clock())
        if rest > 0:
            pause(rest)
    return answer


def await_silence(
    attempt: Callable[[float], Answer],
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Answer:
    """Make attempts until two in a row are not answered, or ``patience`` seconds are over; the last answer.

    One alone may have been lost on the way.
    """
    end = clock() + patience
    answer, unanswered = Answer(None), 0
    while (begun := clock()) < end and unanswered < 2:
        answer = attempt(min(_SILENCE, end - begun))
        unanswered = 0 if answer.where is not None else unanswered + 1
        rest = min(_PAUSE - (clock() - begun), end - clock())
        if rest > 0:
            pause(rest)
    return answer


def try_once(destinations: Sequence[Destination], port: int, span: float) -> Answer:
    """Try to connect to the port at every address at once, ``span`` seconds long."""
    seen = "no answer"
    with ExitStack() as opened:
        waiting: dict[socket.socket, Destination] = {}
        for where in destinations:
            try:
                sock = opened.enter_context(socket.socket(where.family, socket.SOCK_STREAM))
            except OSError as error:
                seen = error.strerror or str(error)  # such as a system without IPv6
                continue
            sock.setblocking(False)
            result = sock.connect_ex(where.sockaddr(port))
            if result == 0:
                return Answer(where)
            if result in UNDER_WAY:
                waiting[sock] = where
            else:
                seen = _words(result)
        end = time.monotonic() + span
        while waiting and (left := end - time.monotonic()) > 0:
            # Windows says of a failed attempt that something exceptional has come.
            _, writable, failed = select([], list(waiting), list(waiting), left)
            for sock in {*writable, *failed}:
                where = waiting.pop(sock)
                result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if result == 0:
                    return Answer(where)
                seen = _words(result)
    return Answer(None, seen)


def _words(number: int) -> str:
    return _REFUSED if number in REFUSED else error_text(number)
