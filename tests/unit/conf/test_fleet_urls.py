"""The URLs of a store: what they are read as, and what is said of those that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd_conf.fleet_urls import MAX_ENDPOINTS, parse_fleet, parse_fleet_name
from knockd_conf.keys import find_key, parse_value
from knockd_conf.model import FleetEndpoint, FleetKind

SINGLE, SENTINEL, CLUSTER = FleetKind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("valkey://gate", FleetEndpoint(SINGLE, False, "gate", 6379)),
        ("VALKEYS://Gate.Example:1/", FleetEndpoint(SINGLE, True, "gate.example", 1)),
        ("redis://192.0.2.1:65535/15", FleetEndpoint(SINGLE, False, "192.0.2.1", 65535, "", 15)),
        ("rediss://ann@[2001:DB8::0:1]/3", FleetEndpoint(SINGLE, True, "2001:db8::1", 6379, "ann", 3)),
        ("valkey://[::1]:7", FleetEndpoint(SINGLE, False, "::1", 7)),
        ("sentinel+valkey://h/one", FleetEndpoint(SENTINEL, False, "h", 26379, "", 0, "one")),
        (
            "sentinel+rediss://u@h:9/my.set-1_x/2",
            FleetEndpoint(SENTINEL, True, "h", 9, "u", 2, "my.set-1_x"),
        ),
        ("cluster+valkeys://h", FleetEndpoint(CLUSTER, True, "h", 6379)),
        ("cluster+redis://h:7000/0", FleetEndpoint(CLUSTER, False, "h", 7000)),
    ],
)
def test_a_url(text: str, expected: FleetEndpoint) -> None:
    """Each kind, with the defaults of what is left out; its text is such a URL too."""
    assert (expected,) == parse_fleet(text)
    assert (expected,) == parse_fleet(str(expected))


def test_several() -> None:
    """Servers of one set, some with TLS; the same one counts once."""
    found = parse_fleet("valkeys://a:1/2 ,valkey://b/2,\tredis://b:6379/2")
    assert [("a", True), ("b", False)] == [(one.host, one.tls) for one in found]
    many = ",".join(f"valkey://h{n}" for n in range(MAX_ENDPOINTS))
    assert MAX_ENDPOINTS == len(parse_fleet(many))


FORMS = "valkeys://host:6379/0, sentinel+valkeys://host:26379/SERVICE or cluster+valkeys://host:6379"
HOST = "expected a host's name, an IPv4 address or an [IPv6 address], got"
PORT = "expected a port from 1 to 65535 behind the host"
SIGN = "what a store needs has keys of its own"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"expected a URL as {FORMS}, got ''"),
        ("gate:6379", f"expected a URL as {FORMS}, got 'gate:6379'"),
        ("http://gate", f"expected a URL as {FORMS}, got 'http://gate'"),
        ("valkey+sentinel://gate", f"expected a URL as {FORMS}, got 'valkey+sentinel://gate'"),
        ("val\u212aey://gate", f"expected a URL as {FORMS}, got 'val\u212aey://gate'"),
        ("'valkey://gate'", f"expected a URL as {FORMS}, got ''valkey://gate''"),
        ("valkey://", f"{HOST} ''"),
        ("valkey://-a", f"{HOST} '-a'"),
        ("valkey://192.0.2.256", f"{HOST} '192.0.2.256'"),
        ("valkey://7", f"{HOST} '7'"),
        ("valkey://2001:db8::1", "expected an IPv6 address in brackets, got one without"),
        ("valkey://[192.0.2.1]", "expected an IPv6 address without a zone in brackets, got '[192.0.2.1]'"),
        (
            "valkey://[fe80::1%eth0]",
            "expected an IPv6 address without a zone in brackets, got '[fe80::1%eth0]'",
        ),
        ("valkey://h:0", f"{PORT}, got '0'"),
        ("valkey://h:65536/0", f"{PORT}, got '65536'"),
        ("valkey://h:", PORT),
        ("valkey://ann:opensesame", PORT),
        ("valkey://h/0@1/x", "expected a user's name before '@', without white space, '/', '?', '#' and '%'"),
        ("valkey://@h", "expected a user's name before '@', without white space, '/', '?', '#' and '%'"),
        ("valkey://a%20b@h", "expected a user's name before '@', without white space, '/', '?', '#' and '%'"),
        ("valkey://h/0?password=opensesame", f"expected a URL without '?': {SIGN}"),
        ("valkey://h?db=1", f"expected a URL without '?': {SIGN}"),
        ("valkey://h/#opensesame", f"expected a URL without '#': {SIGN}"),
        ("valkey://h/one", "expected the number of a database behind the host, got 'one'"),
        ("valkey://h/0/1", "expected the number of a database behind the host, got '0/1'"),
        ("valkey://h/2147483648", "expected the number of a database behind the host, got '2147483648'"),
        ("cluster+valkey://h/1", "expected no database behind a node of a cluster, got '1'"),
        (
            "sentinel+valkey://h",
            "expected the name that the sentinels have for the set behind the host, as"
            " sentinel+valkeys://host:26379/SERVICE, got ''",
        ),
        ("valkey://h,", f"expected a whole URL behind each comma, as {FORMS}"),
        ("valkey://h, other:6379", f"expected a whole URL behind each comma, as {FORMS}"),
        (
            "valkey://h, sentinel+valkey://g/one",
            "expected URLs of one kind: single, sentinel or cluster, got single and sentinel",
        ),
        ("valkey://h, valkey://g/1", "expected one database, got 0 and 1"),
        (
            "sentinel+valkey://h/one, sentinel+valkey://g/two",
            "expected sentinels of one service, got 'one' and 'two'",
        ),
        (",".join(f"valkey://h{n}" for n in range(17)), "expected at most 16 URLs, got 17"),
    ],
)
def test_no_url(text: str, message: str) -> None:
    """The message says what was expected and what was seen."""
    with pytest.raises(ValueError, match=r"^expected") as error:
        parse_fleet(text)
    assert message == str(error.value)


PASSWORD = (
    "expected no password in a URL: put it into a file that nobody else may read, and name that with"
    " Fleet_Password"
)


@pytest.mark.parametrize(
    "text",
    [
        "valkey://ann:opensesame@h",
        "valkeys://:opensesame@h:6379/0",
        "valkey://h, valkey://ann:opensesame@g",
        "valkey://ann:open,sesame@h",
        "valkey://ann:open/sesame?x#@h",
        "valkey://ann:open@sesame@h",
        "'valkey://ann:opensesame@h'",
        "nonsense://ann:opensesame@h",
    ],
)
def test_a_password(text: str) -> None:
    """It is refused, and the message says where it belongs and nothing of it."""
    with pytest.raises(ValueError, match=r"^expected") as error:
        parse_value(find_key("Fleet", options=True), text)
    assert PASSWORD == str(error.value)


@given(
    start=st.sampled_from(["", "'", "valkey:", "valkey://", "valkeys://ann", "http://", "x, valkey://h,"]),
    between=st.sampled_from([":", "", "/", "//", "://", "@"]),
    end=st.sampled_from(["@h", "@h:6379/0", "@", "@h, valkey://g", "@[::1]'", "@?", "@h/one"]),
)
def test_no_message_shows_a_password(start: str, between: str, end: str) -> None:
    """Whatever stands before an ``@`` is in no message."""
    try:
        parse_value(find_key("Fleet", options=True), f"{start}{between}S3SAME{end}")
        said = ""
    except ValueError as error:
        said = str(error)
    assert "S3SAME" not in said


@pytest.mark.parametrize("text", ["a", "Site-1.knock_d", "x" * 64])
def test_a_name(text: str) -> None:
    """Letters, digits, dots, underscores and hyphens."""
    assert text == parse_fleet_name(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a:b", "a b", "a{b}", "caf\u00e9"])
def test_no_name(text: str) -> None:
    """Nothing else is in a name, which is part of keys in the store."""
    with pytest.raises(ValueError, match=r"^expected 1 to 64 letters, digits, '\.', '_' or '-', got '"):
        parse_fleet_name(text)
