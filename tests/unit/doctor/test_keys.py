"""Which doors wait for a key, or for the files of signed knocks."""

from __future__ import annotations

import pytest

from knockd.checks.keys import KeyFiles
from knockd.checks.signed_keys import SignedFiles
from knockd.doctor.findings import Severity
from knockd.doctor.keys import look_at_keys
from knockd_conf.authorized_keys import AuthorizedFile
from knockd_conf.errors import Place, Problem
from knockd_conf.key_file import KeyFile, NamedKey
from knockd_conf.model import Config, Options
from tests.support.doubles.played import door

PLACES = (("sequence_key", Place("/etc/knockd.conf", 7, "Sequence_Key")),)
DOORS = (door("1 2"), door("", "ho\x1bme", sequence_key="/k", places=PLACES))
GOOD = KeyFile((NamedKey("ann", bytes(32)),), ())
TODAY = "2026-11-30"


def found(file: KeyFile | str) -> list[str]:
    """What is found when the key file of the second door is this."""
    files: KeyFiles = {"/k": file}
    config = Config("/etc/knockd.conf", Options(), DOORS, "host", ())
    findings = look_at_keys(config, files, SignedFiles(), None, TODAY).findings
    assert all(one.severity is Severity.LOCKS_OUT and one.cure for one in findings)
    assert all(one.place == "/etc/knockd.conf:7" for one in findings)
    return [one.text for one in findings]


def test_well() -> None:
    """A key that opens is well."""
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("No such file or directory", "No such file or directory"),
        (
            KeyFile((), ("line 2: expected NAME KEY, got one word",)),
            "line 2: expected NAME KEY, got one word",
        ),
        (KeyFile((), ("line 2: a", "line 3: b", "line 4: c")), "line 2: a (and 2 more mistakes)"),
        (KeyFile((NamedKey("ann", bytes(32), "2026-11-29"),), ()), "every key in it has expired"),
    ],
    ids=["missing", "mistake", "mistakes", "expired"],
)
def test_door_that_waits(file: KeyFile | str, reason: str) -> None:
    """A door that no key opens locks people out, with the reason and without anything of a key."""
    assert found(file) == [rf"door ho\x1bme waits for a key: /k: {reason}"]


SIGNED = door("", "ho\x1bme", signed_port=47811, authorized_keys="/k")
CONFIG = Config("/etc/knockd.conf", Options(knock_secret="/s"), (SIGNED, door("1 2")), "host", ())


@pytest.mark.parametrize(
    ("files", "reason", "cure"),
    [
        (SignedFiles(secret="is not a regular file"), "/s: is not a regular file", "mend it, then run"),
        (SignedFiles(secret="No such file or directory"), "/s: No such file or directory", "keygen --host"),
        (SignedFiles(keys={"/k": "Permission denied"}), "/k: Permission denied", "mend it, then run"),
        (SignedFiles(keys={"/k": AuthorizedFile((), ("x",))}), "/k has no good line", "mend it, then run"),
    ],
)
def test_door_that_waits_for_signed_knocks(files: SignedFiles, reason: str, cure: str) -> None:
    """It locks people out, with the reason and what to do."""
    (finding,) = look_at_keys(CONFIG, {}, files, None, TODAY).findings
    assert "signed-unusable" == finding.name
    assert rf"door ho\x1bme waits for signed knocks: {reason}" == finding.text
    assert cure in finding.cure
    assert "/etc/knockd.conf:1" == finding.place


def test_without_pynacl() -> None:
    """A daemon that runs goes on, and the next start fails."""
    missing = Problem("/etc/knockd.conf", 7, None, "expected PyNaCl, got none: install it")
    (finding,) = look_at_keys(CONFIG, {}, None, missing, TODAY).findings
    assert ("no-pynacl", "expected PyNaCl, got none", "install it") == finding[:3]


def test_files_of_another_host() -> None:
    """Of them nothing is known."""
    assert () == look_at_keys(CONFIG, {}, None, None, TODAY).findings
