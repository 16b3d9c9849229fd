"""Profiles of knock: any bytes are read, and every profile and URI comes back as it was written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.client.choices import Choices
from knockd.client.import_uri import import_profile
from knockd.client.profile_file import (
    MAX_SIZE,
    Profile,
    format_profile,
    is_profile_name,
    parse_profiles,
)
from knockd.client.profiles import read_profiles
from knockd.client.status import Refused
from knockd_conf.knock_secret import parse_secret
from knockd_conf.knock_uri import KnockUri, format_uri
from knockd_conf.timed import KINDS
from tests.property.test_knock_uri import keyed, plain, signed

BOUNDED = settings(max_examples=300, deadline=None)

words = st.sampled_from(["[home]", "[a", "host = h", "key = k", "door=d", "sequence = 1,2", "steps = 2"])
lines = st.one_of(words, st.text(max_size=80)).map(lambda text: text.encode("utf-8", "surrogatepass"))
files = st.one_of(st.lists(lines, max_size=12).map(b"\n".join), st.binary(max_size=300))

inked = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
values = st.lists(inked, min_size=1, max_size=3).map(" ".join)
shared: dict[str, Any] = {
    **dict.fromkeys(Choices._fields, st.none()),
    "delay": st.none() | st.integers(0, 60_000),
    "verify": st.none() | st.integers(1, 65_535),
    "both": st.none() | st.booleans(),
}
of_a_key: dict[str, Any] = {
    **shared,
    "key": values,
    "door": values,
    "name": st.none() | values,
    "steps": st.none() | st.integers(3, 16),
    "period": st.none() | st.integers(10, 3_600),
    "ports": st.none() | st.integers(1, 60_000).map(lambda low: (low, low + 1_023)),
    "protocol": st.none() | st.sampled_from(KINDS),
}
keys = st.builds(Choices, **of_a_key)
ports = st.builds("{}:{}".format, st.integers(0, 65_535), st.sampled_from(["tcp", "udp"]))
of_signed: dict[str, Any] = {
    **shared,
    "signed": st.integers(1, 65_535),
    "secret": values,
    "door": values,
    "identity": st.none() | values,
    "bind": st.sampled_from([None, "none", "auto", "192.0.2.7", "2001:db8::7"]),
}
names = values.filter(is_profile_name)
plain_choices = st.builds(Choices, **shared)
sequences = st.lists(ports, min_size=1).map(tuple)
profiles = st.one_of(
    st.builds(Profile, names, values, st.just(()), keys, st.just(())),
    st.builds(Profile, names, values, sequences, plain_choices, st.just(())),
    st.builds(Profile, names, values, st.just(()), st.builds(Choices, **of_signed), st.just(())),
)


def no_service(_name: str, _protocol: str) -> None:
    """There are no names of services."""


@BOUNDED
@given(files)
def test_any_bytes_are_read(data: bytes) -> None:
    """A file is profiles and problems, whatever it holds; each problem is one printable line."""
    found = parse_profiles(data, "F", no_service)
    told = [*found.problems, *(text for one in found.profiles.values() for text in one.problems)]
    assert all(text.isprintable() and text.startswith("F:") and len(text) < 600 for text in told)
    assert all(one.problems or (one.host and one.kind) for one in found.profiles.values())


def test_a_huge_line_is_read() -> None:
    """Neither message nor time grows with what is in it."""
    for data in (
        b"[" + b"a" * MAX_SIZE,
        b"[a]\n" + b"b" * (MAX_SIZE - 8) + b"=",
        b"[a]\nhost=" + b"\x01" * 9999,
    ):
        found = parse_profiles(data, "F", no_service)
        told = [*found.problems, *(text for one in found.profiles.values() for text in one.problems)]
        assert all(len(text) < 600 for text in told)


@BOUNDED
@given(profiles)
def test_there_and_back(profile: Profile) -> None:
    """A profile that is written is read as it was."""
    found = parse_profiles(format_profile(profile).encode(), "F", no_service)
    assert ({profile.name: profile}, ()) == (found.profiles, found.problems)


@settings(max_examples=100, deadline=None)
@given(st.one_of(keyed, plain, signed))
def test_every_uri_is_imported_or_refused(uri: KnockUri) -> None:
    """What was imported is knocked as the URI says; what cannot be is refused and leaves nothing behind."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "knock" / "config"
        try:
            import_profile(format_uri(uri), "home", str(path), no_service)
        except Refused:
            assert uri.door != uri.door.strip() or not uri.door.isprintable()
            assert not path.exists()
            return
        found = read_profiles(str(path), no_service)
        assert found is not None
        (profile,) = found.profiles.values()
        choices = profile.choices
        assert (uri.host, uri.delay, uri.verify) == (profile.host, choices.delay, choices.verify)
        assert uri.both == bool(choices.both)
        assert [f"{port}:{kind}" for port, kind in uri.sequence] == list(profile.sequence)
        if uri.key is not None:
            assert (uri.door, uri.rule) == (choices.door, choices.rule())
        if uri.secret is not None:
            assert (uri.door, uri.signed, uri.bind) == (choices.door, choices.signed, choices.bind == "auto")
            assert uri.secret == parse_secret(Path(choices.secret or "").read_bytes())
