"""URIs as text: parts, escapes, hosts."""

from __future__ import annotations

import re

import pytest

from knockd_conf.uri_text import MAX_SIZE, Parts, encode_host, encode_part, split_uri

KNOWN = {"a", "b"}
NOT_HOST = "host: expected a name, an IPv4 address, or an IPv6 address in brackets"
NOT_NAMED = "expected NAME=VALUE with a name in lower case"


def split(text: str) -> Parts:
    """The parts of a URI that knows a and b."""
    return split_uri(text, "knock", KNOWN, ", only a and b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("knock://h/d", Parts("h", "d", {})),
        ("knock://h/d?", Parts("h", "d", {})),
        ("knock://h/d?a=1&b=", Parts("h", "d", {"a": "1", "b": ""})),
        (
            "knock://h:80/%20d%C3%bc%2F?b=%26%3d&a=x=y/?:@",
            Parts("h", " d\u00fc/", {"b": "&=", "a": "x=y/?:@"}),
        ),
        ("knock://[2001:db8::7]:4711/d", Parts("2001:db8::7", "d", {})),
        ("knock://[::ffff:192.0.2.1]/d", Parts("::ffff:192.0.2.1", "d", {})),
    ],
)
def test_parts(text: str, parts: Parts) -> None:
    """Host, path and parameters are there without what divides and escapes them; a port says nothing."""
    assert parts == split(text)


@pytest.mark.parametrize(
    "host",
    ["a", "1a", "a-b.example", "a_b", "192.0.2.255", "0.0.0.0", "x" * 63 + ".y", ".".join(["x" * 62] * 4)],
)
def test_hosts(host: str) -> None:
    """Names of hosts and IPv4 addresses are hosts."""
    assert host == split(f"knock://{host}/d").host


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "a..b",
            ".a",
            "a.",
            "-a",
            "a-",
            "a%2e",
            "192.0.2.256",
            "192.0.2",
            "1.2.3.4.5",
            "01.2.3.4",
            "4711",
        ),
        *(
            "x" * 64,
            ".".join(["x" * 63] * 4),
            "[::1",
            "[]",
            "[1.2.3.4]",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]",
            "::1",
        ),
    ],
)
def test_no_hosts(host: str) -> None:
    """Anything else is none."""
    with pytest.raises(ValueError, match=re.escape(NOT_HOST)):
        split(f"knock://{host}/d")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * (MAX_SIZE + 1), f"expected at most {MAX_SIZE} characters, got {MAX_SIZE + 1}"),
        ("knock://h/\u00fc", "expected a URI of ASCII characters without spaces: others are written as %XX"),
        ("knock://h/a b", "expected a URI of ASCII characters without spaces: others are written as %XX"),
        ("knock://h/d\n", "expected a URI of ASCII characters without spaces: others are written as %XX"),
        ("", "expected a URI that begins with knock://"),
        ("https://h/d", "expected a URI that begins with knock://"),
        ("knock:h/d", "expected a URI that begins with knock://"),
        ("knock://h/d?a=1#b", "expected nothing behind the parameters, got a #"),
        ("knock://h", "expected a / behind the host, got none"),
        ("knock://h?a=/", "expected a / behind the host, got none"),
        ("knock://me@h/d", "host: expected a name or an address, got a user in front of it"),
        ("knock://h:x/d", "host: expected a number behind its colon"),
        ("knock://[::1]80/d", "host: expected a number behind its colon"),
        ("knock://h:123456/d", "host: expected a number behind its colon"),
        ("knock://h/", "door: expected a name of 1 to 128 bytes"),
        ("knock://h/%20", "door: expected a name of 1 to 128 bytes"),
        (f"knock://h/{'%C3%BC' * 65}", "door: expected a name of 1 to 128 bytes"),
        ("knock://h/a/b", "door: expected one name behind the host; a slash in it is written as %2F"),
        ("knock://h/%2", "door: expected two hexadecimal digits behind each %"),
        ("knock://h/a%0Ab", "door: expected a name without control characters"),
        ("knock://h/%E2%80%AE", "door: expected a name without control characters"),
        ("knock://h/%FF", "door: expected UTF-8 behind the %"),
        ("knock://h/d?a=%x", "a: expected two hexadecimal digits behind each %"),
        ("knock://h/d?a=%C3", "a: expected UTF-8 behind the %"),
        ("knock://h/d?a=1&a=2", "a: expected once, got twice"),
        ("knock://h/d?a=1&&b=1", f"parameter 2: {NOT_NAMED}"),
        ("knock://h/d?a", f"parameter 1: {NOT_NAMED}"),
        ("knock://h/d?A=1", f"parameter 1: {NOT_NAMED}"),
        ("knock://h/d?c=1", "parameter 1: 'c' is not known, only a and b"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    """Each mistake is named, and what was seen is not shown: it may be a secret."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        split(text)


def test_escapes() -> None:
    """All but unreserved characters are escaped."""
    assert "aZ0-._~%2F%3F%23%25%20%C3%BC%2B" == encode_part("aZ0-._~/?#% \u00fc+")
    assert "[::1]" == encode_host("::1")
    assert "192.0.2.1" == encode_host("192.0.2.1")
