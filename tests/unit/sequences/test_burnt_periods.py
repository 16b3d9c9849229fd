"""Which sequences of keys are used: what the next start knows of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.sequences.burnt_periods import KEPT
from knockd.sequences.key_record import COMPACT, NAME
from tests.support.doubles.keyed import NOON as NOW
from tests.support.doubles.recorded_use import RUN, RecordHost

ANNE, BOB, OTHER = ("ssh", "anne"), ("ssh", "bob"), ("web", "anne")
FILE = "/etc/knockd/keys"


@pytest.fixture
def host(tmp_path: Path) -> RecordHost:
    """A host whose StateDir is on a disk."""
    return RecordHost(tmp_path)


def test_used(host: RecordHost) -> None:
    """What is used is used at this door, with this key."""
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    assert [NOW + 30, 0.0, 0.0] == [made.burnt.find_used_until(one, 30) for one in (ANNE, BOB, OTHER)]


def test_earlier_period_after_a_later_one(host: RecordHost) -> None:
    """Used time never goes back, neither here nor in what is noted."""
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    made.burnt.burn(ANNE, NOW, NOW, FILE)
    assert made.burnt.find_used_until(ANNE, 30) == host.begin().burnt.find_used_until(ANNE, 30) == NOW + 30


def test_what_is_long_over(host: RecordHost) -> None:
    """Files stay short: what no period can meet any more is left out when they are written anew."""
    made = host.start()
    for at in range(2_000):
        made.burnt.burn(("ssh", f"key{at:04}"), NOW + at * 30, NOW + at * 30, FILE)
    for file in (host.state / NAME, host.run / RUN):
        assert file.stat().st_size < COMPACT + 100
    again = host.begin()
    kept = round(KEPT / 30)
    assert again.burnt.find_used_until(("ssh", "key1999"), 30) == NOW + 1_999 * 30
    assert again.burnt.find_used_until(("ssh", f"key{1_999 - kept + 1}"), 30) == NOW + (2_000 - kept) * 30
    assert again.burnt.find_used_until(("ssh", "key0000"), 30) == 0.0


def test_new_key(host: RecordHost) -> None:
    """A key that is new may have had another name: what any key of the door had used is used.

    Where the file is older than that, it had its own name then.
    """
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    made.burnt.burn(OTHER, NOW + 90, NOW, FILE)
    for again in (made, host.begin()):
        again.burnt.begin_key(BOB, FILE, NOW - 3)
        assert again.burnt.find_used_until(BOB, 30) == 0.0
        again.burnt.begin_key(BOB, FILE, NOW + 1)
        assert again.burnt.find_used_until(BOB, 30) == NOW + 30
        assert again.burnt.find_used_until(ANNE, 30) == NOW + 30


def test_key_that_was_new_before_a_use(host: RecordHost) -> None:
    """What was used after the file was changed is another key's."""
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    made.burnt.burn(ANNE, NOW + 90, NOW + 60, FILE)
    made.burnt.begin_key(BOB, FILE, NOW + 40)
    assert made.burnt.find_used_until(BOB, 30) == 0.0


def test_new_key_in_another_file(host: RecordHost) -> None:
    """What was used with another file may be this key's, however old its file is; a restart knows it."""
    made = host.start()
    made.burnt.burn(ANNE, NOW + 30, NOW, FILE)
    made.burnt.begin_key(BOB, "/etc/other", NOW - 9_999)
    made.burnt.burn(ANNE, NOW + 60, NOW + 5, "/etc/other")
    for again in (made, host.begin()):
        again.burnt.begin_key(BOB, "/etc/other", NOW - 9_999)
        assert again.burnt.find_used_until(BOB, 30) == NOW + 30


def test_before_the_start(host: RecordHost) -> None:
    """Where that is not known, what could have opened before the start is used, by the door's period."""
    host.in_memory.add(str(host.state))
    made = host.start().burnt
    assert (made.find_floor(30), made.find_used_until(ANNE, 30)) == (NOW + 30, NOW + 30)
    assert made.find_used_until(OTHER, 300) == NOW + 300
    made.burn(ANNE, NOW + 60, NOW + 31, FILE)
    assert made.find_used_until(ANNE, 30) == NOW + 60
