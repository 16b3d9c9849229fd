"""Messages of the ssh-agent."""

from __future__ import annotations

import pytest

from knockd.client.agent_protocol import (
    REQUEST_IDENTITIES,
    Declined,
    Held,
    HeldKey,
    ask_signature,
    name_key,
    parse_identities,
    parse_signed,
    show_comment,
)
from knockd.client.signature import Signature
from knockd_conf.ssh_wire import pack_string
from tests.support.doubles.fake_agent import RSA, SoftKey

KEY = SoftKey(1)
HARDWARE = SoftKey(2, "token", "ssh:")


def listed(*held: tuple[bytes, bytes], number: int | None = None) -> bytes:
    """An answer with keys and comments."""
    parts = [pack_string(blob) + pack_string(comment) for blob, comment in held]
    return b"\x0c" + (len(held) if number is None else number).to_bytes(4, "big") + b"".join(parts)


def test_the_numbers_of_the_protocol() -> None:
    """Requests are those of the draft: 11 lists, 13 signs, with key, data and no flags."""
    assert b"\x0b" == REQUEST_IDENTITIES
    expected = b"\x0d" + pack_string(KEY.key.blob) + pack_string(b"data") + b"\0\0\0\0"
    assert expected == ask_signature(KEY.key, b"data")


def test_a_list_of_keys() -> None:
    """Keys that can sign a knock come with their comments, in order; of others the kind is told."""
    answer = listed((RSA, b"old"), (KEY.key.blob, b"laptop"), (HARDWARE.key.blob, b"token"))
    keys = (HeldKey(KEY.key, "laptop"), HeldKey(HARDWARE.key, "token"))
    assert Held(keys, ("ssh-rsa",)) == parse_identities(answer)
    assert Held(()) == parse_identities(listed())


def test_a_key_that_is_listed_twice() -> None:
    """It counts once: there is nothing to choose."""
    found = parse_identities(listed((KEY.key.blob, b"a"), (KEY.key.blob, b"b")))
    assert (HeldKey(KEY.key, "a"),) == found.keys


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        (b"me@home", "me@home"),
        (b" \n ", ""),
        (b"a\x1b[2Jb\nc", "a\\x1b[2Jb\\nc"),
        (b"\xff", "\ufffd"),
        (b"x" * 61, "x" * 60 + "..."),
    ],
)
def test_comments(comment: bytes, shown: str) -> None:
    """A comment is one line of printable characters, not too long."""
    (found,) = parse_identities(listed((KEY.key.blob, comment))).keys
    assert shown == found.comment
    assert show_comment(comment.decode("utf-8", "replace")) == shown


def test_the_name_of_a_key() -> None:
    """Comment and fingerprint, or the fingerprint alone."""
    fingerprint = KEY.key.fingerprint
    assert f"laptop ({fingerprint})" == HeldKey(KEY.key, "laptop").name
    assert fingerprint == name_key(KEY.key, "")


def test_a_signature() -> None:
    """It is taken out of the answer."""
    answer = b"\x0e" + pack_string(KEY.sign(b"data"))
    assert Signature(KEY.sign(b"data")[-64:]) == parse_signed(answer, KEY.key)


@pytest.mark.parametrize("number", [5, 28, 30, 102])
def test_a_refusal(number: int) -> None:
    """All ways in which agents say no."""
    for parse in (parse_identities, lambda answer: parse_signed(answer, KEY.key)):
        with pytest.raises(Declined):
            parse(bytes((number,)))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "expected 1 bytes at byte 0, got 0"),
        (b"\x0e", "expected an answer of kind 12, got 14"),
        (b"\x0c", "expected 4 bytes at byte 1, got 0"),
        (listed(number=1), "expected 4 bytes at byte 5, got 0"),
        (listed(number=0xFFFFFFFF), "expected 4 bytes at byte 5, got 0"),
        (listed((KEY.key.blob, b"a"), number=0), "expected the end at byte 5"),
        (listed((KEY.key.blob[:-1], b"a")), "expected 32 bytes at byte 19, got 31"),
        (listed((b"", b"a")), "expected 4 bytes at byte 0, got 0"),
    ],
)
def test_a_list_that_is_none(answer: bytes, message: str) -> None:
    """Whatever an agent says, it is a list of keys or refused with what was seen."""
    with pytest.raises(ValueError, match=message):
        parse_identities(answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"\x06", "expected an answer of kind 14, got 6"),
        (b"\x0e" + pack_string(b""), "expected 4 bytes at byte 0, got 0"),
        (b"\x0e" + pack_string(KEY.sign(b"")) + b"x", "expected the end at byte 88, got 1 bytes more"),
        (b"\x0e" + pack_string(HARDWARE.sign(b"")), "expected a signature of kind ssh-ed25519"),
    ],
)
def test_a_signature_that_is_none(answer: bytes, message: str) -> None:
    """An answer that is no signature of the key is refused with what was seen."""
    with pytest.raises(ValueError, match=message):
        parse_signed(answer, KEY.key)
