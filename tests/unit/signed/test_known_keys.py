"""The keys of all files: whose they are, what is wrong with a file, and how many there may be."""

from __future__ import annotations

import pytest

from knockd.signed.known_keys import CROWDED, KnownKeys, Trouble, has_expired, may_use
from knockd.signed.signed_answers import FileAnswer
from knockd_conf.access import Networks, network_of
from knockd_conf.authorized_keys import MAX_KEYS, AuthorizedKey
from tests.support.doubles.live_signed import ALICE, ANNE, BERT, BOB
from tests.support.doubles.signed import signed_door

NOW = 1_000.0
ONE, TWO = "/one", "/two"
SSH = signed_door(authorized_keys=ONE)


def known(*answers: FileAnswer) -> KnownKeys:
    """The keys of one file or of two."""
    made = KnownKeys((ONE, TWO)[: len(answers)])
    made.take(answers)
    return made


def many(first: int, number: int) -> FileAnswer:
    """A file with so many keys."""
    return FileAnswer(tuple(AuthorizedKey(at.to_bytes(32, "big"), "", "f") for at in range(first, number)))


def test_none_before_they_are_read() -> None:
    """There are no keys, and nothing is wrong."""
    keys = KnownKeys((ONE, TWO))
    assert (keys.paths, keys.publics, keys.troubles, list(keys.list_all())) == ((ONE, TWO), (), (), [])
    assert keys.find(ANNE.public, None) is None


def test_key_in_two_files() -> None:
    """Each file has it as it says, and its hint is known once."""
    there = ANNE.line(line=9)
    keys = known(FileAnswer((ANNE.line(), BERT.line())), FileAnswer((there,)))
    assert keys.publics == (ANNE.public, BERT.public)
    found = keys.find(ANNE.public, TWO)
    assert found is not None
    assert found.key == there
    anywhere = keys.find(ANNE.public, None)
    assert anywhere is not None
    assert anywhere.key == ANNE.line()
    assert keys.find(BERT.public, TWO) is None
    assert [path for path, _ in keys.list_all()] == [ONE, ONE, TWO]


def test_from() -> None:
    """Who may use a key is made ready once, and anew when the line has changed."""
    some = ANNE.line(allow=(network_of(ALICE, 24),), deny=(network_of(BOB, 32),))
    keys = known(FileAnswer((some, BERT.line())))
    first = keys.find(ANNE.public, ONE)
    assert first is not None
    assert first.access is not None
    assert [first.access.admits(one) for one in (ALICE, BOB)] == [True, False]
    keys.take([FileAnswer((some,))])
    assert keys.find(ANNE.public, ONE) is first
    keys.take([FileAnswer((ANNE.line(),))])
    changed = keys.find(ANNE.public, ONE)
    assert changed is not None
    assert changed.access is None


@pytest.mark.parametrize(
    ("fields", "admitted"),
    [
        ({"allow": (network_of(ALICE, 32),)}, [True, False]),
        ({"deny": (network_of(ALICE, 32),)}, [False, True]),
    ],
)
def test_half_of_from(fields: dict[str, Networks], admitted: list[bool]) -> None:
    """Networks that are named alone, or excluded alone, count, too."""
    found = known(FileAnswer((ANNE.line(**fields),))).find(ANNE.public, ONE)
    assert found is not None
    assert found.access is not None
    assert [found.access.admits(one) for one in (ALICE, BOB)] == admitted


def test_troubles_are_told_once() -> None:
    """What is wrong is new once, and again after it was right."""
    keys = KnownKeys((ONE,))
    bad = FileAnswer((ANNE.line(),), ("line 7: no key",))
    assert keys.take([bad]) == (Trouble(ONE, "line 7: no key", closes=False),)
    assert keys.take([bad]) == ()
    gone = FileAnswer(problems=("No such file or directory",))
    assert keys.take([gone]) == (Trouble(ONE, "No such file or directory", closes=True),)
    assert keys.publics == ()
    assert keys.take([bad]) == (Trouble(ONE, "line 7: no key", closes=False),)


def test_too_many_keys() -> None:
    """Files that come first have room, whatever those behind them want."""
    keys = known(many(0, MAX_KEYS), FileAnswer((ANNE.line(),)))
    assert len(keys.publics) == MAX_KEYS
    assert keys.troubles == (Trouble(TWO, CROWDED, closes=True),)
    assert keys.take([many(1, MAX_KEYS), FileAnswer((ANNE.line(),))]) == ()
    assert len(keys.publics) == MAX_KEYS
    keys.take([many(0, MAX_KEYS + 1), FileAnswer((ANNE.line(),))])
    assert keys.publics == (ANNE.public,)
    assert "more than 1024 keys" in CROWDED


def test_files_of_a_reload() -> None:
    """What is known of a file that stays is known until it is read again."""
    before = known(FileAnswer((ANNE.line(),)), FileAnswer((BERT.line(),)))
    after = KnownKeys((TWO, "/three"), before)
    assert after.publics == (BERT.public,)
    assert [after.has_read(path) for path in (ONE, TWO, "/three")] == [False, True, False]
    after.take([FileAnswer(), FileAnswer()])
    assert [after.has_read(path) for path in (ONE, TWO, "/three")] == [False, True, True]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (FileAnswer((ANNE.line(),)), None),
        (FileAnswer((ANNE.line(),), ("line 7: no key",)), None),
        (FileAnswer((ANNE.line(expires=NOW), BERT.line(expires=NOW - 1))), None),
        (FileAnswer(problems=("no", "none")), "no; none"),
        (FileAnswer((ANNE.line(doors=("web",)),)), "no key in it may open this door"),
        (FileAnswer((ANNE.line(expires=NOW - 0.1),)), "every key for this door has expired"),
        (
            FileAnswer((ANNE.line(expires=NOW - 0.1), BERT.line(doors=("web",)))),
            "every key for this door has expired",
        ),
    ],
)
def test_nobody_for_a_door(answer: FileAnswer, why: str | None) -> None:
    """Why nobody can open it, if nobody can."""
    expected = None if why is None else f"authorized keys {ONE}: {why}"
    assert known(answer).explain_none(SSH, NOW) == expected


def test_key_and_door() -> None:
    """A key without doors is for all; one without an end does not expire, and counts in its last moment."""
    assert may_use(ANNE.line(), SSH)
    assert may_use(ANNE.line(doors=("web", "ssh")), SSH)
    assert not may_use(ANNE.line(doors=()), SSH)
    assert not has_expired(ANNE.line(), NOW)
    assert not has_expired(ANNE.line(expires=NOW), NOW)
    assert has_expired(ANNE.line(expires=NOW), NOW + 0.001)
