"""Whose signed knocks open which doors: what the files say, joined with what the daemon knows."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from knockd.control import interface
from knockd.control.idl import check_fields, read_interface
from knockd.ctl.fields import UnknownReply
from knockd.ctl.key_table import KeyRow, KnownKey, format_keys, join_keys, read_known, row_as_json
from knockd.ctl.signers import SignerFile
from knockd.review.clock import Clock
from knockd_conf.access import network_of
from knockd_conf.authorized_keys import AuthorizedKey
from tests.support.samples.signer_files import LAPTOP, PHONE, TOKEN
from tests.support.samples.statuses import NOW, known_key

NETWORK = network_of(bytes((192, 0, 2, 0)), 24)
LAPTOP_KEY = AuthorizedKey(LAPTOP.key.public, "laptop", LAPTOP.key.fingerprint, line=1)
PHONE_KEY = AuthorizedKey(
    PHONE.key.public, "phone", PHONE.key.fingerprint, None, (NETWORK,), (), NOW + 86_400, ("web",), 2
)
TOKEN_KEY = AuthorizedKey(TOKEN.key.public, "", TOKEN.key.fingerprint, "ssh:", (), (NETWORK,), NOW - 1, (), 3)
FILE = SignerFile("/k", ("ssh", "web"), (LAPTOP_KEY, PHONE_KEY, TOKEN_KEY))
KNOWN = [
    read_known(known_key("/k", LAPTOP.key.fingerprint, knocked=NOW - 60, address="203.0.113.7")),
    read_known(known_key("/k", PHONE.key.fingerprint, line=2, comment="phone")),
    read_known(known_key("/other", TOKEN.key.fingerprint, comment="token", doors_total=3)),
]


def test_a_key_of_the_daemon() -> None:
    """Every field of what a daemon could say is read."""
    found = known_key("/k", "SHA256:a", expires=NOW, knocked=1.5, address="::1", hardware=True, comment="me")
    known = read_interface(interface.DESCRIPTION)
    check_fields(known, known.methods["Keys"].answers, {"keys": [found], "keys_total": 1})
    expected = KnownKey("/k", 1, "SHA256:a", "me", True, ("ssh",), 1, NOW, 1.5, "::1")
    assert expected == read_known(found)


@pytest.mark.parametrize("name", sorted(known_key("/k", "SHA256:a")))
def test_another_version(name: str) -> None:
    """A field that is of another type is named."""
    with pytest.raises(UnknownReply):
        read_known({**known_key("/k", "SHA256:a"), name: object()})


def test_files_and_daemon() -> None:
    """A row has the rights of the file and the knocks of the daemon; what only the daemon has is last."""
    laptop, phone, token, extra = join_keys([FILE], KNOWN)
    assert laptop == KeyRow(
        *("/k", 1, LAPTOP.key.fingerprint, "laptop", False, ("ssh", "web"), 2, True, None, (), (), True),
        *(NOW - 60, "203.0.113.7"),
    )
    assert (phone.doors, phone.every_door, phone.allow) == (("web",), False, ("192.0.2.0/24",))
    assert (phone.loaded, phone.knocked) == (True, None)
    assert (token.loaded, token.hardware, token.deny) == (False, True, ("192.0.2.0/24",))
    assert (extra.path, extra.every_door, extra.allow, extra.loaded) == ("/other", None, None, True)
    assert (extra.doors, extra.doors_total) == (("ssh",), 3)


def test_files_alone() -> None:
    """Without a daemon nobody knows what it has."""
    assert [None] * 3 == [row.loaded for row in join_keys([FILE], None)]


def test_the_daemon_alone() -> None:
    """Without the files there is what the daemon says."""
    rows = join_keys(None, KNOWN)
    assert ["/k", "/k", "/other"] == [row.path for row in rows]
    assert [True] * 3 == [row.loaded for row in rows]
    assert [None] * 3 == [row.every_door for row in rows]


def test_the_table() -> None:
    """Each key has a line with all that matters of it."""
    lines = format_keys(join_keys([FILE], KNOWN), NOW, 200, "…", Clock(UTC))
    cells = [[cell for cell in line.split("  ") if cell] for line in lines]
    assert [
        ["WHO", "KEY", "OPENS", "UNTIL", "FROM", "LAST KNOCK"],
        ["laptop", LAPTOP.key.fingerprint, "ssh, web", "for ever", "anywhere", "Nov 30 00:52 203.0.113.7"],
        ["phone", PHONE.key.fingerprint, "web", "2026-12-01", "192.0.2.0/24", "never"],
        [
            "a key without a comment",
            TOKEN.key.fingerprint,
            "nothing",
            "over: 2026-11-30",
            "not 192.0.2.0/24",
            "not loaded",
        ],
        ["token", TOKEN.key.fingerprint, "ssh and 2 more", "for ever", "?", "never"],
    ] == [[cell.strip() for cell in row] for row in cells]


def test_a_narrow_terminal() -> None:
    """Lines fit, and enough of a fingerprint is there to name its key."""
    rows = join_keys([FILE], KNOWN)
    for shown, columns in ((rows, 80), (rows[:2], 80), (rows, 40)):
        assert max(map(len, format_keys(shown, NOW, columns, "…", Clock(UTC)))) <= columns
    assert LAPTOP.key.fingerprint[:15] in format_keys(rows[:2], NOW, 80, "…", Clock(UTC))[1]


def test_nobody() -> None:
    """Without keys there is no table."""
    assert [] == format_keys([], NOW, 80, "…", Clock(UTC))


def test_for_programs() -> None:
    """Programs get every field, and whether the time of a key is over."""
    found: list[dict[str, Any]] = [dict(row_as_json(row, NOW)) for row in join_keys([FILE], KNOWN)]
    assert [False, False, True, False] == [one.pop("expired") for one in found]
    assert ("phone", ("web",), NOW + 86_400) == (found[1]["comment"], found[1]["doors"], found[1]["expires"])


def test_no_room_for_an_address() -> None:
    """On a narrow terminal the time of a knock is whole, and the address it came from is left out."""
    rows = join_keys([SignerFile("/k", ("ssh", "web"), (LAPTOP_KEY, PHONE_KEY))], KNOWN)[:2]
    assert format_keys(rows, NOW, 80, "…", Clock(UTC))[1].endswith("  Nov 30 00:52")
    assert format_keys(rows, NOW, 100, "…", Clock(UTC))[1].endswith("  Nov 30 00:52 203.0.113.7")
