"""knock:// addresses: every door comes back as it was, and no message shows a secret."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from knockd_conf.knock_uri import KnockUri, format_uri, parse_uri
from knockd_conf.protocol import Protocol
from knockd_conf.text import garbles
from knockd_conf.timed import KINDS, Port, Rule
from tests.support.samples.knock_uris import find_secrets

BOUNDED = settings(max_examples=300, deadline=None)

hosts = st.one_of(
    st.from_regex(r"[a-z0-9]{1,20}(\.[a-z]{1,10}){0,3}", fullmatch=True).filter(
        lambda text: not text.isdigit()
    ),
    st.ip_addresses().map(str),
)
doors = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32).filter(
    lambda text: text.strip() and len(text.encode()) <= 128 and not any(map(garbles, text))
)
rules = st.builds(
    lambda steps, period, low, span, kind: Rule(steps, period, low, low + span - 1, kind),
    st.integers(3, 16),
    st.integers(10, 3_600),
    st.integers(1, 60_000),
    st.integers(1_024, 5_536),
    st.sampled_from(KINDS),
)
names = st.one_of(st.just(""), st.from_regex(r"[A-Za-z0-9_@][A-Za-z0-9_@.-]{0,63}", fullmatch=True))
ports = st.builds(Port, st.integers(0, 65_535), st.sampled_from(Protocol))
numbers = {"delay": st.none() | st.integers(0, 60_000), "verify": st.none() | st.integers(1, 65_535)}
unsigned = {"signed": st.none(), "secret": st.none(), "bind": st.just(False)}
keyed = st.builds(
    KnockUri,
    hosts,
    doors,
    st.binary(min_size=32, max_size=32),
    names,
    rules,
    st.just(()),
    **numbers,
    both=st.booleans(),
    **unsigned,
)
plain = st.builds(
    KnockUri,
    hosts,
    doors,
    st.none(),
    st.just(""),
    st.just(Rule()),
    sequence=st.lists(ports, min_size=1, max_size=32).map(tuple),
    **numbers,
    both=st.booleans(),
    **unsigned,
)
signed = st.builds(
    KnockUri,
    hosts,
    doors,
    st.none(),
    st.just(""),
    st.just(Rule()),
    st.just(()),
    st.none(),
    verify=numbers["verify"],
    both=st.booleans(),
    signed=st.integers(1, 65_535),
    secret=st.binary(min_size=32, max_size=32),
    bind=st.booleans(),
)


def refuse(text: str) -> str:
    """Why a text is refused; empty: it is read."""
    try:
        parse_uri(text)
    except ValueError as error:
        return str(error) or "\n"
    return ""


@BOUNDED
@given(uri=keyed | plain | signed)
def test_there_and_back(uri: KnockUri) -> None:
    """What is written is read as it was meant, and written again the same."""
    text = format_uri(uri)
    assert uri == parse_uri(text)
    assert text == format_uri(parse_uri(text))


@BOUNDED
@given(uri=keyed | plain | signed, data=st.data())
def test_damage(uri: KnockUri, data: st.DataObject) -> None:
    """A URI that was changed somewhere is read, or refused in a line without key, sequence or secret."""
    text = format_uri(uri)
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
    message = refuse(changed)
    assert message.isprintable()
    assert not find_secrets(message, changed)


@BOUNDED
@given(text=st.text(max_size=60))
@example("knock://" + "a" * 60)
@example("knock://" + "a." * 60 + "/")
def test_total(text: str) -> None:
    """Any text is read, or refused with a reason."""
    assert refuse(text).isprintable()
