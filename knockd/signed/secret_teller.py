"""A child that has the knock secret and derives the keys of any minute, as long as it is asked.

It is for what prints and ends: ``--replay`` and ``--explain``. They parse what strangers have sent, so they
hold no secret, and know the keys of those minutes only that they come to. The daemon asks a new child each
time (signed_child).

World: a child process.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import Final

from knockd.process.asked_child import AnswerLine, AskedChild
from knockd.process.fork import Fork
from knockd.signed.key_files import read_knock_secret
from knockd.signed.signed_answers import Answer, Question, most_bytes, parse_answer, write_answer
from knockd.signed.signed_child import answer_question
from knockd_conf.signed_packet import LAST_MINUTE, MinuteKeys, derive_minute
from knockd_conf.signed_sizes import TAG
from knockd_conf.trust import TrustPolicy

FAR: Final = 2 * 24 * 60
"""Minutes before and after a time in which a tag is looked for: a clock may be wrong by two days."""

_MOST_TAGS: Final = 4 * FAR
"""Tags that the child remembers."""

_KEY: Final = 32
"""Bytes of the key of a minute."""

_NOTHING: Final = b"-"


class SecretTeller:
    """The child of a knock secret and files of public keys."""

    def __init__(self, fork: Fork, secret: str, files: Sequence[str], policy: TrustPolicy) -> None:
        """Starts it; it reads all files once. Raises OSError."""
        self._question = Question(secret, tuple(files), 0, 0)
        self._child = AskedChild(fork, lambda: _begin(self._question, policy))

    @property
    def pid(self) -> int:
        """The child's number."""
        return self._child.pid

    def tell_files(self) -> Answer:
        """The host's identity and all keys, or what is wrong with files. Raises OSError if it has ended."""
        line = self._ask("files", most_bytes(self._question))
        try:
            return parse_answer(line, self._question)
        except ValueError as error:
            raise _no_answer(str(error)) from None

    def derive(self, minutes: range) -> Mapping[int, bytes]:
        """The keys of some minutes, none where the secret cannot be used. Raises OSError if it has ended."""
        line = self._ask(f"derive {minutes.start} {minutes.stop}", 2 * _KEY * len(minutes) + len(_NOTHING))
        if line == _NOTHING:
            return {}
        try:
            data = bytes.fromhex(line.decode("ascii"))
        except ValueError:
            raise _no_answer("no keys") from None
        if len(data) != _KEY * len(minutes):
            raise _no_answer("another number of keys")
        return {minute: data[_KEY * at : _KEY * (at + 1)] for at, minute in enumerate(minutes)}

    def find_minute(self, tag: bytes, near: int) -> int | None:
        """The nearest minute to another one, at most FAR from it, that has a tag; None: there is none.

        Raises OSError when it has ended.
        """
        line = self._ask(f"find {tag.hex()} {near}", len(str(LAST_MINUTE)))
        if line == _NOTHING:
            return None
        if not line.isdigit() or abs(int(line) - near) > FAR:
            raise _no_answer("no minute")
        return int(line)

    def close(self) -> None:
        """Ends it."""
        self._child.close()

    def _ask(self, question: str, most: int) -> bytes:
        try:
            return self._child.ask(question.encode(), most)
        except OSError as error:
            raise _no_answer(error.strerror or str(error)) from None


def _no_answer(why: str) -> OSError:
    return OSError(errno.EPIPE, f"the process that reads the knock secret gave no answer ({why})")


def _begin(question: Question, policy: TrustPolicy) -> AnswerLine:
    """Reads the files."""
    files = answer_question(question, policy)
    if files.secret.problem:
        return lambda line: write_answer(files) if line == b"files" else _NOTHING
    secret = read_knock_secret(question.secret, policy)
    tags = _Tags(secret)

    def answer(line: bytes) -> bytes:
        verb, *words = line.decode("ascii").split()
        if verb == "files":
            return write_answer(files)
        if verb == "derive":
            return b"".join(derive_minute(secret, one) for one in range(*map(int, words))).hex().encode()
        found = tags.find(bytes.fromhex(words[0]), int(words[1]))
        return _NOTHING if found is None else str(found).encode()

    return answer


class _Tags:
    """The tags of minutes, each derived once as long as it is remembered."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._tags: dict[int, bytes] = {}

    def find(self, tag: bytes, near: int) -> int | None:
        """The nearest minute that has a tag."""
        minutes = range(max(0, near - FAR), min(LAST_MINUTE, near + FAR) + 1)
        if len(self._tags) > _MOST_TAGS:
            self._tags = {one: self._tags[one] for one in minutes if one in self._tags}
        for minute in minutes:
            if minute not in self._tags:
                self._tags[minute] = MinuteKeys(minute, derive_minute(self._secret, minute)).tag[:TAG]
        found = [minute for minute in minutes if self._tags[minute] == tag]
        return min(found, key=lambda minute: abs(minute - near), default=None)
