"""Which doors wait for a key."""

from __future__ import annotations

import pytest

from knockd.checks.keys import KeyFiles
from knockd.doctor.findings import Severity
from knockd.doctor.keys import look_at_keys
from knockd_conf.errors import Place
from knockd_conf.key_file import KeyFile, NamedKey
from tests.support.doubles.played import door

PLACES = (("sequence_key", Place("/etc/knockd.conf", 7, "Sequence_Key")),)
DOORS = (door("1 2"), door("", "ho\x1bme", sequence_key="/k", places=PLACES))
GOOD = KeyFile((NamedKey("ann", bytes(32)),), ())
TODAY = "2026-11-30"


def found(file: KeyFile | str) -> list[str]:
    """What is found when the key file of the second door is this."""
    files: KeyFiles = {"/k": file}
    findings = look_at_keys(DOORS, files, TODAY).findings
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
