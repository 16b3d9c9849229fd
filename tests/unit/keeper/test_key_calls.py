"""Keys: who may knock, and who did."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.control import idl
from knockd.control.interface import DESCRIPTION
from knockd.keeper.key_calls import MOST_BYTES, MOST_DOORS, KeyCalls, count_keys
from knockd.signed.values import KnownKey
from knockd_conf.model import Door
from tests.support.doubles.made_calls import MadeCalls
from tests.support.doubles.played import door
from tests.support.doubles.signed import FINGERPRINT, LAPTOP, PATH, signed_door

OTHER = "/etc/knockd/others"
DOORS = (signed_door("ssh"), signed_door("web"), signed_door("mail", authorized_keys=OTHER), door("1 2"))
LAPTOP_KEY = KnownKey(LAPTOP, PATH, 1_790_000_000.0, "192.0.2.1")
PHONE_KEY = KnownKey(
    LAPTOP._replace(comment="phone", application="ssh:", doors=("web", "mail", "gone"), expires=1.5, line=4),
    PATH,
)
MAIL_KEY = KnownKey(LAPTOP._replace(comment="mail", line=1), OTHER)
ALL = LAPTOP_KEY, PHONE_KEY, MAIL_KEY


def ask(doors: tuple[Door, ...] = DOORS, keys: tuple[KnownKey, ...] = ALL, **given: Any) -> Any:
    """What Keys answers; a reply fits the interface."""
    made = MadeCalls()
    KeyCalls(lambda: doors, lambda: keys).list_keys(made.make(**given))
    kind, answer = made.take()
    if kind == "reply":
        known = idl.read_interface(DESCRIPTION)
        idl.check_fields(known, known.methods["Keys"].answers, answer)
    return kind, answer


def comments(**given: Any) -> list[str]:
    """The comments of the keys that are listed."""
    _, answer = ask(**given)
    return [one["comment"] for one in answer["keys"]]


def test_rows() -> None:
    """A key is listed with its file, the doors of that file that it may open, its end and its last knock."""
    kind, answer = ask()
    assert kind == "reply"
    assert answer["keys_total"] == 3
    laptop, phone, mail = answer["keys"]
    assert laptop == {
        "fingerprint": FINGERPRINT,
        "comment": "laptop",
        "path": PATH,
        "line": 3,
        "hardware": False,
        "doors": ["ssh", "web"],
        "doors_total": 2,
        "expires": None,
        "knocked": 1_790_000_000.0,
        "address": "192.0.2.1",
    }
    assert (phone["doors"], phone["hardware"], phone["expires"]) == (["web"], True, 1.5)
    assert (phone["knocked"], phone["address"]) == (None, None)
    assert (mail["doors"], mail["path"]) == (["mail"], OTHER)


def test_of_a_door() -> None:
    """Those of a door are listed: of its file, and not kept from it."""
    assert comments(door="ssh") == ["laptop"]
    assert comments(door="web") == ["laptop", "phone"]
    assert comments(door="mail") == ["mail"]
    assert comments(door="door") == []


def test_door_that_is_none() -> None:
    """The doors that there are are named."""
    assert ask(door="gone") == ("NoSuchDoor", {"door": "gone", "doors": ["ssh", "web", "mail", "door"]})


def test_skip() -> None:
    """Who has some asks for the others."""
    assert comments(skip=1) == ["phone", "mail"]
    assert comments(skip=7) == []
    assert ask(skip=-1)[0] == "BadValue"


def test_many_keys() -> None:
    """An answer fits whatever files hold; asking again brings all, each once."""
    keys = tuple(KnownKey(LAPTOP._replace(comment=f"{n} {'ä' * 600}"), PATH) for n in range(200))
    found: list[str] = []
    for _ in range(200):
        _, answer = ask(keys=keys, skip=len(found))
        assert answer["keys_total"] == 200
        found += [one["comment"].split()[0] for one in answer["keys"]]
        if len(found) == 200:
            break
    assert found == [str(n) for n in range(200)]
    assert MOST_BYTES > 5 * 600


def test_many_doors() -> None:
    """Of very many doors some are named, and all are counted."""
    doors = tuple(signed_door(f"d{n}") for n in range(100))
    _, answer = ask(doors, (LAPTOP_KEY,))
    assert len(answer["keys"][0]["doors"]) == MOST_DOORS
    assert answer["keys"][0]["doors_total"] == 100


@pytest.mark.parametrize(
    ("keys", "counts"),
    [(ALL, {"ssh": 1, "web": 2, "mail": 1}), ((), {"ssh": 0, "web": 0, "mail": 0})],
)
def test_count_keys(keys: tuple[KnownKey, ...], counts: dict[str, int]) -> None:
    """Each signed door has the keys of its file that are not kept from it; others have no count."""
    assert count_keys(DOORS, keys) == counts
