"""Messages on the link: each kind there and back, everything malformed refused, views that fit."""

from __future__ import annotations

import pytest

from knockd.edge.link import MAX_MESSAGE, MAX_TEXT, Kind, MalformedError, Message, View, decode, pair
from knockd_conf.model import MAX_STEPS, Protocol, Step

DOORS, INTERFACES = 3, 2
ALICE, OURS = bytes([192, 0, 2, 1]), bytes([10, 0, 0, 1])
ALICE6, OURS6 = b"\x20\x01\x0d\xb8" + bytes(11) + b"\1", b"\xfd" + bytes(14) + b"\1"

HEAD = 48
"""Bytes of a message without text."""

MESSAGES = [
    Message(Kind.STAGE, door=2, stage=1, source=ALICE, destination=bytes(4)),
    Message(Kind.OPENED, door=1, stage=32, interface=1, count=2**63, source=ALICE, destination=OURS),
    Message(Kind.OPENED, door=0, stage=3, interface=0, source=ALICE6, destination=OURS6),
    Message(Kind.SPOILED, door=0, stage=2, source=ALICE6, destination=bytes(16)),
    Message(Kind.EXPIRED, door=0, stage=31, source=ALICE, destination=bytes(4)),
    Message(Kind.GUARDED, door=0, stage=0, source=ALICE, destination=bytes(4)),
    Message(Kind.HELD_BACK, count=2**64 - 1),
    Message(Kind.DROPPED, interface=1, count=7),
    Message(Kind.WIDENED, interface=1, count=1_000_000),
    Message(Kind.SMALL_RING, interface=0, count=512),
    Message(Kind.READY),
    Message(Kind.PONG),
    Message(Kind.LOST, interface=1, stage=1, text="eth1: The interface went down"),
    Message(Kind.READY, text="it cannot become nobody (setresuid: Operation not permitted)"),
    Message(Kind.FAILED, stage=69, text="eth9: there is no such interface"),
    Message(Kind.PACKET, text="tcp: 192.0.2.1:1 \u2192 10.0.0.1:7000"),
]


def changed(data: bytes, at: int, value: bytes) -> bytes:
    """``data`` with the bytes at ``at`` replaced."""
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind.name)
def test_there_and_back(message: Message) -> None:
    """Every kind of message is read as it was written."""
    assert decode(message.encode(), DOORS, INTERFACES) == message


def test_every_kind_has_a_sample() -> None:
    """No kind of message goes untested."""
    assert {message.kind for message in MESSAGES} == set(Kind)


def test_size() -> None:
    """An event has one fixed size."""
    assert {len(message.encode()) for message in MESSAGES if not message.text} == {HEAD}


GOOD = MESSAGES[1].encode()
MALFORMED = {
    "empty": b"",
    "one byte": b"\1",
    "one byte short": GOOD[:-1],
    "one byte long": GOOD + b"\0",
    "kind 0": changed(GOOD, 0, b"\0"),
    "unknown kind": changed(GOOD, 0, bytes([max(Kind) + 1])),
    "kind 255": changed(GOOD, 0, b"\xff"),
    "no IP version": changed(GOOD, 1, b"\0"),
    "IP version 5": changed(GOOD, 1, b"\5"),
    "unknown door": changed(GOOD, 2, DOORS.to_bytes(2, "little")),
    "door 65535": changed(GOOD, 2, b"\xff\xff"),
    "stage 33": changed(GOOD, 4, b"\x21\0"),
    "unknown interface": changed(GOOD, 6, INTERFACES.to_bytes(2, "little")),
    "drops of an unknown interface": changed(MESSAGES[7].encode(), 6, b"\xff\xff"),
    "loss of an unknown interface": changed(Message(Kind.LOST).encode(), 6, b"\2\0"),
    "loss of a strange kind": changed(Message(Kind.LOST).encode(), 4, b"\2\0"),
    "text behind a count": MESSAGES[6].encode() + b"x",
    "text behind PONG": MESSAGES[11].encode() + b"x",
    "text too long": MESSAGES[12].encode() + b"x" * MAX_TEXT,
    "text that is not UTF-8": MESSAGES[12].encode() + b"\xff",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed(data: bytes) -> None:
    """What the packet process can never legally send is refused."""
    with pytest.raises(MalformedError):
        decode(data, DOORS, INTERFACES)


@pytest.mark.parametrize("text", ["x" * 9_999, "\u00e9" * 9_999, "x" + "\u00e9" * 9_999])
def test_long_text(text: str) -> None:
    """A text that is too long is cut, and what is left is a message."""
    data = Message(Kind.FAILED, text=text).encode()
    assert (len(data) <= HEAD + MAX_TEXT, text.startswith(decode(data, 0, 0).text)) == (True, True)


def test_text_that_cannot_be_encoded() -> None:
    """Half a character in a name does not keep the message from being read."""
    assert decode(Message(Kind.FAILED, text="eth\udce9").encode(), 0, 0).text == "eth?"


VIEWS = {
    "empty": View(),
    "addresses": View({"eth0": frozenset({ALICE, OURS6}), "ppp0": frozenset()}),
    "sequences": View(sequences={7: (Step(1), Step(65_535, Protocol.UDP)), 2: ()}),
    "odd name": View({'eth"\\0\udcff': frozenset({OURS})}),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_view_there_and_back(view: View) -> None:
    """A view is read as it was written."""
    assert View.decode(view.encode()) == view


def test_largest_view() -> None:
    """A view with 1,000 doors of 32 steps goes over the link in one message."""
    steps = (Step(65_535, Protocol.UDP),) * MAX_STEPS
    view = View({"eth0": frozenset({OURS6})}, dict.fromkeys(range(1_000), steps))
    ours, theirs = pair()
    with ours, theirs:
        ours.send(view.encode())
        assert View.decode(theirs.recv(MAX_MESSAGE)) == view


def test_bounds_are_kept() -> None:
    """Messages arrive one by one, as they were sent."""
    ours, theirs = pair()
    with ours, theirs:
        for message in MESSAGES:
            theirs.send(message.encode())
        assert [decode(ours.recv(MAX_MESSAGE), DOORS, INTERFACES) for _ in MESSAGES] == MESSAGES


def test_both_ends_never_wait() -> None:
    """Reading from an end with nothing to read does not wait."""
    ours, theirs = pair()
    with ours, theirs:
        for end in (ours, theirs):
            with pytest.raises(BlockingIOError):
                end.recv(1)
