"""What --dry-run says of ports of signed knocks."""

from __future__ import annotations

import json

from knockd.dryrun import LiveTag, Secrets, assume_signed, build_filters, format_json, format_text, list_tags
from knockd.knocks.guards import Guards
from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd.knocks.watch import watches_of
from knockd_conf.model import Config, Options
from tests.support.doubles.played import door, steps
from tests.support.doubles.signed import signed_door

DOORS = (
    door("7000 8000", "fixed"),
    signed_door("home\x1b"),
    signed_door("nas", signed_port=50_000),
    door("7100 8100", "both", signed_port=47_811),
)
CONFIG = Config("/etc/knockd.conf", Options(), DOORS, "host", ("/etc/knockd.conf",))
GUARDS = (Guards(steps("6999")), Guards(), Guards(), Guards(steps("7099")))
MINUTES = tuple(SignedMinute(at, b"", bytes([0xA0, 0, 0, at])) for at in (49, 50, 51))
SIGNED = SignedWatch((SignedPort(47_811), SignedPort(50_000)), MINUTES)
NOW = 50 * 60 + 12.5
SECRETS = Secrets((), list_tags(SIGNED, NOW))
GUARDED = ["guards of fixed: 6999:tcp", "guards of both: 7099:tcp", ""]


def text(secrets: Secrets | None) -> str:
    """What is printed for an interface that is not here."""
    signed = None if secrets is None else SIGNED
    made = build_filters(watches_of(DOORS), ["nowhere0"], ipv6=True, signed=signed)
    return format_text(made, CONFIG, GUARDS, secrets)


def behind(printed: str) -> list[str]:
    """The lines behind the filters."""
    return printed[printed.index("guards of fixed") :].splitlines()


def test_tags() -> None:
    """Three minutes are live, each until the one behind it is over."""
    assert [("a0000031", 48), ("a0000032", 108), ("a0000033", 168)] == list_tags(SIGNED, NOW)


def test_text() -> None:
    """The tags are in the filter and behind it; a door that signed knocks alone open has no guards."""
    printed = text(SECRETS)
    assert [
        *GUARDED,
        r"signed knocks of home\x1b, nas, both begin with:",
        "  a0000031  for 48 s more",
        "  a0000032  for 108 s more",
        "  a0000033  for 168 s more",
    ] == behind(printed)
    covers = (
        "  udp 47811, 50000 with 124 bytes that begin with a0000031 or a0000032 or a0000033, in no fragment"
    )
    assert covers in printed.splitlines()
    assert "udp[8:4] = 0xa0000031" in printed
    assert "  udp as long as a signed knock: 18 (IPv6 18)" in printed.splitlines()


def test_text_without_secrets() -> None:
    """Without them no tag is printed, and a line says what is missing."""
    printed = text(None)
    missing = (
        r"without signed knocks at 47811:udp, 50000:udp (home\x1b, nas, both), whose tags are made of the"
        " knock secret: --show-secrets shows those of now"
    )
    assert [*GUARDED, missing] == behind(printed)
    assert "udp" not in printed[: printed.index("guards of fixed")]


def test_tags_that_cannot_be_had() -> None:
    """Where the secret cannot be read nothing more is said here: the reason is on standard error."""
    assert GUARDED[:-1] == behind(text(Secrets()))


def test_json() -> None:
    """Programs get the same."""
    made = build_filters(watches_of(DOORS), ["nowhere0"], ipv6=True, signed=SIGNED)
    found = json.loads(format_json(made, CONFIG, SECRETS))
    assert ([], []) == (found["left_out"], found["live"])
    assert [{"tag": "a0000031", "seconds": 48}, *(one._asdict() for one in SECRETS.tags[1:])] == found["tags"]
    assert found["interfaces"][0]["cost"]["forged_ipv4"] == 18
    without = json.loads(format_json([], CONFIG))
    assert {"left_out": [r"home\x1b", "nas", "both"], "live": None, "tags": None, "interfaces": []} == without


def test_a_tag_with_leading_zeros() -> None:
    """A tag has eight digits."""
    assert [LiveTag("00000001", 60)] == list_tags(SignedWatch((), (SignedMinute(0, b"", b"\0\0\0\1"),)), 60.0)


def test_length_without_tags() -> None:
    """The filter's length can be told without the secret: it is that of any time."""
    one, other = (
        build_filters(watches_of(DOORS), ["nowhere0"], ipv6=True, signed=signed)[0].prefilter.fitted.program
        for signed in (SIGNED, assume_signed(CONFIG))
    )
    assert len(one) == len(other) > 40
    assert one != other


def test_a_filter_that_is_too_short_for_tags() -> None:
    """Where tags do not fit into the filter, a line says so."""
    many = SIGNED._replace(minutes=tuple(SignedMinute(at, b"", at.to_bytes(4, "big")) for at in range(5_000)))
    made = build_filters([], ["nowhere0"], ipv6=True, signed=many)
    line = "  widened to fit the kernel: whatever comes to a port of signed knocks passes"
    assert line in format_text(made, CONFIG, GUARDS, SECRETS).splitlines()
    assert line not in text(SECRETS).splitlines()
