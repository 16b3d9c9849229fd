"""The verbs of the link: each there and back, everything malformed refused, all of them on the page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import get_args

import pytest

from knockd.knocks.events import (
    Discarded,
    Expired,
    Guarded,
    Ignored,
    Spoiled,
    Stage,
    Stale,
    Underway,
    Why,
)
from knockd.process import verbs
from knockd.process.figures import Counted, Totals
from knockd.process.verbs import (
    FIELDS,
    MAX_EVENT,
    MAX_TEXT,
    VERBS,
    Dropped,
    Failed,
    HeldBack,
    Lost,
    MalformedError,
    Message,
    Opening,
    Packet,
    Pong,
    Ready,
    Signed,
    SmallRing,
    Widened,
    decode,
    encode,
    verb_of,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "architecture.md"
DOORS, INTERFACES = 3, 2
ALICE, OURS = bytes([192, 0, 2, 1]), bytes([10, 0, 0, 1])
ALICE6, OURS6 = b"\x20\x01\x0d\xb8" + bytes(11) + b"\1", b"\xfd" + bytes(14) + b"\1"
MOST = 2**64 - 1

MESSAGES: list[Message] = [
    Stage(2, ALICE, 1),
    Opening(1, ALICE, OURS, 32, 1, 2**63),
    Opening(0, ALICE6, OURS6, 3, 0, 0),
    Opening(0, ALICE, OURS, 4, 0, 1, 2**63),
    Stale(2, ALICE6, 7),
    Signed(ALICE6, bytes(16), 0, 5, 17 << 16 | 47811, bytes(124)),
    Discarded(ALICE6, 17 << 16 | 47811, Why.REPEATED),
    Spoiled(0, ALICE6, 2),
    Expired(0, ALICE, 31),
    Guarded(0, ALICE, 0, 17 << 16 | 7001),
    Ignored(0, ALICE, opened=False, left=1),
    Ignored(1, ALICE6, opened=True, left=MOST),
    HeldBack(MOST),
    Dropped(1, 7),
    Widened(1, 1_000_000, pooled=False),
    Widened(0, 0, pooled=True),
    SmallRing(0, 512),
    Ready(""),
    Ready("it cannot become nobody (setresuid: Operation not permitted)"),
    Pong(),
    Lost(1, hopeless=True, reason="eth1: link type 1 is none that knockd can read"),
    Lost(0, hopeless=False, reason="eth0: The interface went down"),
    Failed(69, "eth9: there is no such interface"),
    Counted(1, 276, MOST, 0, 4_096, 17),
    Underway(2, ALICE6, 31, 1),
    Totals(2**32 - 1, MOST, 0, 1, 2, 3),
    Packet("tcp: 192.0.2.1:1 \u2192 10.0.0.1:7000"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: verb_of(message).name)
def test_there_and_back(message: Message) -> None:
    """Every message is read as it was written, as one of the same verb."""
    read = decode(encode(message), DOORS, INTERFACES)
    assert read == message
    assert type(read) is type(message)


def test_every_verb_has_a_sample() -> None:
    """No verb goes untested."""
    assert {verb_of(message) for message in MESSAGES} == set(VERBS)


def test_every_message_has_a_verb() -> None:
    """The table has a row for each type of message, and no other."""
    assert set(get_args(verbs.Message)) == {verb.message for verb in VERBS}
    assert len({verb.number for verb in VERBS}) == len({verb.name for verb in VERBS}) == len(VERBS)


def test_every_field_has_its_meaning() -> None:
    """The table of fields has what the messages use, and a text is the last field of its message."""
    used = [verb.message._fields for verb in VERBS]
    assert set(FIELDS) == {name for names in used for name in names}
    assert set() == {name for names in used for name in names[:-1] if FIELDS[name].code == "text"}


ABOUT = {
    "STAGE": encode(Stage(0, ALICE, 1)),
    "OPENED": encode(Opening(0, ALICE, OURS, 1, 0, 0)),
    "LOST": encode(Lost(0, hopeless=False, reason="")),
    "DROPPED": encode(Dropped(0, 1)),
    "WIDENED": encode(Widened(0, 0, pooled=False)),
}


def changed(verb: str, at: int, value: bytes) -> bytes:
    """A message of the verb with the bytes at ``at`` replaced."""
    data = ABOUT[verb]
    assert data[at : at + len(value)] != value
    return data[:at] + value + data[at + len(value) :]


MALFORMED = {
    "empty": b"",
    "one byte": b"\1",
    "a head alone": b"\1\4",
    "one byte short": ABOUT["OPENED"][:-1],
    "one byte long": ABOUT["OPENED"] + b"\0",
    "verb 0": changed("OPENED", 0, b"\0"),
    "unknown verb": changed("OPENED", 0, bytes([len(VERBS) + 1])),
    "verb 255": changed("OPENED", 0, b"\xff"),
    "no IP version": changed("OPENED", 1, b"\0"),
    "IP version 5": changed("OPENED", 1, b"\5"),
    "IP version 6 with addresses of version 4": changed("OPENED", 1, b"\6"),
    "an IP version without addresses": changed("LOST", 1, b"\4"),
    "unknown door": changed("OPENED", 2, DOORS.to_bytes(2, sys.byteorder)),
    "door 65535": changed("STAGE", 2, b"\xff\xff"),
    "stage 33": changed("STAGE", 8, b"\x21"),
    "unknown interface": changed("LOST", 2, INTERFACES.to_bytes(2, sys.byteorder)),
    "drops of an unknown interface": changed("DROPPED", 2, b"\xff\xff"),
    "no drops": changed("DROPPED", 4, bytes(8)),
    "ignored for no time": encode(Ignored(0, ALICE, opened=True, left=0)),
    "none held back": bytes([5, 0]) + bytes(8),
    "wider than all ports": changed("WIDENED", 4, (1_000_001).to_bytes(4, sys.byteorder)),
    "a flag of 2": changed("LOST", 4, b"\2"),
    "exit status 0": bytes([8, 0, 0]),
    "text behind a number": ABOUT["DROPPED"] + b"x",
    "text behind PONG": encode(Pong()) + b"x",
    "text too long": encode(Failed(70, "")) + b"x" * (MAX_TEXT + 1),
    "text that is not UTF-8": encode(Ready("")) + b"\xff",
    "half a character": encode(Ready("")) + "\ud800".encode(errors="surrogatepass"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed(data: bytes) -> None:
    """What the packet process can never legally send is refused."""
    with pytest.raises(MalformedError):
        decode(data, DOORS, INTERFACES)


@pytest.mark.parametrize("message", [message for message in MESSAGES if "door" in message._fields])
def test_no_door(message: Message) -> None:
    """A packet process without doors cannot say anything about one."""
    with pytest.raises(MalformedError):
        decode(encode(message), 0, INTERFACES)


@pytest.mark.parametrize("text", ["x" * 9_999, "\u00e9" * 9_999, "x" + "\u00e9" * 9_999])
def test_long_text(text: str) -> None:
    """A text that is too long is cut, and what is left is a message."""
    data = encode(Failed(70, text))
    read = decode(data, 0, 0)
    assert len(data) <= MAX_EVENT
    assert isinstance(read, Failed)
    assert text.startswith(read.reason)
    assert len(read.reason.encode()) >= MAX_TEXT - 1


def test_text_that_cannot_be_encoded() -> None:
    """Half a character in a name does not keep the message from being read."""
    assert decode(encode(Failed(70, "eth\udce9")), 0, 0) == (70, "eth?")


def rows(table: str) -> list[tuple[str, ...]]:
    """The cells of a table of the page, without its head."""
    found = re.search(rf"<!-- {table} -->\n(.*?)\n<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert found, f"{PAGE}: no table {table}"
    lines = [line.removeprefix("|").removesuffix("|") for line in found[1].splitlines()[2:]]
    return [tuple(cell.strip().replace("\\", "") for cell in line.split("|")) for line in lines]


def test_the_page_s_verbs() -> None:
    """The page of the architecture has the table of verbs."""
    assert rows("verbs") == list(verbs.verb_rows())


def test_the_page_s_fields() -> None:
    """The page of the architecture has the table of their fields."""
    assert rows("fields") == list(verbs.field_rows())
