"""Lines of authorized_keys files: one more, one less, and how a key is told to people."""

from __future__ import annotations

from datetime import UTC

import pytest

from knockd.ctl.key_lines import (
    NotChangedError,
    add_line,
    describe_key,
    name_key,
    read_line,
    remove_key,
    show_origin,
)
from knockd.review.clock import Clock
from knockd_conf.authorized_keys import format_authorized, parse_authorized_keys
from knockd_conf.expiry_time import utc_seconds
from knockd_conf.key_line import KeyLine
from knockd_conf.ssh_keys import PublicKey

CLOCK = Clock(UTC)
LAPTOP = KeyLine(PublicKey(bytes(range(32))), "laptop")
PHONE = KeyLine(PublicKey(bytes(32)), "phone")
TOKEN = KeyLine(PublicKey(bytes([7]) * 32, "ssh:"), "")
LINE, OTHER = format_authorized(LAPTOP), format_authorized(PHONE)


def comments(data: bytes) -> list[str]:
    """Whose keys count in a file."""
    return [key.comment for key in parse_authorized_keys(data, utc_seconds).keys]


@pytest.mark.parametrize(
    "old", [b"", b"# only a comment", f"{OTHER}\n".encode(), OTHER.encode(), f"{OTHER}\r\n".encode()]
)
def test_one_more(old: bytes) -> None:
    """What was there stays, and the key counts."""
    new = add_line(old, LINE, utc_seconds)
    assert new.startswith(old)
    assert new.endswith(f"{LINE}\n".encode())
    assert [*comments(old), "laptop"] == comments(new)


def test_beside_a_mistake() -> None:
    """A line with a mistake is in nobody's way."""
    assert ["laptop"] == comments(add_line(b"nonsense\n", LINE, utc_seconds))


def test_a_key_that_is_there() -> None:
    """It is not added again, under another name either; its line is told, and what to do."""
    old = f"# mine\n{LINE}\n".encode()
    again = format_authorized(LAPTOP._replace(comment="other"))
    message = (
        r"^line 2 has this key already, of laptop; to change what it may, remove it first:"
        r" knockctl revoke SHA256:.{43}$"
    )
    with pytest.raises(NotChangedError, match=message):
        add_line(old, again, utc_seconds)


def test_where_it_would_not_count() -> None:
    """Behind a block without an end no line is read, so none is added there."""
    with pytest.raises(
        NotChangedError, match=r"^line 1: expected a public key, got a private key.*: mend it first$"
    ):
        add_line(b"-----BEGIN OPENSSH PRIVATE KEY-----\n", LINE, utc_seconds)


def test_a_line_that_no_daemon_takes() -> None:
    """What is wrong with it is said without a number of a line."""
    with pytest.raises(NotChangedError, match=r"^expected a key of type .*, got ssh-rsa"):
        read_line("ssh-rsa AAAA", utc_seconds)


def test_two_lines() -> None:
    """One line is taken, whatever a comment holds."""
    with pytest.raises(NotChangedError, match=r"^line 2: expected "):
        read_line(f"{LINE}\nnonsense", utc_seconds)


def test_one_less() -> None:
    """Its line goes, and nothing else."""
    old = f"# first\n{OTHER}\n\n# second\n{LINE}\nnonsense\n".encode()
    assert f"# first\n{OTHER}\n\n# second\nnonsense\n".encode() == remove_key(
        old, LAPTOP.key.public, utc_seconds
    )


def test_a_key_in_two_lines() -> None:
    """All lines of a key go, or the second one would count in place of the first."""
    twice = format_authorized(LAPTOP._replace(comment="again"), [("from", "192.0.2.1")])
    new = remove_key(f"{LINE}\n{OTHER}\n{twice}\n{LINE}".encode(), LAPTOP.key.public, utc_seconds)
    assert OTHER.encode() == new


def test_no_such_key() -> None:
    """Who is not there cannot be removed."""
    with pytest.raises(NotChangedError, match=r"^the key is not in it any more$"):
        remove_key(OTHER.encode(), LAPTOP.key.public, utc_seconds)


def test_a_restricted_key() -> None:
    """People are told type, owner, doors, end and origin."""
    options = [
        ("from", "192.0.2.0/24,!192.0.2.7"),
        ("expiry-time", "20270131235959Z"),
        ("knock-doors", "ssh"),
    ]
    key = read_line(format_authorized(LAPTOP, options), utc_seconds)
    assert [
        ("key", f"ssh-ed25519 {LAPTOP.key.fingerprint}"),
        ("whose", "laptop"),
        ("opens", "ssh"),
        ("until", "2027-01-31 23:59"),
        ("from", "192.0.2.0/24, not 192.0.2.7"),
    ] == list(describe_key(key, ["ssh"], CLOCK))


def test_a_key_for_everything() -> None:
    """What is not restricted is told, too."""
    key = read_line(format_authorized(TOKEN), utc_seconds)
    assert "a key without a comment" == name_key(key)
    assert "" == show_origin(key)
    assert [
        ("key", f"sk-ssh-ed25519@openssh.com {TOKEN.key.fingerprint}"),
        ("whose", "a key without a comment"),
        ("opens", "ssh, web"),
        ("", "(every door with this file, also those that come)"),
        ("until", "for ever"),
        ("from", "anywhere"),
    ] == list(describe_key(key, ["ssh", "web"], CLOCK))
    assert ("opens", "nothing") in list(describe_key(key, [], CLOCK))
