"""File bytes to raw sections: names, keys, per-host variants and line numbers, nothing judged further.

The line grammar of knockd 0.8 on the standard library's configparser. That parser keeps no line
numbers and merges sections of one name, so it is fed trimmed lines that begin with their number.

Pure.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from dataclasses import field
from typing import Final

from knockd_conf.classes import dataclass
from knockd_conf.errors import Problem, seen
from knockd_conf.fields import is_host_name

MAX_LINE: Final = 8_192
"""Longest line, in bytes; twice what 0.8 lets a command expand to."""

MAX_KEY: Final = 320
"""Longest text before ``=``, in characters: a key, and a host name in brackets."""

_UTF8: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
"""What some editors put in front of a file (Unicode, section 23.8)."""

_PLAIN: Final = re.compile(r"\w+\s*(?:=|$)")
_SPACE: Final = " \t\r\v\f"
_VARIANT: Final = re.compile(r"([^\[\]]*)\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class RawKey:
    """One ``key = value`` or ``key[host] = value``; ``value`` is None when the line has no ``=``."""

    line: int
    name: str
    host: str | None
    value: str | None
    continues: int | None = field(default=None, compare=False)
    """The line that this one may be the rest of: it ends with a backslash, or is less indented."""

    @property
    def written(self) -> str:
        """The key as a message names it."""
        return self.name if self.host is None else f"{self.name}[{self.host}]"


@dataclass(frozen=True, slots=True)
class RawSection:
    """One ``[name]`` with the keys that follow it, in file order; ``name`` is what the brackets hold."""

    path: str
    line: int
    name: str
    keys: tuple[RawKey, ...]


class _Parser(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def parse_sections(data: bytes, path: str) -> tuple[tuple[RawSection, ...], tuple[Problem, ...]]:
    """The sections of a file's bytes and everything that is wrong with its lines; never raises."""
    if b"\0" in data:
        return (), (_not_text(data, path),)
    problems: list[Problem] = []
    headers: list[tuple[int, str]] = []
    lines = _Lines(path, headers, problems)
    parser = _Parser(
        delimiters=("=",),
        comment_prefixes=("#",),
        inline_comment_prefixes=None,
        interpolation=None,
        allow_no_value=True,
        strict=False,
        default_section="",
    )
    parser.read_file(lines.read(data))
    lines.report()
    sections = []
    for index, (line, name) in enumerate(headers):
        keys = []
        for option, value in parser.items(str(index)):
            key = _key(option, value, path, problems, lines.continues)
            if key is not None:
                keys.append(key)
        sections.append(RawSection(path, line, name, tuple(keys)))
    return tuple(sections), tuple(problems)


def _not_text(data: bytes, path: str) -> Problem:
    """What a file with NUL bytes is."""
    if data.startswith(_UTF16) or data.count(0) * 3 > len(data):
        message = "expected UTF-8, got UTF-16: save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8"
        return Problem(path, None, None, message)
    return Problem(path, data[: data.index(0)].count(b"\n") + 1, None, "expected text, got a NUL byte")


class _Lines:
    """The lines of a file, for configparser; gathers what is wrong with them."""

    def __init__(self, path: str, headers: list[tuple[int, str]], problems: list[Problem]) -> None:
        self._path = path
        self._headers = headers
        self._problems = problems
        self._semicolons: list[int] = []
        self._before: tuple[int, int, bool] | None = None
        """Number of the line before, indentation of the last key, and whether it ends with a backslash."""
        self.continues: dict[int, int] = {}
        """For each line that may be the rest of another one, that one."""

    def read(self, data: bytes) -> Iterator[str]:
        """Lines for configparser: ``[index of section]`` and ``line-number key = value``."""
        # The mark that some editors put in front of UTF-8 is not part of the first line.
        for number, raw in enumerate(data.removeprefix(_UTF8).split(b"\n"), 1):
            try:
                line = _text(raw)
                if not line or line.startswith("#"):
                    continue
                yield from self._one(number, raw, line)
            except ValueError as error:
                self._problems.append(Problem(self._path, number, None, str(error)))

    def _one(self, number: int, raw: bytes, line: str) -> Iterator[str]:
        if line.startswith("["):
            self._headers.append((number, line[1:].rpartition("]")[0] or line[1:].rstrip("]")))
            self._before = None
            yield f"[{len(self._headers) - 1}]\n"
            if not line.endswith("]"):
                raise ValueError(f"expected a section header that ends with ']', got {seen(line)}")
            return
        if line.startswith((";", "//")):
            self._semicolons.append(number)
            return
        if not self._headers:
            if self._before is None:
                self._before = number, 0, False
                raise ValueError(
                    f"expected a section such as [options] before the first key, got {seen(line)}"
                )
            return
        if len(line.partition("=")[0]) > MAX_KEY:
            raise ValueError(f"expected a key of at most {MAX_KEY} characters, got {seen(line)}")
        indent = len(raw) - len(raw.lstrip())
        if self._before is not None and (
            self._before[2] or (indent > self._before[1] and not _PLAIN.match(line))
        ):
            self.continues[number] = self._before[0]
            indent = self._before[1]
        self._before = number, indent, line.endswith("\\")
        yield f"{number} {line}\n"

    def report(self) -> None:
        """Says what is wrong with several lines once for all of them."""
        if self._semicolons:
            first, *others = self._semicolons
            also = f" (also in {len(others)} more lines)" if others else ""
            message = f"expected '#' in front of a comment, got ';' or '//'{also}"
            self._problems.append(Problem(self._path, first, None, message))


def _text(raw: bytes) -> str:
    if len(raw) > MAX_LINE:
        raise ValueError(f"expected a line of at most {MAX_LINE} bytes, got {len(raw)}")
    if raw.lstrip().startswith(b"#"):
        return "#"  # 0.8 does not read comments, so neither does it matter what they are written in
    try:
        return raw.decode().strip(_SPACE)
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8, got byte 0x{raw[error.start]:02x}") from None


def _key(
    option: str, value: str | None, path: str, problems: list[Problem], continues: dict[int, int]
) -> RawKey | None:
    number, _, written = option.partition(" ")
    line, name = int(number), written.strip()
    rest_of = continues.get(line)
    host: str | None = None
    if "[" in name or "]" in name:
        match = _VARIANT.fullmatch(name)
        if match is not None and is_host_name(match[2].strip()):
            name, host = match[1].strip(), match[2].strip()
        elif rest_of is None:
            problems.append(Problem(path, line, None, f"expected key[hostname] = value, got {seen(name)}"))
            return None
    if not name:
        problems.append(Problem(path, line, None, f"expected a key before '=', got {seen(value or '')}"))
        return None
    return RawKey(line, name, host, value, rest_of)
