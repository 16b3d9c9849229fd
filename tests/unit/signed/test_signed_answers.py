"""What a child answers: it goes through a pipe unchanged, and nothing else is taken for an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knockd.signed.signed_answers import (
    MOST_TEXT,
    Answer,
    FileAnswer,
    Question,
    SecretAnswer,
    most_bytes,
    parse_answer,
    write_answer,
)
from knockd_conf.access import network_of
from knockd_conf.authorized_keys import MAX_SIZE, parse_authorized_keys
from tests.support.doubles.live_signed import ANNE, BERT, TOKEN

QUESTION = Question("/secret", ("/one", "/two"), 7, 10)
GOOD = SecretAnswer(bytes(range(32)), {minute: bytes([minute] * 32) for minute in range(7, 11)})
NETS = (network_of(bytes([192, 0, 2, 0]), 24), network_of(bytes([203, 0, 113, 9]), 32))
SIX = (network_of(bytes.fromhex("20010db8") + bytes(12), 32), network_of(bytes(16), 0))
KEYS = (
    ANNE.line(line=3),
    BERT.line(allow=NETS, deny=SIX, expires=1_790_000_000.0, doors=("ssh", "T\u00fcr"), line=4),
    TOKEN.line(line=5)._replace(comment=""),
)
ANSWER = Answer(GOOD, (FileAnswer(KEYS, ("line 9: expected a key",)), FileAnswer(problems=("a", "b"))))


@pytest.mark.parametrize("answer", [ANSWER, ANSWER._replace(secret=SecretAnswer(problem="No such file"))])
def test_there_and_back(answer: Answer) -> None:
    """What is written is what is read."""
    assert parse_answer(write_answer(answer), QUESTION) == answer


def test_no_secret_is_told() -> None:
    """The answer has what is derived of it, and public keys."""
    found = json.loads(write_answer(ANSWER).split(b"\t")[0])
    assert found[0] == [GOOD.host.hex(), [GOOD.minutes[minute].hex() for minute in range(7, 11)]]


def test_one_line() -> None:
    """A line holds it, whatever a comment has in it."""
    key = ANNE.line(line=3)._replace(comment="a\tb\nc")
    answer = ANSWER._replace(files=(FileAnswer((key,)), FileAnswer()))
    assert b"\n" not in write_answer(answer)
    assert parse_answer(write_answer(answer), QUESTION) == answer


def test_long_problem() -> None:
    """It is cut."""
    cut = Answer(SecretAnswer(problem="x" * 9_999), (FileAnswer(problems=("y" * 9_999,)), FileAnswer()))
    found = parse_answer(write_answer(cut), QUESTION)
    assert found == Answer(
        SecretAnswer(problem="x" * MOST_TEXT), (FileAnswer(problems=("y" * MOST_TEXT,)), FileAnswer())
    )


def changed(*path: Any, to: Any) -> bytes:
    """The answer with another value somewhere in it: in the one with the first number."""
    found = [*map(json.loads, write_answer(ANSWER).split(b"\t"))]
    *way, last = path
    at = found
    for step in way:
        at = at[step]
    at[last] = to
    return b"\t".join(json.dumps(value, separators=(",", ":")).encode() for value in found)


KEY = 2
"""Where the second key is."""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"nonsense",
        b"[" * 100_000,
        b"\xff",
        write_answer(ANSWER) + b" ",
        write_answer(ANSWER) + b"\t",
        write_answer(ANSWER) + b"\t" + write_answer(ANSWER).split(b"\t")[-1],
        write_answer(ANSWER).replace(b"\t", b"\t "),
        write_answer(ANSWER)[:-1],
        write_answer(ANSWER._replace(files=ANSWER.files[:1])),
        write_answer(ANSWER._replace(files=ANSWER.files * 2)),
        write_answer(ANSWER._replace(secret=GOOD._replace(minutes={7: bytes(32)}))),
        changed(0, 0, to=""),
        changed(0, 0, to=7),
        changed(0, 0, 0, to="00"),
        changed(0, 0, 1, 0, to="zz" * 32),
        changed(0, 0, 1, 0, to=("00 " * 32).strip()),
        changed(0, 1, 1, 1, to="text"),
        changed(0, 1, 1, 1, to=[""]),
        changed(0, 1, 0, 0, to=2),
        changed(0, 1, 0, 0, to=4),
        changed(0, 1, 0, 0, to=10**9),
        changed(0, 1, 0, 0, to=True),
        changed(0, 1, 0, 0, to=3.0),
        changed(KEY, slice(None), to=[]),
        changed(KEY, 0, to="00" * 31),
        changed(KEY, 0, to=("AB" * 32)),
        changed(KEY, 1, to=None),
        changed(KEY, 2, to="SHA256:short"),
        changed(KEY, 3, to=7),
        changed(KEY, 4, to=["192.0.2.1/24"]),
        changed(KEY, 4, to=["192.0.2.0/33"]),
        changed(KEY, 4, to=["192.0.2.0/-1"]),
        changed(KEY, 4, to=["example.org"]),
        changed(KEY, 5, to=[7]),
        changed(KEY, 6, to="never"),
        changed(KEY, 6, to=True),
        changed(KEY, 6, to=float("inf")),
        changed(KEY, 7, to="ssh"),
        changed(KEY, 7, to=[7]),
        changed(KEY, 8, to=1.5),
        changed(KEY, 8, to=True),
    ],
)
def test_no_answer(data: bytes) -> None:
    """It is refused, and what is said of it shows nothing of it."""
    with pytest.raises(ValueError, match=r"^an answer that is none \([A-Za-z]+\)$"):
        parse_answer(data, QUESTION)


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("from", [f"::{at:x}" for at in range(1, 36_000)]),
        ("from", [f"1.{at >> 8}.{at & 255}.1" for at in range(24_000)]),
        ("knock-doors", ["\U0001f511" * 7 + str(at) for at in range(7_000)]),
    ],
)
def test_longest(option: str, values: list[str]) -> None:
    """Whatever a file of the greatest length says fits into an answer."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X anne"
    text = f'{option}="{",".join(values)}" {key}'.encode()
    assert MAX_SIZE * 0.8 < len(text) <= MAX_SIZE
    read = parse_authorized_keys(text, lambda _: 0.0)
    assert [one.comment for one in read.keys] == ["anne"]
    answer = Answer(SecretAnswer(problem="x"), (FileAnswer(*read),))
    question = Question("/secret", ("/one",), 7, 10)
    assert len(write_answer(answer)) < most_bytes(question) // 2
    assert parse_answer(write_answer(answer), question) == answer
