"""File bytes to raw sections: names, keys, per-host variants and line numbers, nothing judged further.

The line grammar of knockd 0.8 on the standard library's configparser. That parser keeps no line
numbers and merges sections of one name, so it is fed trimmed lines that begin with their number.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from knockd_conf.errors import Problem, seen
from knockd_conf.fields import is_host_name

MAX_LINE: Final = 8_192
"""Longest line, in bytes; twice what 0.8 lets a command expand to."""

MAX_KEY: Final = 320
"""Longest text before ``=``, in characters: a key, and a host name in brackets."""

_SPACE: Final = " \t\r\v\f"
_VARIANT: Final = re.compile(r"([^\[\]]*)\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class RawKey:
    """One ``key = value`` or ``key[host] = value``; ``value`` is None when the line has no ``=``."""

    line: int
    name: str
    host: str | None
    value: str | None

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


def parse(data: bytes, path: str) -> tuple[tuple[RawSection, ...], tuple[Problem, ...]]:
    """The sections of a file's bytes and everything that is wrong with its lines; never raises."""
    problems: list[Problem] = []
    headers: list[tuple[int, str]] = []
    parser = _Parser(
        delimiters=("=",),
        comment_prefixes=("#",),
        inline_comment_prefixes=None,
        interpolation=None,
        allow_no_value=True,
        strict=False,
        default_section="",
    )
    parser.read_file(_numbered(data, path, headers, problems))
    sections = []
    for index, (line, name) in enumerate(headers):
        keys = []
        for option, value in parser.items(str(index)):
            key = _key(option, value, path, problems)
            if key is not None:
                keys.append(key)
        sections.append(RawSection(path, line, name, tuple(keys)))
    return tuple(sections), tuple(problems)


def _numbered(
    data: bytes, path: str, headers: list[tuple[int, str]], problems: list[Problem]
) -> Iterator[str]:
    """Lines for configparser: ``[index of section]`` and ``line-number key = value``."""
    # The mark that some editors put in front of UTF-8 is not part of the first line.
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = _text(raw)
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                headers.append((number, line[1:].rpartition("]")[0] or line[1:].rstrip("]")))
                yield f"[{len(headers) - 1}]\n"
                if not line.endswith("]"):
                    raise ValueError(f"expected a section header that ends with ']', got {seen(line)}")
                continue
            if not headers:
                raise ValueError(
                    f"expected a section such as [options] before the first key, got {seen(line)}"
                )
            if len(line.partition("=")[0]) > MAX_KEY:
                raise ValueError(f"expected a key of at most {MAX_KEY} characters, got {seen(line)}")
            yield f"{number} {line}\n"
        except ValueError as error:
            problems.append(Problem(path, number, None, str(error)))


def _text(raw: bytes) -> str:
    if len(raw) > MAX_LINE:
        raise ValueError(f"expected a line of at most {MAX_LINE} bytes, got {len(raw)}")
    if b"\0" in raw:
        raise ValueError("expected text, got a NUL byte")
    if raw.lstrip().startswith(b"#"):
        return "#"  # 0.8 does not read comments, so neither does it matter what they are written in
    try:
        return raw.decode().strip(_SPACE)
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8, got byte 0x{raw[error.start]:02x}") from None


def _key(option: str, value: str | None, path: str, problems: list[Problem]) -> RawKey | None:
    number, _, written = option.partition(" ")
    line, name = int(number), written.strip()
    host: str | None = None
    if "[" in name or "]" in name:
        match = _VARIANT.fullmatch(name)
        if match is None or not is_host_name(match[2].strip()):
            problems.append(Problem(path, line, None, f"expected key[hostname] = value, got {seen(name)}"))
            return None
        name, host = match[1].strip(), match[2].strip()
    if not name:
        problems.append(Problem(path, line, None, f"expected a key before '=', got {seen(value or '')}"))
        return None
    return RawKey(line, name, host, value)
