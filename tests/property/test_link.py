"""The link: whatever is sent is read as it was meant, and nothing else gets through."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.edge.link import MAX_TEXT, Kind, MalformedError, Message, View, decode
from knockd_conf.model import Protocol, Step

BUDGET = settings(max_examples=200, deadline=None)
DOORS, INTERFACES = 100, 4

places = {"door": st.integers(0, DOORS - 1), "interface": st.integers(0, INTERFACES - 1)}
stages = st.integers(0, 32)
pairs = st.one_of(
    *(st.tuples(st.binary(min_size=n, max_size=n), st.binary(min_size=n, max_size=n)) for n in (4, 16))
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_TEXT // 4)
about_sources = st.builds(
    lambda kind, ends, **values: Message(kind, source=ends[0], destination=ends[1], **values),
    st.sampled_from([Kind.STAGE, Kind.SPOILED, Kind.EXPIRED, Kind.GUARDED]),
    pairs,
    stage=stages,
    **places,
)
openings = st.builds(
    lambda ends, **values: Message(Kind.OPENED, source=ends[0], destination=ends[1], **values),
    pairs,
    stage=stages,
    count=st.integers(0, 2**64 - 1),
    **places,
)
messages = st.one_of(
    about_sources,
    openings,
    st.builds(
        Message,
        st.sampled_from([Kind.HELD_BACK, Kind.DROPPED, Kind.WIDENED, Kind.SMALL_RING]),
        count=st.integers(0, 2**64 - 1),
        interface=places["interface"],
    ),
    st.just(Message(Kind.READY)),
    st.builds(
        Message, st.just(Kind.LOST), stage=st.integers(0, 1), interface=places["interface"], text=texts
    ),
    st.builds(Message, st.sampled_from([Kind.FAILED, Kind.PACKET]), stage=st.integers(0, 255), text=texts),
)
steps = st.builds(Step, st.integers(0, 65_535), st.sampled_from(Protocol))
views = st.builds(
    View,
    st.dictionaries(
        st.text(max_size=15), st.frozensets(pairs.map(lambda ends: ends[0]), max_size=4), max_size=4
    ),
    st.dictionaries(st.integers(0, 999), st.lists(steps, max_size=32).map(tuple), max_size=4),
)


def put(message: Message, at: int, value: int) -> bytes:
    """The bytes of a message with one of them replaced."""
    data = message.encode()
    at %= len(data)
    return data[:at] + bytes([value]) + data[at + 1 :]


damaged = st.builds(put, messages, st.integers(0, 60), st.integers(0, 255))


@BUDGET
@given(messages)
def test_messages_there_and_back(message: Message) -> None:
    """Every message that the packet process can mean is read as it was meant."""
    assert decode(message.encode(), DOORS, INTERFACES) == message


@BUDGET
@given(views)
def test_views_there_and_back(view: View) -> None:
    """Every view is read as it was meant."""
    assert View.decode(view.encode()) == view


@BUDGET
@given(st.one_of(st.binary(max_size=100), damaged))
def test_arbitrary_bytes(data: bytes) -> None:
    """Whatever comes is refused or is a message whose every field the keeper can use."""
    try:
        message = decode(data, DOORS, INTERFACES)
    except MalformedError:
        return
    assert 0 <= message.door < DOORS
    assert 0 <= message.interface < INTERFACES
    if message.source:
        assert ip_address(message.source).version == ip_address(message.destination).version
        assert 0 <= message.stage <= 32
