"""Doors with keys and their files: who is struck out, who has expired, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.sequences import live_keys
from knockd.sequences.key_child import end_of_day
from knockd.sequences.live_periods import Fate, find_period
from tests.support.doubles.keyed import (
    ANNE,
    BOB,
    NOON,
    PATH,
    AnsweringChild,
    KeyedHost,
    keyed_config,
    keyed_door,
    text_of,
)

NOW = find_period(NOON, 30)
SSH = keyed_door()


@pytest.fixture
def host(tmp_path: Path) -> KeyedHost:
    """A host with one door and two keys, up since noon."""
    made = KeyedHost(tmp_path)
    made.begin()
    return made


def names(host: KeyedHost) -> list[str]:
    """Whose sequences are live."""
    return [one.key for one in host.doors.list_sequences(SSH, 0)]


def fate(host: KeyedHost, period: int = NOW, key: str = "anne") -> Fate:
    """What becomes of a whole knock."""
    return host.doors.open(SSH, host.doors.serial_of(SSH, key, period)).fate


def test_struck_out(host: KeyedHost) -> None:
    """Who is struck out opens nothing from the next period on; others go on."""
    host.files[PATH] = text_of(BOB)
    host.sleep(30.01)
    assert names(host) == ["bob"]
    assert fate(host, NOW + 1) is Fate.REFUSED
    assert fate(host, NOW + 1, "bob") is Fate.GRANTED


def test_new_person(host: KeyedHost) -> None:
    """Who is new opens from the next period on."""
    host.files[PATH] = text_of(ANNE, BOB, ANNE._replace(name="carol", key=bytes(32)))
    host.sleep(30.01)
    assert fate(host, NOW + 1, "carol") is Fate.GRANTED


def test_another_name(host: KeyedHost) -> None:
    """A key that has used a sequence has not another time under another name, nor under two at once."""
    assert fate(host) is Fate.GRANTED
    host.files[PATH] = text_of(ANNE._replace(name="bob"), BOB._replace(name="anne"))
    host.changed = NOON
    host.doors.adopt(host.config)
    host.loop.deliver()
    assert [Fate.USED, Fate.USED] == [fate(host), fate(host, key="bob")]


def test_another_name_after_a_kill(host: KeyedHost) -> None:
    """The next start does not know what the names were, but whether the file is the same."""
    assert fate(host) is Fate.GRANTED
    host.restart()
    assert [Fate.USED, Fate.GRANTED] == [fate(host), fate(host, key="bob")]
    host.sleep(30)
    assert fate(host, NOW + 1) is Fate.GRANTED
    host.files[PATH] = text_of(ANNE._replace(name="carol"))
    host.changed = NOON + 31
    host.restart()
    assert fate(host, NOW + 1, "carol") is Fate.USED


def test_another_name_in_another_file(host: KeyedHost) -> None:
    """A file that is as old as it likes may have the key by another name, where another one was in effect."""
    assert fate(host) is Fate.GRANTED
    host.files["/etc/other"] = text_of(ANNE._replace(name="carol"))
    host.config = keyed_config(
        other := keyed_door(path="/etc/other"), state_dir=host.config.options.state_dir
    )
    for _ in range(2):
        host.doors.adopt(host.config)
        host.loop.deliver()
        assert host.doors.open(other, host.doors.serial_of(other, "carol", NOW)).fate is Fate.USED
        host.restart()


def test_another_name_while_it_runs(host: KeyedHost) -> None:
    """A file that takes the place of the one before, times and all, may have the key by another name."""
    assert fate(host) is Fate.GRANTED
    host.files[PATH] = text_of(ANNE._replace(name="carol"))
    host.doors.adopt(host.config)
    host.loop.deliver()
    assert fate(host, key="carol") is Fate.USED


def test_struck_out_and_back(host: KeyedHost) -> None:
    """What was used stays used."""
    assert fate(host) is Fate.GRANTED
    for text in (text_of(BOB), text_of(ANNE, BOB)):
        host.files[PATH] = text
        host.doors.adopt(host.config)
        host.loop.deliver()
    assert fate(host) is Fate.USED


@pytest.mark.parametrize("problem", ["No such file or directory", b"anne nonsense\n"])
def test_file_that_cannot_be_used(host: KeyedHost, problem: str | bytes) -> None:
    """Nobody opens the door; it says why, once, and is read again soon."""
    host.files[PATH] = problem
    host.sleep(30.01)
    assert names(host) == []
    why = (
        "No such file or directory"
        if isinstance(problem, str)
        else "line 1: expected a key of 32 bytes, got 6"
    )
    assert (host.doors.why_waiting(SSH) or "").startswith(f"key file {PATH}: {why}")
    host.sleep(20)
    (line,) = host.said
    assert line.startswith(f"key-file-problem ssh {PATH} {why}")
    host.files[PATH] = text_of(ANNE)
    host.sleep(30)
    assert fate(host, NOW + 2) is Fate.GRANTED
    assert host.doors.why_waiting(SSH) is None


def test_half_written_file(host: KeyedHost) -> None:
    """A file that is written just when it is read closes the door for seconds, not for a period."""
    host.files[PATH] = b""
    host.sleep(30.01)
    host.files[PATH] = text_of(ANNE)
    host.sleep(5)
    assert fate(host, NOW + 1) is Fate.GRANTED


def test_other_doors_go_on(tmp_path: Path) -> None:
    """A file that cannot be used is the business of its doors alone."""
    web = keyed_door("web", "/etc/knockd/web")
    host = KeyedHost(tmp_path, SSH, web)
    host.begin()
    assert names(host) == ["anne", "bob"]
    assert host.doors.why_waiting(web) == "key file /etc/knockd/web: No such file or directory"
    host.sleep(60)
    assert fate(host, NOW + 2) is Fate.GRANTED


def test_last_day(tmp_path: Path) -> None:
    """A key opens until its last day is over, to the second; the log says so once."""
    midnight = end_of_day("2026-09-22")
    host = KeyedHost(tmp_path, wall=midnight - 13)
    host.files[PATH] = text_of(ANNE._replace(expires="2026-09-22"), BOB)
    host.begin()
    period = find_period(midnight - 13, 30)
    assert names(host) == ["anne", "bob"]
    host.clocks.sleep(13)
    assert fate(host, period) is Fate.REFUSED
    host.sleep(90)
    assert (names(host), host.said) == (["bob"], ["key-expired ssh anne"])


def test_nobody_left(tmp_path: Path) -> None:
    """When every key has expired the door says so."""
    host = KeyedHost(tmp_path)
    host.files[PATH] = text_of(ANNE._replace(expires="2020-01-01"))
    host.begin()
    assert host.doors.why_waiting(SSH) == f"key file {PATH}: every key in it has expired"
    host.files[PATH] = text_of(ANNE)
    host.sleep(30)
    assert host.doors.why_waiting(SSH) is None


def test_first_child_that_fails(tmp_path: Path) -> None:
    """The door says why nothing is live yet; another child follows soon."""
    host = KeyedHost(tmp_path)
    host.fault = lambda: AnsweringChild(ValueError("no answer: it ended early"))
    host.begin()
    assert host.doors.why_waiting(SSH) == f"key file {PATH}: no answer: it ended early"
    host.fault = None
    host.sleep(5)
    assert names(host) == ["anne", "bob"]


def test_child_that_hangs(host: KeyedHost) -> None:
    """It is killed, and what is live stays: sequences move on without it."""
    host.fault = lambda: AnsweringChild(None)
    host.sleep(65)
    assert host.said == ["keys-problem no answer within 10 s"]
    assert fate(host, NOW + 2) is Fate.GRANTED
    assert all(child.killed for child in host.children[:-1])
    host.doors.stop()
    assert all(child.killed and child.collected for child in host.children)


def test_too_many_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A door whose keys find no room opens nothing and says why, once; the doors before it open."""
    monkeypatch.setattr(live_keys.find_crowded, "__defaults__", (3,))
    web = keyed_door("web")
    host = KeyedHost(tmp_path, SSH, web)
    host.begin()
    host.sleep(61)
    assert names(host) == ["anne", "bob"]
    assert host.doors.list_sequences(web, 1) == []
    assert host.doors.why_waiting(web) == f"key file {PATH}: {live_keys.CROWDED}"
    assert host.said == [f"key-file-problem web {PATH} {live_keys.CROWDED}"]
    host.files[PATH] = text_of(ANNE)
    host.sleep(30)
    assert host.doors.why_waiting(web) is None
