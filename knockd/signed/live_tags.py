"""The tags that signed knocks of a time begin with, for what prints them and ends.

A child alone reads the secret.

World: a child process.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from knockd.knocks.signed_watch import SignedMinute, SignedWatch, signed_ports_of
from knockd.process.fork import Fork, fork_child
from knockd.signed.live_minutes import LIVE, find_live
from knockd.signed.signed_answers import Question, parse_answer
from knockd.signed.signed_child import start_signed_child
from knockd_conf.model import Config
from knockd_conf.signed_packet import MINUTE, MinuteKeys
from knockd_conf.text import printable
from knockd_conf.trust import TrustPolicy


def find_signed_now(config: Config, now: float, say: Callable[[str], None]) -> SignedWatch:
    """What is watched of signed knocks at ``now``; ``say`` is told when their tags cannot be had."""
    ports, path = signed_ports_of(config.doors), config.options.knock_secret
    if not ports or path is None:
        return SignedWatch((), ())
    policy = TrustPolicy.current(allow_insecure=config.insecure)
    try:
        return SignedWatch(ports, ask_live_minutes(fork_child, path, policy, now))
    except OSError as error:
        say(f"signed knocks are left out: {printable(path)}: {error.strerror}")
        return SignedWatch(ports, ())


def ask_live_minutes(fork: Fork, path: str, policy: TrustPolicy, now: float) -> tuple[SignedMinute, ...]:
    """The minutes that are live at ``now``, in seconds since the epoch, with their tags alone.

    Raises OSError, whose ``strerror`` is for people, when the secret in the file cannot be had.
    """
    live = find_live(now)
    question = Question(path, (), live.start, live.stop - 1)
    child = start_signed_child(fork, question, policy)
    while child.read_some():
        pass
    child.close()
    os.waitpid(child.pid, 0)
    try:
        secret = parse_answer(child.take_answer(), question).secret
    except ValueError as error:
        raise OSError(errno.EPIPE, str(error)) from None
    if secret.problem:
        raise OSError(errno.EINVAL, secret.problem)
    return tuple(SignedMinute(at, b"", MinuteKeys(at, key).tag) for at, key in secret.minutes.items())


def seconds_left(minute: int, now: float) -> float:
    """For how many seconds more knocks of a minute count."""
    return (minute + LIVE + 1) * MINUTE - now
