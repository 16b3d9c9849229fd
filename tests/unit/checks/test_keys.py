"""What is said of key files: who waits, and whose key opens nothing soon."""

from __future__ import annotations

from base64 import b64encode

import pytest

from knockd.checks.keys import (
    ELSEWHERE,
    Days,
    DoorKeys,
    KeyFiles,
    find_clock_notes,
    find_key_notes,
    find_keys,
)
from knockd_conf.errors import Place
from knockd_conf.key_file import KeyFile, NamedKey
from knockd_conf.model import ClockTrust, Config, Door, Options
from tests.support.doubles.played import door

SECRET = bytes(range(32))
PATH = "/etc/knockd.key"
DAYS = Days("2026-11-30", "2026-12-14")


def keyed(name: str = "ssh", line: int = 3, path: str = PATH, **values: object) -> Door:
    """A door with a key, whose Sequence_Key is in the line below its section."""
    places = (("sequence_key", Place("/etc/knockd.conf", line + 1, "Sequence_Key")),)
    return door("", name, sequence_key=path, line=line, places=places, **values)


def named(*names: str) -> KeyFile:
    """A file of keys, each with its last day behind a colon, if it has one."""
    parts = [name.partition(":") for name in names]
    return KeyFile(tuple(NamedKey(name, SECRET, expires) for name, _, expires in parts), ())


BAD = KeyFile((), ("line 2: expected NAME KEY, got one word",))


def said(files: KeyFiles, *doors: Door) -> list[str]:
    """Every note, without the path of the configuration; none shows a key."""
    config = Config("/etc/knockd.conf", Options(), doors, "host", ("/etc/knockd.conf",))
    found = [str(note).removeprefix("/etc/knockd.conf:") for note in find_key_notes(config, files, DAYS)]
    assert b64encode(SECRET).decode() not in str(found)
    return found


def test_good() -> None:
    """Of good keys nothing is to be said, nor of doors that have none."""
    assert said({PATH: named("ann", "bob:2026-12-15")}, keyed(), door("1 2 3")) == []


def test_unreadable() -> None:
    """A file that cannot be used is named with the reason, at every door that waits for it."""
    assert said({PATH: "Permission denied"}, keyed(), keyed("web", 7)) == [
        "4: Sequence_Key: /etc/knockd.key: Permission denied: the door waits",
        "8: Sequence_Key: /etc/knockd.key: Permission denied: the door waits",
    ]


def test_mistakes() -> None:
    """The mistakes of a file are told once, by its lines, and each door says that it waits."""
    waits = "Sequence_Key: /etc/knockd.key has a mistake, so no key of it counts: the door waits"
    assert said({PATH: BAD}, keyed(), keyed("web", 7)) == [
        "/etc/knockd.key: line 2: expected NAME KEY, got one word",
        f"4: {waits}",
        f"8: {waits}",
    ]


LOOSE = "the kernel says STA_UNSYNC"


@pytest.mark.parametrize(
    ("loose", "trust", "doors", "waits"),
    [
        (LOOSE, ClockTrust.SYNCHRONISED, (keyed(),), True),
        (LOOSE, ClockTrust.TRUST, (keyed(),), False),
        (LOOSE, ClockTrust.SYNCHRONISED, (door("1 2 3"),), False),
        ("", ClockTrust.SYNCHRONISED, (keyed(),), False),
    ],
)
def test_clock(loose: str, trust: ClockTrust, doors: tuple[Door, ...], waits: bool) -> None:
    """A clock that is not synchronised is named where a door waits for it, with what to do."""
    config = Config("/etc/knockd.conf", Options(clock=trust), doors, "host", ("/etc/knockd.conf",))
    expected = (
        "/etc/knockd.conf: the clock is not synchronised now (the kernel says STA_UNSYNC), and doors with"
        " Sequence_Key wait until it is: let NTP set it, or write Clock = trust where a battery keeps it"
    )
    assert ([expected] if waits else []) == [str(note) for note in find_clock_notes(config, loose)]


@pytest.mark.parametrize(
    ("doors", "keys"),
    [
        ((door("", signed_port=47811),), "Signed_Port"),
        ((keyed(), door("", signed_port=47811)), "Sequence_Key or Signed_Port"),
    ],
)
def test_clock_of_signed_knocks(doors: tuple[Door, ...], keys: str) -> None:
    """Doors of signed knocks wait for the clock as well."""
    config = Config("/etc/knockd.conf", Options(), doors, "host", ("/etc/knockd.conf",))
    (note,) = find_clock_notes(config, LOOSE)
    assert f"and doors with {keys} wait until it is" in note.message


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        ("2026-11-29", "has expired (2026-11-29): it opens nothing"),
        ("2026-11-30", "opens until 2026-11-30 only"),
        ("2026-12-13", "opens until 2026-12-13 only"),
        ("2026-12-14", None),
    ],
)
def test_expiry(expires: str, expected: str | None) -> None:
    """A key opens until its last day, and is named for two weeks before it, and after it."""
    found = said({PATH: named("ann", f"bob:{expires}")}, keyed())
    assert found == ([f"4: Sequence_Key: key bob of /etc/knockd.key {expected}"] if expected else [])


def test_all_expired() -> None:
    """Where every key has expired the door waits."""
    assert said({PATH: named("ann:2026-11-29", "bob:2020-01-01")}, keyed()) == [
        "4: Sequence_Key: every key of /etc/knockd.key has expired: the door waits"
    ]


def test_at_a_start() -> None:
    """At a start only what the daemon does not say itself is told: whose last day is near."""
    for file, expected in (
        ("Permission denied", []),
        (BAD, []),
        (named("ann:2026-11-29"), []),
        (
            named("ann:2026-11-29", "bob:2026-11-30"),
            ["4: Sequence_Key: key bob of /etc/knockd.key opens until 2026-11-30 only"],
        ),
    ):
        config = Config("/etc/knockd.conf", Options(), (keyed(),), "host", ("/etc/knockd.conf",))
        found = find_key_notes(config, {PATH: file}, DAYS, starting=True)
        assert [str(note).removeprefix("/etc/knockd.conf:") for note in found] == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (named("ann", "bob:2020-01-01", "eve:2026-11-30"), DoorKeys(("ann", "eve"))),
        (named("bob:2020-01-01"), DoorKeys(waits="every key of its file has expired")),
        (BAD, DoorKeys(waits="its key file has a mistake")),
        ("Permission denied", DoorKeys(waits="its key file cannot be used")),
        (ELSEWHERE, DoorKeys(None)),
    ],
    ids=["some", "expired", "mistake", "unreadable", "elsewhere"],
)
def test_keys(file: KeyFile | str, expected: DoorKeys) -> None:
    """A door has the keys that open today, or says for what it waits; a door without keys has nothing."""
    assert find_keys((keyed(), door("1 2")), {PATH: file}, DAYS.today) == (expected, None)
