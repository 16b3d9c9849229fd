"""The tags that signed knocks of a time begin with, asked of a child that alone reads the secret.

For what prints them and ends.

World: a child process.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from knockd.knocks.signed_watch import SignedMinute, SignedWatch, signed_ports_of
from knockd.process.fork import Fork, fork_child
from knockd.process.pipe_child import AnswerChild
from knockd.signed.key_files import read_knock_secret
from knockd_conf.model import Config
from knockd_conf.signed_packet import MINUTE, MinuteKeys, derive_minute
from knockd_conf.signed_sizes import TAG
from knockd_conf.text import printable
from knockd_conf.trust import TrustPolicy

LIVE_MINUTES = 1
"""Minutes before and after the one that is now whose knocks count (docs/spec/signed-knock.md)."""

_TAGS, _PROBLEM = b"+", b"-"
_MOST = 4_096
"""Bytes of the longest answer."""


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
    minutes = range(int(now // MINUTE) - LIVE_MINUTES, int(now // MINUTE) + LIVE_MINUTES + 1)
    child = AnswerChild(fork, lambda: _answer(path, policy, minutes), _MOST)
    while child.read_some():
        pass
    child.close()
    os.waitpid(child.pid, 0)
    try:
        answer = child.take_answer()
    except ValueError as error:
        raise OSError(errno.EPIPE, str(error)) from None
    kind, rest = answer[:1], answer[1:]
    if kind == _PROBLEM:
        raise OSError(errno.EINVAL, rest.decode(errors="replace"))
    return tuple(
        SignedMinute(minute, b"", rest[at * TAG : (at + 1) * TAG]) for at, minute in enumerate(minutes)
    )


def seconds_left(minute: int, now: float) -> float:
    """For how many seconds more knocks of a minute count."""
    return (minute + LIVE_MINUTES + 1) * MINUTE - now


def _answer(path: str, policy: TrustPolicy, minutes: range) -> bytes:
    try:
        secret = read_knock_secret(path, policy)
    except OSError as error:
        return _PROBLEM + (error.strerror or str(error)).encode()[: _MOST // 2]
    return _TAGS + b"".join(MinuteKeys(minute, derive_minute(secret, minute)).tag for minute in minutes)
