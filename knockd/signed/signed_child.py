"""A child that reads the knock secret and the public keys, and derives what a few minutes need.

It alone ever has the secret: the keeper forks the packet process, so what the keeper holds that holds too.

World: a child process.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.process.answer_child import AnswerChild
from knockd.process.fork import Fork
from knockd.signed.key_files import read_authorized_keys, read_knock_secret
from knockd.signed.signed_answers import (
    Answer,
    FileAnswer,
    Question,
    SecretAnswer,
    most_bytes,
    write_answer,
)
from knockd_conf.signed_packet import derive_host, derive_minute
from knockd_conf.trust import TrustPolicy

StartSignedChild = Callable[[Question], AnswerChild]
"""Starts a child that answers a question. Raises OSError."""


def start_signed_child(fork: Fork, question: Question, policy: TrustPolicy) -> AnswerChild:
    """Starts it. Raises OSError."""
    return AnswerChild(fork, lambda: write_answer(answer_question(question, policy)), most_bytes(question))


def answer_question(question: Question, policy: TrustPolicy) -> Answer:
    """Reads the files of a question; whoever calls this has the secret from then on."""
    files = tuple(_read_keys(path, policy) for path in question.files)
    return Answer(_derive(question, policy), files)


def _derive(question: Question, policy: TrustPolicy) -> SecretAnswer:
    try:
        secret = read_knock_secret(question.secret, policy)
    except OSError as error:
        return SecretAnswer(problem=error.strerror or str(error))
    return SecretAnswer(derive_host(secret), {one: derive_minute(secret, one) for one in question.minutes})


def _read_keys(path: str, policy: TrustPolicy) -> FileAnswer:
    try:
        return FileAnswer(*read_authorized_keys(path, policy))
    except OSError as error:
        return FileAnswer(problems=(error.strerror or str(error),))
