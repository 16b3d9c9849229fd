"""Questions to the child that alone has keys, and answers: what comes back is strictly what was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knockd.sequences.derived_keys import (
    MOST_BYTES,
    Answer,
    Question,
    derive_keys,
    parse_answers,
    write_answers,
)
from knockd_conf.key_file import MAX_KEYS, KeyFile, NamedKey
from knockd_conf.protocol import Protocol
from knockd_conf.timed import MAX_STEPS, Rule, derive_ports
from tests.support.doubles.keyed import ANNE, BOB, NOON

ASKED = Question("/etc/keys", "ssh", Rule(protocol="mixed"), 97, 104)
LAST_DAY = 1_790_100_000.0


def end_of(day: str) -> float:
    """The end of the only day there is."""
    assert day == "2026-09-22"
    return LAST_DAY


def derive(*keys: NamedKey, now: float = NOON, asked: Question = ASKED) -> Answer:
    """What these keys mean."""
    return derive_keys(asked, KeyFile(keys, ()), now, end_of)


def test_ports() -> None:
    """Each key has the ports of each period that was asked for."""
    answer = derive(ANNE, BOB)
    assert [key.name for key in answer.keys] == ["anne", "bob"]
    assert list(answer.keys[1].ports) == list(range(97, 105))
    assert answer.keys[1].ports[100] == derive_ports(BOB.key, "ssh", 100, ASKED.rule)


def test_expiring_key() -> None:
    """A key has sequences until its last day is over, and none from then on."""
    key = ANNE._replace(expires="2026-09-22")
    (before,), (after,) = derive(key).keys, derive(key, now=LAST_DAY).keys
    assert (before.until, len(before.ports)) == (LAST_DAY, 8)
    assert (after.until, len(after.ports)) == (LAST_DAY, 0)


def test_file_with_problems() -> None:
    """Its problems are the answer, cut if there are very many."""
    file = KeyFile((), ("line 1: this", "line 2: that"))
    assert Answer(problem="line 1: this; line 2: that") == derive_keys(ASKED, file, NOON, end_of)
    assert len(derive_keys(ASKED, KeyFile((), ("x" * 5_000,)), NOON, end_of).problem) == 2_000


ANSWERS = {
    "keys": derive(ANNE, BOB),
    "problem": Answer(problem="No such file or directory"),
    "expired": derive(ANNE._replace(expires="2026-09-22"), now=LAST_DAY),
    "changed": derive(ANNE)._replace(changed=1_790_000_000.5),
    "never": Answer((derive(ANNE).keys[0]._replace(until=float("inf")),)),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_through_a_pipe(answer: Answer) -> None:
    """What is written is read; in the order of the questions."""
    data = write_answers([answer, derive(BOB)])
    assert (answer, derive(BOB)) == parse_answers(data, [ASKED, ASKED])


def test_no_key_in_it() -> None:
    """Neither the bytes of a key nor their text is in what is written."""
    data = write_answers([derive(ANNE)])
    assert ANNE.key not in data
    assert b"AAECAwQF" not in data


def test_longest_answer() -> None:
    """It has room in what the keeper takes of a child."""
    asked = ASKED._replace(rule=Rule(steps=MAX_STEPS))
    keys = [NamedKey("n" * 60 + f"{n:04}", bytes([n]) * 32, "2026-09-22") for n in range(MAX_KEYS)]
    assert len(write_answers([derive(*keys, asked=asked)])) < MOST_BYTES


GOOD: list[Any] = json.loads(write_answers([derive(ANNE)]))[0][1]
ROW = GOOD[0][2][0]


def key(name: object = "anne", until: object = None, rows: object = GOOD[0][2]) -> list[object]:
    """A key as it is written, with something else in it."""
    return [name, until, rows]


BAD = {
    "nothing": b"",
    "no JSON": b"{",
    "deep": b"[" * 100_000,
    "another number of answers": [[5.0, GOOD], [5.0, GOOD]],
    "no time": [["5", GOOD]],
    "keys alone": [GOOD],
    "no list": 5,
    "no answer": [None],
    "no problem": [""],
    "long problem": ["x" * 2_001],
    "no key": [[5.0, []]],
    "many keys": [[5.0, [key(f"n{n}") for n in range(MAX_KEYS + 1)]]],
    "a name twice": [[5.0, [key(), key()]]],
    "a name that is none": [[5.0, [key("a b")]]],
    "a number for a name": [[5.0, [key(5)]]],
    "a text for a time": [[5.0, [key(until="5")]]],
    "no number for a time": [[5.0, [key(until=float("nan"))]]],
    "a flag for a time": [[5.0, [key(until=True)]]],
    "fewer periods": [[5.0, [key(rows=GOOD[0][2][:-1])]]],
    "more periods": [[5.0, [key(rows=[*GOOD[0][2], ROW])]]],
    "fewer ports": [[5.0, [key(rows=[ROW[:-1]] * 8)]]],
    "a port twice": [[5.0, [key(rows=[[*ROW[:-1], ROW[0]]] * 8)]]],
    "a port out of range": [[5.0, [key(rows=[[*ROW[:-1], 19_999 << 1]] * 8)]]],
    "a text for a port": [[5.0, [key(rows=[[*ROW[:-1], "5"]] * 8)]]],
    "a flag for a port": [[5.0, [key(rows=[[*ROW[:-1], True]] * 8)]]],
    "a list in a row": [[5.0, [key(rows=[[*ROW[:-1], []]] * 8)]]],
    "one thing more": [[5.0, [[*key(), 1]]]],
    "an object": [{"a": 1}],
}


@pytest.mark.parametrize("found", BAD.values(), ids=BAD)
def test_what_is_no_answer(found: object) -> None:
    """Whatever a child cannot have written is refused, and nothing of it is shown."""
    data = found if isinstance(found, bytes) else json.dumps(found).encode()
    with pytest.raises(ValueError, match=r"^an answer that is none \((\w+)\)$"):
        parse_answers(data, [ASKED])


@pytest.mark.parametrize(("protocol", "fits"), [("mixed", True), ("tcp", False), ("udp", False)])
def test_ports_of_another_rule(protocol: str, *, fits: bool) -> None:
    """Ports of a protocol that the door does not have are none."""
    data = write_answers([derive(ANNE)])
    asked = ASKED._replace(rule=Rule(protocol=protocol))
    if fits:
        assert parse_answers(data, [asked]) == (derive(ANNE),)
    else:
        with pytest.raises(ValueError, match="an answer that is none"):
            parse_answers(data, [asked])


def test_protocols() -> None:
    """A port keeps its protocol on its way."""
    (answer,) = parse_answers(write_answers([derive(ANNE)]), [ASKED])
    found = {port.protocol for ports in answer.keys[0].ports.values() for port in ports.steps}
    assert found == {Protocol.TCP, Protocol.UDP}
