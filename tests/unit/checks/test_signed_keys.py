"""What is said of the files of signed knocks: who waits, and whose key opens nothing soon."""

from __future__ import annotations

import pytest

from knockd.checks.keys import DoorKeys
from knockd.checks.signed_keys import SignedFiles, find_signed_keys, find_signed_notes, name_key
from knockd_conf.authorized_keys import EMPTY, AuthorizedFile, AuthorizedKey
from knockd_conf.errors import Place
from knockd_conf.model import Config, Door, Options
from tests.support.doubles.played import door

PATH = "/etc/knockd/authorized_keys"
SECRET = "/etc/knockd/knock_secret"
NOW = 1_000_000_000.0
DAY = 86_400
MISSING = "No such file or directory"


def signed(name: str = "ssh", line: int = 3, path: str = PATH) -> Door:
    """A door of signed knocks, whose Authorized_Keys is in the line below its section."""
    places = (("authorized_keys", Place("/etc/knockd.conf", line + 1, "Authorized_Keys")),)
    return door("", name, signed_port=47811, authorized_keys=path, line=line, places=places)


def a_key(name: str, days: float | None = None, *doors: str, line: int = 1) -> AuthorizedKey:
    """A key that ends in so many days, for these doors (none: for all)."""
    expires = None if days is None else NOW + days * DAY
    return AuthorizedKey(bytes(32), name, f"SHA256:{name}", None, (), (), expires, doors or None, line)


def holding(*keys: AuthorizedKey, problems: tuple[str, ...] = ()) -> SignedFiles:
    """One file with these keys."""
    return SignedFiles("", {PATH: AuthorizedFile(keys, problems)}, NOW)


def said(files: SignedFiles, *doors: Door, starting: bool = False) -> list[str]:
    """Every note, without the path of the configuration."""
    places = (("knock_secret", Place("/etc/knockd.conf", 2, "Knock_Secret")),)
    options = Options(knock_secret=SECRET)
    config = Config("/etc/knockd.conf", options, doors, "host", ("/etc/knockd.conf",), places=places)
    found = find_signed_notes(config, files, starting=starting)
    return [str(note).removeprefix("/etc/knockd.conf:") for note in found]


def test_good() -> None:
    """Of keys that open for long nothing is to be said, nor of doors that have none."""
    assert [] == said(holding(a_key("ann"), a_key("bob", 31, "ssh")), signed(), door("1 2 3"))


@pytest.mark.parametrize(
    ("secret", "said_of_it"),
    [
        ("is not a regular file", "is not a regular file"),
        (MISSING, f"{MISSING}, make it with 'knockctl keygen --host {SECRET}'"),
    ],
)
def test_secret(secret: str, said_of_it: str) -> None:
    """A secret that cannot be used is told once, with the reason and what to do, for all doors."""
    files = holding(a_key("ann"))._replace(secret=secret)
    note = f"2: Knock_Secret: {SECRET}: {said_of_it}"
    assert [f"{note}: the door waits"] == said(files, signed())
    assert [f"{note}: all doors with a Signed_Port wait"] == said(files, signed(), signed("web", 8))
    assert [] == said(files, signed(), starting=True)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("Permission denied", f"{PATH}: Permission denied"),
        (MISSING, f"{PATH}: {MISSING}, add one with 'knockctl authorize FILE.pub --door ssh'"),
        (AuthorizedFile((), ("line 1: bad",)), f"{PATH} has no good line"),
        (
            AuthorizedFile((), (EMPTY,)),
            f"{PATH} has no key, add one with 'knockctl authorize FILE.pub --door ssh'",
        ),
        (
            AuthorizedFile((a_key("ann", -1), a_key("bob", None, "web")), ()),
            f"every key of {PATH} has ended or is for other doors,"
            " add one with 'knockctl authorize FILE.pub --door ssh'",
        ),
    ],
)
def test_keys_that_open_nothing(file: AuthorizedFile | str, expected: str) -> None:
    """The door that waits is named, with the reason and what to do."""
    files = SignedFiles("", {PATH: file}, NOW)
    assert f"4: Authorized_Keys: {expected}: the door waits" in said(files, signed())
    assert not any("waits" in note for note in said(files, signed(), starting=True))


def test_mistakes() -> None:
    """The mistakes of a file are told by its lines; the door that has a good key does not wait."""
    files = holding(a_key("ann"), problems=("line 2: expected this", "line 3: expected that"))
    assert [f"{PATH}: line 2: expected this", f"{PATH}: line 3: expected that"] == said(files, signed())
    assert [] == said(files, signed(), starting=True)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-0.001, "has ended: it opens nothing"),
        (0.0, "ends within a day"),
        (0.9, "ends within a day"),
        (1.1, "ends in 2 days"),
        (29.5, "ends in 30 days"),
        (30.1, None),
        (None, None),
    ],
)
def test_ends(days: float | None, expected: str | None) -> None:
    """A key is named for thirty days before its end, and behind it, but not at each start."""
    files = holding(a_key("ann"), a_key("bob", days, line=7))
    notes = [f"{PATH}:7: key bob {expected}"] if expected else []
    assert notes == said(files, signed())
    assert (notes if days is not None and days >= 0 else []) == said(files, signed(), starting=True)


def test_doors_that_are_none() -> None:
    """A key that names a door which has no signed knocks, or other keys, is told."""
    files = SignedFiles(
        "",
        {PATH: AuthorizedFile((a_key("", None, "ssh", "shs", "web", "plain", line=9),), ()), "/w": "gone"},
        NOW,
    )
    text = "and no door of that name has a Signed_Port and this file as its Authorized_Keys"
    found = said(files, signed(), signed("web", 7, "/w"), door("1 2", "plain"), starting=True)
    assert [
        f"{PATH}:9: key SHA256:: knock-doors= has '{name}', {text}" for name in ("shs", "web", "plain")
    ] == found


def test_keys_of_doors() -> None:
    """Each door has the keys that open it now, or says for what it waits; other doors have nothing."""
    keys = (a_key("ann", None, "ssh"), a_key("bob", -1), a_key("", 1))
    doors = (signed(), signed("web"), door("1 2"))
    assert (DoorKeys(("ann", "SHA256:")), DoorKeys(("SHA256:",)), None) == find_signed_keys(
        doors, holding(*keys)
    )
    waiting = {
        "the knock secret cannot be used": holding(*keys)._replace(secret="gone"),
        "its file of keys cannot be used": SignedFiles("", {PATH: "gone"}, NOW),
        "its file of keys has no key": holding(problems=(EMPTY,)),
        "its file of keys has no good line": holding(problems=("line 1: bad",)),
        "no key of its file may open it": holding(a_key("ann", -1)),
    }
    for reason, files in waiting.items():
        assert DoorKeys(waits=reason) == find_signed_keys(doors, files)[0]
    assert (DoorKeys(None), DoorKeys(None), None) == find_signed_keys(doors, None)


def test_names() -> None:
    """A key is called by its comment, and without one by its fingerprint."""
    assert ["ann", "SHA256:"] == [name_key(a_key("ann")), name_key(a_key(""))]
