"""A ``knock://`` URI as a profile and, beside it, a file with what is secret of it.

Pure.
"""

from __future__ import annotations

from knockd.client.choices import BIND_AUTO, Choices
from knockd.client.hits import ServiceLookup
from knockd.client.profile_file import Profile, format_profile, parse_profiles
from knockd_conf.classes import NamedTuple
from knockd_conf.key_file import NamedKey, format_key
from knockd_conf.knock_secret import format_secret
from knockd_conf.knock_uri import KnockUri
from knockd_conf.timed import Rule


class HiddenFile(NamedTuple):
    """A file with what is secret of a URI: its name and its line."""

    name: str
    line: str

    def __repr__(self) -> str:
        return f"HiddenFile({self.name!r})"  # no traceback shows a secret


def make_hidden(name: str, uri: KnockUri) -> HiddenFile | None:
    """The file for the profile of a name; None for a sequence, which stands in the profile."""
    stem = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    if uri.key is not None:
        return HiddenFile(f"{stem}.key", format_key(NamedKey(uri.name or "key", uri.key)))
    if uri.secret is not None:
        return HiddenFile(f"{stem}.secret", format_secret(uri.secret))
    return None


def make_profile(name: str, uri: KnockUri, hidden: HiddenFile | None, identity: str | None = None) -> Profile:
    """The profile as it will be read again, with nothing said that goes without saying."""
    choices = Choices(delay=uri.delay, verify=uri.verify, both=uri.both or None)
    if hidden is None:
        return Profile(name, uri.host, tuple(f"{port}:{kind}" for port, kind in uri.sequence), choices)
    choices = choices._replace(door=uri.door)
    if uri.signed is not None:
        bind = BIND_AUTO if uri.bind else None
        choices = choices._replace(signed=uri.signed, secret=hidden.name, identity=identity, bind=bind)
        return Profile(name, uri.host, (), choices)
    rule, usual = uri.rule, Rule()
    choices = choices._replace(
        key=hidden.name,
        steps=rule.steps if rule.steps != usual.steps else None,
        period=rule.period if rule.period != usual.period else None,
        ports=(rule.low, rule.high) if (rule.low, rule.high) != (usual.low, usual.high) else None,
        protocol=rule.protocol if rule.protocol != usual.protocol else None,
    )
    return Profile(name, uri.host, (), choices)


def format_checked(profile: Profile, service: ServiceLookup) -> str:
    """The profile's section. Raises ValueError where another one would be read."""
    text = format_profile(profile)
    if parse_profiles(text.encode(), "", service).profiles.get(profile.name) != profile:
        raise ValueError("expected a door whose name does not begin or end with a space")
    return text
