"""Which packets have counted: what the next start knows of them, and how much is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.sequences.key_record import COMPACT, NAME
from knockd.sequences.noted_lines import MAX_SIZE
from knockd.signed.limits import OF_ALL
from knockd.signed.live_minutes import LONGEST
from knockd.signed.used_nonces import UsedNonces
from knockd_conf.authorized_keys import MAX_KEYS, AuthorizedKey
from tests.support.doubles.live_signed import ANNE, BERT, NOON, NOW
from tests.support.doubles.recorded_use import RUN, RecordHost

NONCE = b"n" * 16
ALICE = "203.0.113.9"


@pytest.fixture
def host(tmp_path: Path) -> RecordHost:
    """A host whose StateDir is on a disk."""
    return RecordHost(tmp_path)


def use(nonces: UsedNonces, minute: int = NOW, now: float = NOON, nonce: bytes = NONCE) -> None:
    """A packet of Anne counts."""
    nonces.use(minute, ANNE.line(), nonce, ALICE, now)


def test_used(host: RecordHost) -> None:
    """It is that minute's, that key's and that nonce's."""
    nonces = host.start().nonces
    use(nonces)
    assert nonces.has_counted(NOW, ANNE.public, NONCE)
    assert not nonces.has_counted(NOW + 1, ANNE.public, NONCE)
    assert not nonces.has_counted(NOW, BERT.public, NONCE)
    assert not nonces.has_counted(NOW, ANNE.public, NONCE[:-1] + b"o")


@pytest.mark.parametrize("boots", [False, True], ids=["restart", "boot"])
def test_the_next_start_knows(host: RecordHost, *, boots: bool) -> None:
    """After a restart and after a boot, and after the one that follows: notes are written anew at each."""
    use(host.start().nonces)
    for _ in range(2):
        if boots:
            host.boot()
        made = host.begin()
        assert made.nonces.has_counted(NOW, ANNE.public, NONCE)
        assert made.nonces.find_last(ANNE.line().fingerprint) == (NOON, ALICE)
        assert (made.record.newest, made.record.needs_floor) == (NOON, False)


def test_before_the_start(host: RecordHost) -> None:
    """Where it is not known what counted before the start, what may have is refused."""
    assert not host.start().nonces.may_have_counted(0)
    host.in_memory.add(str(host.state))
    host.boot()
    nonces = host.start(NOON + 1).nonces
    assert [nonces.may_have_counted(NOW + at) for at in (0, 1, 2)] == [True, True, False]


def test_forgotten_when_it_is_over(host: RecordHost) -> None:
    """What cannot be live any more is left out; until then it is kept, also of a clock that was ahead."""
    nonces = host.start().nonces
    use(nonces, NOW + 1)
    late = NOON + LONGEST
    use(nonces, NOW + 2, late - 0.5)
    assert nonces.has_counted(NOW + 1, ANNE.public, NONCE)
    use(nonces, NOW + 4, late)
    assert not nonces.has_counted(NOW + 1, ANNE.public, NONCE)
    assert nonces.find_last(ANNE.line().fingerprint) == (late, ALICE)


def test_as_many_as_there_can_be(host: RecordHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that can count while it is kept fits, and nothing is lost by writing notes anew."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing is cut off here
    made = host.start()
    total = int(OF_ALL * LONGEST) + OF_ALL
    key, source = ANNE.line(), "2001:db8:1111:2222:3333:4444:5555:6666"
    for number in range(total):
        made.nonces.use(NOW + number * 3 // total - 1, key, number.to_bytes(16, "big"), source, NOON)
    for number in range(MAX_KEYS):
        other = key._replace(fingerprint=f"SHA256:{number:043}")
        made.nonces.use(NOW, other, NONCE, source, NOON)
    files = (host.state / NAME, host.run / RUN)
    assert all(file.stat().st_size < MAX_SIZE // 2 for file in files)
    host.boot()
    again = host.begin()
    for number in range(total):
        minute = NOW + number * 3 // total - 1
        assert again.nonces.has_counted(minute, key.public, number.to_bytes(16, "big"))
    assert all(file.stat().st_size < 22 * total + 150 * MAX_KEYS + 1_000 for file in files)
    assert 22 * total + 150 * MAX_KEYS + COMPACT < MAX_SIZE // 2


def test_who_knocked_last(host: RecordHost) -> None:
    """As many are remembered as there can be keys; whose last knock is longest ago is forgotten."""
    nonces = host.start().nonces
    keys = [AuthorizedKey(bytes(32), "", f"SHA256:{number:043}") for number in range(MAX_KEYS + 1)]
    for at, key in enumerate(keys[:-1]):
        nonces.use(NOW, key, NONCE, ALICE, NOON + at / 1_000)
    nonces.use(NOW, keys[0], NONCE, "192.0.2.7", NOON + 2)
    nonces.use(NOW, keys[-1], NONCE, ALICE, NOON + 3)
    assert nonces.find_last(keys[1].fingerprint) is None
    assert nonces.find_last(keys[2].fingerprint) == (NOON + 0.002, ALICE)
    assert host.begin().nonces.find_last(keys[0].fingerprint) == (NOON + 2, "192.0.2.7")


@pytest.mark.parametrize(
    "line",
    [
        '["nonce"]',
        '["nonce", 1, "AAAA", 1, "f", "s"]',
        '["nonce", 1, "%", 1, "f", "s"]',
        '["nonce", 1, "\\u00e4", 1, "f", "s"]',
        '["nonce", "1", "", 1, "f", "s"]',
        '["nonces", 1, "AAAA"]',
        '["nonces", 1.5, ""]',
        '["knocked", "f", "w", "s"]',
        '["knocked", 7, 7, "s"]',
    ],
)
def test_lines_that_are_none(host: RecordHost, line: str) -> None:
    """They are left out, those around them count."""
    made = host.start()
    use(made.nonces)
    with (host.state / NAME).open("a") as file:
        file.write(f"{line}\n")
    use(made.nonces, nonce=bytes(16))
    host.boot()
    again = host.begin().nonces
    assert again.has_counted(NOW, ANNE.public, NONCE)
    assert again.has_counted(NOW, ANNE.public, bytes(16))
    assert again.find_last("f") is None


def test_beside_sequences(host: RecordHost) -> None:
    """Notes of sequences stay when packets are noted, and the other way round."""
    made = host.start()
    made.burnt.burn(("ssh", "anne"), NOON + 30, NOON, "/etc/keys")
    use(made.nonces)
    for _ in range(2):
        host.boot()
        again = host.begin()
        assert again.burnt.find_used_until(("ssh", "anne"), 30) == NOON + 30
        assert again.nonces.has_counted(NOW, ANNE.public, NONCE)


def test_nowhere(host: RecordHost) -> None:
    """Where nothing can be noted it is used all the same, and the next start assumes the worst."""
    host.state.write_text("")
    host.run.write_text("")
    made = host.start()
    use(made.nonces)
    assert made.nonces.has_counted(NOW, ANNE.public, NONCE)
    assert host.begin().record.needs_floor
