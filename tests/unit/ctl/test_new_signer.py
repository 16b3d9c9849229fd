"""The lines that let a key knock, and why a daemon would not take them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.ctl.door_config import RefusedError, read_config
from knockd.ctl.new_signer import choose_doors, make_entries
from knockd.ctl.signers import SignerFile
from knockd_conf.authorized_keys import MAX_KEYS, AuthorizedKey
from knockd_conf.expiry_time import utc_seconds
from knockd_conf.key_line import KeyLine
from knockd_conf.ssh_keys import PublicKey
from tests.support.samples.signer_files import LAPTOP, LAPTOP_LINE, write_config

FILES = (SignerFile("/all", ("ssh", "web")), SignerFile("/mail", ("mail",)), SignerFile("/none", ()))


def refuse(
    files: tuple[SignerFile, ...], doors: list[str] | None = None, key: KeyLine = LAPTOP
) -> tuple[str, int]:
    """Why a key cannot be let in, and the exit status."""
    with pytest.raises(RefusedError) as refused:
        make_entries(files, key, [], doors, utc_seconds)
    return str(refused.value), refused.value.status


def test_every_door() -> None:
    """Without names of doors the key gets a line in each file that opens one, without names in it."""
    entries = make_entries(FILES, LAPTOP, [], None, utc_seconds)
    assert [("/all", LAPTOP_LINE), ("/mail", LAPTOP_LINE)] == [(one.file.path, one.line) for one in entries]


def test_some_doors() -> None:
    """The line names the doors, behind other options, in each file that has any of them."""
    entries = make_entries(FILES, LAPTOP, [("from", "192.0.2.1")], ["mail", "ssh"], utc_seconds)
    assert [
        ("/all", f'from="192.0.2.1",knock-doors="ssh" {LAPTOP_LINE}'),
        ("/mail", f'from="192.0.2.1",knock-doors="mail" {LAPTOP_LINE}'),
    ] == [(one.file.path, one.line) for one in entries]
    assert [("ssh",), ("mail",)] == [one.key.doors for one in entries]


@pytest.mark.parametrize(
    ("given", "doors"),
    [
        (None, None),
        (["ssh"], ["ssh"]),
        (["ssh,web"], ["ssh", "web"]),
        (["web", "ssh,web"], ["web", "ssh"]),
    ],
)
def test_names_of_doors(tmp_path: Path, given: list[str] | None, doors: list[str] | None) -> None:
    """Doors are named once each, with commas or one after the other."""
    assert doors == choose_doors(read_config(str(write_config(tmp_path))), given, "authorize")


def test_a_name_with_a_comma(tmp_path: Path) -> None:
    """A door may have one in its name; a line of keys has no way to name it."""
    config = "[options]\nSigned_Port = 1\nKnock_Secret = /s\nAuthorized_Keys = /k\n[a,b]\nSequence = 1,2\n"
    path = write_config(tmp_path, config)
    assert ["a,b"] == choose_doors(read_config(str(path)), ["a,b"], "authorize")
    message = "knock-doors= has no way to name a,b: give the door a name without commas"
    assert (message, 1) == refuse((SignerFile("/k", ("a,b",)),), ["a,b"])


def test_a_name_with_a_backslash_at_its_end() -> None:
    """Nor has it one to name such a door."""
    message, status = refuse((SignerFile("/k", ("a\\",)),), ["a\\"])
    assert "ends with no backslash" in message
    assert os.EX_DATAERR == status


@pytest.mark.parametrize(
    ("name", "message", "status"),
    [
        ("shh", "there is no door 'shh'; did you mean 'ssh'? All doors: ssh, web, mail, old", 64),
        ("old", "no signed knock opens old: it has no Signed_Port", 1),
    ],
)
def test_no_such_door(tmp_path: Path, name: str, message: str, status: int) -> None:
    """Doors that are none, or that no signed knock opens, are refused."""
    with pytest.raises(RefusedError) as refused:
        choose_doors(read_config(str(write_config(tmp_path))), [f"ssh,{name}"], "authorize")
    assert (message, status) == (str(refused.value), refused.value.status)


def test_no_port(tmp_path: Path) -> None:
    """Where no door has a port of signed knocks, what helps is named."""
    path = write_config(tmp_path, "[ssh]\nSequence = 1,2\n")
    with pytest.raises(RefusedError) as refused:
        choose_doors(read_config(str(path)), None, "authorize")
    assert f"no door of {path} has a Signed_Port: knockctl keygen --host says what to add" == str(
        refused.value
    )
    assert 1 == refused.value.status


def known(number: int) -> AuthorizedKey:
    """A key in some file."""
    key = PublicKey(number.to_bytes(32, "big"))
    return AuthorizedKey(key.public, "known", key.fingerprint, line=number)


def test_a_key_that_is_there() -> None:
    """The file, the line and the way out are told."""
    key = known(3)
    text, status = refuse((SignerFile("/k", ("ssh",), (key,)),), key=KeyLine(PublicKey(key.public)))
    assert text.startswith(
        "/k: line 3 has this key already, of known; to change what it may, remove it first:"
    )
    assert status == 1


def test_a_file_that_cannot_be_used() -> None:
    """It is refused before anybody is asked; one that is missing will be made."""
    assert ("/k: bad", os.EX_CANTCREAT) == refuse((SignerFile("/k", ("ssh",), error="bad"),))
    missing = SignerFile("/k", ("ssh",), error="none", missing=True)
    assert 1 == len(make_entries([missing], LAPTOP, [], None, utc_seconds))


def test_too_many() -> None:
    """All files together have as many keys as a daemon takes."""
    most = SignerFile("/k", (), tuple(known(number) for number in range(1, MAX_KEYS)))
    assert 1 == len(make_entries([most, FILES[1]], LAPTOP, [], None, utc_seconds))
    text, status = refuse((most, *FILES))
    assert (text, status) == (f"expected at most {MAX_KEYS} keys in all files: revoke some first", 1)


def test_what_no_daemon_takes() -> None:
    """The daemon's own reason is given."""
    with pytest.raises(RefusedError, match=r"^from=") as refused:
        make_entries(FILES, LAPTOP, [("from", "home.example.org")], None, utc_seconds)
    assert os.EX_DATAERR == refused.value.status
