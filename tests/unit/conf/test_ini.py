"""Bytes of a file to sections: lines counted, keys divided, nothing judged."""

from __future__ import annotations

import pytest

from knockd_conf.ini import MAX_KEY, MAX_LINE, RawKey, RawSection, parse_sections


def sections(data: bytes) -> tuple[RawSection, ...]:
    """The sections of a file without mistakes."""
    found, problems = parse_sections(data, "k")
    assert () == problems
    return found


def keys(line: bytes) -> tuple[RawKey, ...]:
    """The keys of a section that has one line."""
    (section,) = sections(b"[a]\n" + line)
    return section.keys


def mistakes(data: bytes) -> list[str]:
    """What is wrong with a file."""
    return [str(problem) for problem in parse_sections(data, "k")[1]]


def test_sections_of_one_name_stay_apart() -> None:
    """Each section has its own keys, each key its line."""
    assert (
        RawSection("k", 1, "a", (RawKey(2, "x", None, "1"), RawKey(4, "y", None, "2"))),
        RawSection("k", 5, "a", (RawKey(6, "x", None, "3"),)),
    ) == sections(b"[a]\nx=1\n\n y = 2 \n[a]\nx=3")


def test_a_key_given_twice_is_two_keys() -> None:
    """Which one counts is not decided here."""
    assert (RawKey(2, "x", None, "1"), RawKey(3, "x", None, "2")) == keys(b"x=1\nx=2\n")


@pytest.mark.parametrize(
    ("line", "name", "host", "value"),
    [
        (b"x", "x", None, None),
        (b"x=", "x", None, ""),
        (b"X = a = b", "X", None, "a = b"),
        (b"x=a # b ; c", "x", None, "a # b ; c"),
        (b"x: y = z", "x: y", None, "z"),
        (b"\t x[web1] = 2\r", "x", "web1", "2"),
        (b"x [ web1.example ]=2", "x", "web1.example", "2"),
        ("x=\u00fc".encode(), "x", None, "\u00fc"),
        (b"x=%(y)s", "x", None, "%(y)s"),
    ],
)
def test_a_line(line: bytes, name: str, host: str | None, value: str | None) -> None:
    """The first ``=`` divides key and value; a value is literal; a host is in brackets."""
    assert (RawKey(2, name, host, value),) == keys(line)


def test_how_a_message_names_a_key() -> None:
    """With its host, when it has one."""
    assert "x" == RawKey(1, "x", None, None).written
    assert "x[web1]" == RawKey(1, "x", "web1", None).written


@pytest.mark.parametrize("data", [b"", b"\n \n", b"# a\n #b\n", b"# \xff\xfe\n", b"\xef\xbb\xbf# a"])
def test_nothing(data: bytes) -> None:
    """Blank lines and comments, in whatever encoding, are skipped."""
    assert () == sections(data)


def test_bounds() -> None:
    """The longest line and the longest key, and one byte or character more."""
    longest = b"x=" + b"v" * (MAX_LINE - 2)
    assert len(longest) == MAX_LINE
    assert "v" * (MAX_LINE - 2) == keys(longest)[0].value
    assert [f"k:2: expected a line of at most {MAX_LINE} bytes, got {MAX_LINE + 1}"] == mistakes(
        b"[a]\n" + longest + b"v"
    )
    assert "k" * MAX_KEY == keys(b"k" * MAX_KEY + b"=1")[0].name
    assert mistakes(b"[a]\n" + b"k" * (MAX_KEY + 1) + b"=1")[0].startswith(
        f"k:2: expected a key of at most {MAX_KEY} characters, got 'kkk"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x=1", "k:1: expected a section such as [options] before the first key, got 'x=1'"),
        (b"\n[a", "k:2: expected a section header that ends with ']', got '[a'"),
        (b"[a]\n=1", "k:2: expected a key before '=', got '1'"),
        (b"[a]\n[h]=1", "k:2: expected a section header that ends with ']', got '[h]=1'"),
        (b"[a]\nx[=1", "k:2: expected key[hostname] = value, got 'x['"),
        (b"[a]\nx[-]=1", "k:2: expected key[hostname] = value, got 'x[-]'"),
        (b"[a]\nx=\xff", "k:2: expected UTF-8, got byte 0xff"),
        (b"[a]\nx=\0", "k:2: expected text, got a NUL byte"),
    ],
)
def test_a_bad_line(data: bytes, message: str) -> None:
    """A message has the line's number."""
    assert [message] == mistakes(data)


def test_every_mistake_at_once() -> None:
    """A bad line spoils no other, and a header that is not closed opens a section all the same."""
    found, problems = parse_sections(b"y=0\n[a\nx=1\n=2\nz=3", "k")
    assert (RawSection("k", 2, "a", (RawKey(3, "x", None, "1"), RawKey(5, "z", None, "3"))),) == found
    assert [1, 2, 4] == sorted(problem.line for problem in problems if problem.line is not None)
