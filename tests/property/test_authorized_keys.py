"""Lines of authorized_keys files: written and read again, and who may use a key by its from=."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from knockd_conf.access import Access
from knockd_conf.authorized_keys import DOORS, EXPIRY, FROM, format_authorized, parse_authorized_keys
from knockd_conf.expiry_time import utc_seconds
from knockd_conf.from_patterns import parse_from
from knockd_conf.key_line import KeyLine
from knockd_conf.ssh_keys import PublicKey

NAMES = st.text("abc \"'\\#=-_.:é", min_size=1, max_size=8).filter(
    lambda name: name == name.strip() and not name.endswith("\\")
)
COMMENTS = st.text("abc @\"'\\#,=é", max_size=30).map(str.strip)
FEW = st.sampled_from([0, 1, 2, 9, 10, 255])
FOUR = st.tuples(st.sampled_from([10, 192]), FEW, FEW, FEW).map(lambda parts: IPv4Address(bytes(parts)))
GROUPS = st.sampled_from([0, 1, 0xDB8, 0xFFFF])
SIX = st.tuples(st.just(0x2001), *[GROUPS] * 7).map(
    lambda groups: IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
)
ADDRESSES = FOUR | SIX


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """One pattern: an address, a network, or what its text begins with."""
    address = draw(ADDRESSES)
    text = str(address)
    kind = draw(st.sampled_from(["address", "network", "wildcard", "everybody"]))
    if kind == "network":
        text = str(ip_network((address, draw(st.integers(0, address.max_prefixlen))), strict=False))
    elif kind == "wildcard":
        mark = "." if address.version == 4 else ":"
        at = draw(st.integers(1, text.count(mark)))
        text = mark.join(text.split(mark)[:at]) + f"{mark}*"
    elif kind == "everybody":
        text = "*"
    return draw(st.sampled_from(["", "", "!"])) + text


def admits(text: str, address: IPv4Address | IPv6Address) -> bool:
    """What sshd(8) and PATTERNS of ssh_config(5) say, on the text of an address and on networks."""
    found = False
    for part in text.split(","):
        pattern = part.removeprefix("!")
        fits = fnmatchcase(str(address), pattern) if "*" in pattern else address in ip_network(pattern)
        if fits and part != pattern:
            return False
        found = found or fits
    return found


@given(st.lists(patterns(), min_size=1, max_size=4), st.lists(ADDRESSES, min_size=1, max_size=8))
def test_from(some: list[str], addresses: list[IPv4Address | IPv6Address]) -> None:
    """Whatever is taken means for every address what it means for sshd."""
    text = ",".join(some)
    try:
        access = Access(*parse_from(text))
    except ValueError:
        return
    for address in (*addresses, *(ip_address(one.strip("!")) for one in some if _is_address(one))):
        assert admits(text, address) is access.admits(address.packed)


def _is_address(pattern: str) -> bool:
    return "*" not in pattern and "/" not in pattern


@given(
    st.lists(NAMES, min_size=1, max_size=3, unique=True),
    COMMENTS,
    st.sampled_from([None, "ssh:", "ssh:knock"]),
    st.binary(min_size=32, max_size=32),
)
def test_there_and_back(names: list[str], comment: str, application: str | None, public: bytes) -> None:
    """A line is read as it was written, whatever quotes and backslashes are in it."""
    line = KeyLine(PublicKey(public, application), comment)
    options = [(DOORS, ",".join(names)), (FROM, "192.0.2.0/24"), (EXPIRY, "20270101Z")]
    found = parse_authorized_keys(format_authorized(line, options).encode(), utc_seconds)
    assert () == found.problems
    (key,) = found.keys
    assert (tuple(names), comment, application, public) == (
        key.doors,
        key.comment,
        key.application,
        key.public,
    )


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    """They are keys or problems, each of one line."""
    found = parse_authorized_keys(data, utc_seconds)
    assert found.keys or found.problems
    assert all(problem.isprintable() for problem in found.problems)
