"""A knock:// URI as a profile, and a file with what is secret of it."""

from __future__ import annotations

import pytest

from knockd.client.choices import Choices
from knockd.client.profile_file import Profile
from knockd.client.uri_profile import HiddenFile, format_checked, make_hidden, make_profile
from knockd_conf.key_file import NamedKey, format_key
from knockd_conf.knock_secret import format_secret
from knockd_conf.knock_uri import KnockUri
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Rule

KEY = bytes(range(32))
KEYED = KnockUri("h", "ssh", KEY, "alice", Rule(5, 30, 20_000, 60_000, "udp"), delay=5)
SIGNED = KnockUri("h", "ssh", verify=22, both=True, signed=4_711, secret=KEY, bind=True)
PLAIN = KnockUri("h", "ssh", sequence=(Port(7_000, Protocol.UDP),))


def no_service(_name: str, _protocol: str) -> None:
    """No service has a name here."""


@pytest.mark.parametrize(
    ("uri", "hidden"),
    [
        (KEYED, HiddenFile("my_home.key", format_key(NamedKey("alice", KEY)))),
        (KEYED._replace(name=""), HiddenFile("my_home.key", format_key(NamedKey("key", KEY)))),
        (SIGNED, HiddenFile("my_home.secret", format_secret(KEY))),
        (PLAIN, None),
    ],
)
def test_what_is_secret(uri: KnockUri, hidden: HiddenFile | None) -> None:
    """A key or a secret goes to a file that is called as the profile, a sequence does not."""
    assert hidden == make_hidden("my home", uri)


@pytest.mark.parametrize(
    ("uri", "choices", "sequence"),
    [
        (KEYED, Choices(key="x.key", door="ssh", steps=5, protocol="udp", delay=5), ()),
        (
            SIGNED,
            Choices(
                *(None, "ssh"),
                signed=4_711,
                secret="x.secret",
                identity="~/id",
                bind="auto",
                verify=22,
                both=True,
            ),
            (),
        ),
        (PLAIN, Choices(), ("7000:udp",)),
    ],
)
def test_what_is_in_the_profile(uri: KnockUri, choices: Choices, sequence: tuple[str, ...]) -> None:
    """A profile says what the URI says, and nothing that is usual; it can be written."""
    profile = make_profile("x", uri, make_hidden("x", uri), "~/id")
    assert Profile("x", "h", sequence, choices) == profile
    assert format_checked(profile, no_service).startswith("[x]\nhost = h\n")


def test_a_door_that_cannot_be_written() -> None:
    """Spaces at the ends of a name would be lost."""
    uri = SIGNED._replace(door="ssh ")
    with pytest.raises(ValueError, match=r"^expected a door whose name does not begin or end with a space$"):
        format_checked(make_profile("x", uri, make_hidden("x", uri)), no_service)


def test_no_secret_in_a_traceback() -> None:
    """What a traceback would show is the name of the file."""
    assert "HiddenFile('x.secret')" == repr(make_hidden("x", SIGNED))
