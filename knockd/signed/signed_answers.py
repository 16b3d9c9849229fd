"""What a child is asked that reads the files of signed knocks, and what it answers: public keys, no secret.

The answer is a line of JSON values with tabs between them: what is derived and how many keys each file has,
then each key, so that one after the other is read without the memory for all. ``parse_answer`` takes what
``write_answer`` can write for the same question, and nothing else.

Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from math import isfinite
from typing import Any, Final

from knockd_conf.access import Network, Networks, network_of
from knockd_conf.authorized_keys import MAX_SIZE, AuthorizedKey
from knockd_conf.classes import NamedTuple
from knockd_conf.signed_packet import SECRET_BYTES

MOST_BYTES: Final = 8 * MAX_SIZE
"""Of the answer about one file: six bytes for each of its own, where it consists of odd letters."""

MOST_TEXT: Final = 2_000
"""Characters of one thing that is wrong with a file."""

_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_BETWEEN: Final = b"\t"
"""Between two values; in none of them."""

_HASH: Final = SECRET_BYTES
"""Bytes of HMAC-SHA-256, and of an Ed25519 key."""


class Question(NamedTuple):
    """The files that are to be read, and the minutes whose keys are wanted, from ``first`` to ``last``."""

    secret: str
    files: tuple[str, ...]
    first: int
    last: int

    @property
    def minutes(self) -> range:
        """Their numbers."""
        return range(self.first, self.last + 1)


class SecretAnswer(NamedTuple):
    """What is derived of a knock secret, or what is wrong with its file."""

    host: bytes = b""
    minutes: Mapping[int, bytes] = {}
    problem: str = ""


class FileAnswer(NamedTuple):
    """The keys of a file, and what is wrong with it or with other lines of it."""

    keys: tuple[AuthorizedKey, ...] = ()
    problems: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What a child has found; the files are in the order of the question."""

    secret: SecretAnswer
    files: tuple[FileAnswer, ...]


def most_bytes(question: Question) -> int:
    """Bytes that no answer to a question is longer than."""
    return MOST_BYTES * (len(question.files) + 1)


def write_answer(answer: Answer) -> bytes:
    """The answer as it goes through a pipe."""
    keys = (key for file in answer.files for key in file.keys)
    return _BETWEEN.join([_head(answer), *(_dump(_pack_key(key)) for key in keys)])


def parse_answer(data: bytes, question: Question) -> Answer:
    """The answer to this question. Raises ValueError, which shows nothing of the data."""
    try:
        values = _split(data)
        head = next(values)
        derived, rows = json.loads(head)
        files = tuple(
            FileAnswer(tuple(_read_key(next(values, b"")) for _ in range(count)), _texts(problems))
            for count, problems in rows
        )
        answer = Answer(_secret(derived, question.minutes), files)
        if len(files) != len(question.files) or _head(answer) != head or next(values, None) is not None:
            raise ValueError("no answer to this question")
    except (ValueError, TypeError, RecursionError, AttributeError, OverflowError) as error:
        raise ValueError(f"an answer that is none ({type(error).__name__})") from None
    return answer


def _head(answer: Answer) -> bytes:
    """The first value."""
    secret, files = answer
    derived: Any = secret.problem[:MOST_TEXT]
    if not derived:
        derived = [secret.host.hex(), [secret.minutes[minute].hex() for minute in sorted(secret.minutes)]]
    rows = [[len(file.keys), [problem[:MOST_TEXT] for problem in file.problems]] for file in files]
    return _dump([derived, rows])


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _split(data: bytes) -> Iterator[bytes]:
    at = 0
    while (end := data.find(_BETWEEN, at)) >= 0:
        yield data[at:end]
        at = end + 1
    yield data[at:]


def _read_key(value: bytes) -> AuthorizedKey:
    key = _key(json.loads(value))
    if _dump(_pack_key(key)) != value:
        raise ValueError("a key in other words")
    return key


def _secret(derived: Any, minutes: range) -> SecretAnswer:
    if isinstance(derived, str):
        return SecretAnswer(problem=_text(derived))
    host, keys = derived
    return SecretAnswer(_bytes(host), dict(zip(minutes, map(_bytes, keys), strict=True)))


def _pack_key(key: AuthorizedKey) -> list[Any]:
    nets = ([str(network) for network in networks] for networks in (key.allow, key.deny))
    doors = None if key.doors is None else list(key.doors)
    return [
        key.public.hex(),
        key.comment,
        key.fingerprint,
        key.application,
        *nets,
        key.expires,
        doors,
        key.line,
    ]


def _key(row: Any) -> AuthorizedKey:
    public, comment, fingerprint, application, allow, deny, expires, doors, line = row
    if not isinstance(comment, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise ValueError("no key")
    if not (application is None or isinstance(application, str)):
        raise ValueError("no application")
    if not (expires is None or (type(expires) is float and isfinite(expires))):
        raise ValueError("no time")
    if type(line) is not int:
        raise ValueError("no line")
    return AuthorizedKey(
        _bytes(public),
        comment,
        fingerprint,
        application,
        _networks(allow),
        _networks(deny),
        expires,
        None if doors is None else _texts(doors),
        line,
    )


def _networks(texts: Sequence[str]) -> Networks:
    return tuple(map(_network, texts))


def _network(text: str) -> Network:
    address, _, prefix = text.partition("/")
    packed = ip_address(address).packed
    return network_of(packed, int(prefix) if prefix else 8 * len(packed))


def _bytes(text: Any) -> bytes:
    data = bytes.fromhex(text)
    if len(data) != _HASH:
        raise ValueError("another number of bytes")
    return data


def _text(found: Any) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= MOST_TEXT:
        raise ValueError("no text")
    return found


def _texts(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list):
        raise ValueError("no texts")
    return tuple(map(_text, found))
