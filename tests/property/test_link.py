"""The link: whatever is sent is read as it was meant, and nothing else gets through."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd.knocks.watch import Watch
from knockd.process.verbs import FIELDS, MAX_TEXT, VERBS, MalformedError, Message, Verb, decode, encode
from knockd.process.view import View
from knockd_conf.model import FlagRule, Step
from knockd_conf.protocol import Protocol

BUDGET = settings(max_examples=300, deadline=None)
DOORS, INTERFACES = 100, 4
BITS = {"B": 8, "H": 16, "I": 32, "Q": 64}


def value(name: str, size: int) -> st.SearchStrategy[object]:
    """Whatever a field can mean; ``size``: bytes of its message's addresses."""
    field = FIELDS[name]
    if field.code == "address":
        return st.binary(min_size=size, max_size=size)
    if field.code == "text":
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_TEXT // 4)
    if field.code == "?":
        return st.booleans()
    if field.code.endswith("s"):  # so many bytes
        return st.binary(min_size=int(field.code[:-1]), max_size=int(field.code[:-1]))
    bounds = {"door": DOORS - 1, "interface": INTERFACES - 1}
    most = bounds.get(name, min(field.most, 2 ** BITS[field.code] - 1))
    return st.integers(field.least, most)


def said(verb: Verb, size: int) -> st.SearchStrategy[Message]:
    """Whatever can be said with a verb."""
    return st.tuples(*(value(name, size) for name in verb.message._fields)).map(verb.message._make)


messages = st.one_of([said(verb, size) for verb in VERBS for size in (4, 16)])
addresses = st.one_of([st.binary(min_size=n, max_size=n) for n in (4, 16)])
steps = st.builds(Step, st.integers(0, 65_535), st.sampled_from(Protocol))
flags = st.builds(FlagRule, st.integers(0, 255), st.integers(0, 255))
seconds = st.floats(0, 86_400)
watches = st.builds(
    Watch,
    door=st.integers(0, 65_535),
    steps=st.lists(steps, max_size=32).map(tuple),
    flags=st.none() | flags,
    target=st.frozensets(addresses, max_size=4),
    seq_timeout=seconds,
    seq_cooldown=seconds,
    once=st.booleans(),
    serial=st.integers(0, 2**32),
    guards=st.lists(steps, max_size=8).map(tuple),
)
bytes_of = {size: st.binary(min_size=size, max_size=size) for size in (4, 8, 32)}
signed = st.builds(
    SignedWatch,
    st.lists(
        st.builds(SignedPort, st.integers(1, 65_535), st.frozensets(addresses, max_size=4), st.none()),
        max_size=3,
    ).map(tuple),
    st.lists(
        st.builds(
            SignedMinute,
            st.integers(0, 2**53 - 1),
            bytes_of[32],
            bytes_of[4],
            st.lists(bytes_of[8], max_size=4).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
)
views = st.builds(
    View,
    st.dictionaries(st.text(max_size=15), st.frozensets(addresses, max_size=4), max_size=4),
    st.none() | st.lists(watches, max_size=4).map(tuple),
    figures=st.booleans(),
    signed=st.none() | signed,
)


def put(message: Message, at: int, byte: int) -> bytes:
    """The bytes of a message with one of them replaced."""
    data = encode(message)
    at %= len(data)
    return data[:at] + bytes([byte]) + data[at + 1 :]


damaged = st.builds(put, messages, st.integers(0, 60), st.integers(0, 255))


@BUDGET
@given(messages)
def test_messages_there_and_back(message: Message) -> None:
    """Every message that the packet process can mean is read as it was meant."""
    read = decode(encode(message), DOORS, INTERFACES)
    assert read == message
    assert type(read) is type(message)


@BUDGET
@given(views)
def test_views_there_and_back(view: View) -> None:
    """Every view is read as it was meant."""
    assert View.decode(view.encode()) == view


@BUDGET
@given(st.one_of(st.binary(max_size=100), damaged))
def test_arbitrary_bytes(data: bytes) -> None:
    """Whatever comes is refused, or is a message whose every field the keeper can use, in its one form."""
    try:
        message = decode(data, DOORS, INTERFACES)
    except MalformedError:
        return
    fields = message._asdict()
    assert 0 <= fields.get("door", 0) < DOORS
    assert 0 <= fields.get("interface", 0) < INTERFACES
    assert 0 <= fields.get("stage", 0) <= 32
    found = [ip_address(fields[name]) for name in ("source", "destination") if name in fields]
    assert len({address.version for address in found}) <= 1
    assert encode(message) == data
