"""Whose signed knocks open which doors, by the files of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.ctl.door_config import read_config
from knockd.ctl.signers import SignerFile, find_holdings, find_signer_files, list_holdings, read_signers
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.model import Config
from knockd_conf.ssh_keys import PublicKey
from tests.support.samples.signer_files import LAPTOP_LINE, SIGNED_CONFIG, write_config, write_keys


def config_of(tmp_path: Path, text: str = SIGNED_CONFIG) -> Config:
    """A configuration whose files are in a directory of the test."""
    return read_config(str(write_config(tmp_path, text)))


def test_files_and_doors(tmp_path: Path) -> None:
    """Each file is named once, with the doors that have it; a door that no signed knock opens has none."""
    found = find_signer_files(config_of(tmp_path))
    assert {f"{tmp_path}/all": ("ssh", "web"), f"{tmp_path}/mail": ("mail",)} == found


def test_a_file_for_no_door(tmp_path: Path) -> None:
    """A file of [options] is one though no door has a port."""
    found = find_signer_files(config_of(tmp_path, "[options]\nAuthorized_Keys = /k\n[ssh]\nSequence = 1,2\n"))
    assert {"/k": ()} == found


def test_what_the_files_hold(tmp_path: Path) -> None:
    """Keys and problems are those of the files; one that is missing or can be changed by others is told."""
    config = config_of(tmp_path)
    write_keys(tmp_path / "all", LAPTOP_LINE, "nonsense")
    one, two = read_signers(config)
    assert ["laptop"] == [key.comment for key in one.keys]
    assert ("ssh", "web") == one.doors
    assert one.problems[0].startswith("line 2: ")
    assert SignerFile(f"{tmp_path}/mail", ("mail",), error="No such file or directory", missing=True) == two
    write_keys(tmp_path / "mail").chmod(0o666)
    found = read_signers(config)[1]
    assert not found.missing
    assert "others than its owner may change it" in found.error


def key(name: str, number: int, doors: tuple[str, ...] | None = None) -> AuthorizedKey:
    """A key of a comment."""
    public = PublicKey(bytes([number]) * 32)
    return AuthorizedKey(public.public, name, public.fingerprint, doors=doors)


FILES = (
    SignerFile("/a", ("ssh", "web"), (key("laptop", 1), key("phone", 2, ("web", "mail")))),
    SignerFile("/b", ("mail",), (key("laptop", 1), key("phone", 3), key("", 4))),
)


def test_doors_of_a_key() -> None:
    """It opens the doors of its file, or those of them that it names."""
    assert ("ssh", "web") == FILES[0].find_doors(FILES[0].keys[0])
    assert ("web",) == FILES[0].find_doors(FILES[0].keys[1])


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("laptop", [0, 2]),
        ("phone", [1, 3]),
        (key("", 3).fingerprint, [3]),
        (key("", 3).fingerprint[:15], [3]),
        (f"{key('', 3).fingerprint[:24]}\u2026", [3]),
        (f"{key('', 3).fingerprint[:24]}...", [3]),
        (key("", 3).fingerprint[:14], []),
        ("SHA256:", []),
        ("lap", []),
        ("", []),
    ],
)
def test_which_key_is_meant(who: str, found: list[int]) -> None:
    """A comment means its keys, a fingerprint one, also as a table shows it; nothing means none."""
    every = list(list_holdings(FILES))
    assert [every[number] for number in found] == find_holdings(FILES, who)
