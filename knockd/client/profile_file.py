"""The text of the file of profiles: a section a profile, ``key = value`` a line, ``#`` or ``;`` a comment.

configparser keeps no line numbers, which every message here begins with, so the lines are read here.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from knockd.client.choices import OF_A_KEY, OF_SIGNED, PARSERS, WAYS, Choices, choose, show_choice, written
from knockd.client.hits import MAX_SHOWN, ServiceLookup, parse_hit, show, split_list
from knockd_conf.classes import NamedTuple

MAX_SIZE: Final = 1_048_576
"""Largest file, in bytes; callers read at most one byte more and let ``parse_profiles`` refuse it."""

KEYS: Final = ("host", "sequence", *PARSERS)
_WAYS: Final = ("sequence", *map(written, WAYS))
NEWLINE: Final = b"\n"
_BOM: Final = "\ufeff"
"""What some editors put in front of UTF-8."""


class Profile(NamedTuple):
    """One section: where to knock, and what. ``sequence`` holds ports as ``knock`` takes them.

    ``problems`` say what is wrong, each with file and line; such a profile is not to be used.
    """

    name: str
    host: str = ""
    sequence: tuple[str, ...] = ()
    choices: Choices = Choices()
    problems: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What is knocked there, in a word or two, without any secret."""
        if self.choices.key is not None:
            return f"key {self.choices.key}, door {self.choices.door}"
        if self.choices.sequence_file is not None:
            return f"one-time sequences {self.choices.sequence_file}"
        if self.choices.signed is not None:
            return f"signed with {self.choices.identity or 'a key of the agent'}, door {self.choices.door}"
        return "sequence"


class ProfileFile(NamedTuple):
    """The profiles by name, and problems that are of none of them."""

    profiles: Mapping[str, Profile]
    problems: tuple[str, ...] = ()


def parse_profiles(data: bytes, path: str, service: ServiceLookup) -> ProfileFile:
    """Everything that a file's bytes say; never raises. ``path`` is for the messages."""
    if len(data) > MAX_SIZE:
        return ProfileFile({}, (f"{path}: expected a file of at most {MAX_SIZE} bytes, got a larger one",))
    try:
        text = data.decode().removeprefix(_BOM)
    except UnicodeDecodeError as error:
        place = f"{path}:{data.count(NEWLINE, 0, error.start) + 1}"
        got = f"byte 0x{data[error.start]:02x}"
        return ProfileFile({}, (f"{place}: expected UTF-8, got {got}; save it as UTF-8",))
    sections: dict[str, _Section] = {}
    problems: list[str] = []
    section: _Section | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            # Where the name is no good, the keys behind it are not those of the profile before.
            section = _Section(path, number, service)
            try:
                name = _section_name(line)
            except ValueError as error:
                problems.append(f"{path}:{number}: {error}")
                continue
            if sections.setdefault(name, section) is not section:
                sections[name].repeat(name, number)
        elif section is None:
            problems.append(
                f"{path}:{number}: expected [name of a profile] before the first key, got {show(line)}"
            )
        else:
            section.add(number, line)
    return ProfileFile({name: section.profile(name) for name, section in sections.items()}, tuple(problems))


def format_profile(profile: Profile) -> str:
    """The lines of a profile, as ``parse_profiles`` reads them."""
    said = {"host": profile.host, "sequence": ", ".join(profile.sequence)}
    said |= {written(name): show_choice(one) for name, one in profile.choices._asdict().items()}
    return "".join([f"[{profile.name}]\n", *(f"{word} = {text}\n" for word, text in said.items() if text)])


class _Section:
    """The lines of one profile as they are read."""

    def __init__(self, path: str, line: int, service: ServiceLookup) -> None:
        self.line = line
        self._path = path
        self._service = service
        self._host = ""
        self._sequence: tuple[str, ...] = ()
        self._choices = Choices()
        self._lines: dict[str, int] = {}
        self._problems: list[str] = []

    def repeat(self, name: str, number: int) -> None:
        """There is another section of its name: which one is meant nobody can know."""
        text = f"expected one profile [{name}], got one in line {self.line} too; give it another name"
        self._problems.append(f"{self._path}:{number}: {text}")

    def add(self, number: int, line: str) -> None:
        """Take a line ``key = value``; what is wrong with it is a problem of this profile."""
        word, equals, value = (part.strip() for part in line.partition("="))
        word = word.lower().replace("_", "-")
        try:
            if not equals:
                raise ValueError(f"expected key = value, got {show(line)}")
            if word not in KEYS:
                raise ValueError(_unknown(word))
            if word in self._lines:
                raise ValueError(f"expected it once, got it in line {self._lines[word]} too; take one out")
            self._lines[word] = number
            self._set(word, value)
        except ValueError as error:
            shown = f"{word}: " if word in KEYS and equals else ""
            self._problems.append(f"{self._path}:{number}: {shown}{error}")

    def _set(self, word: str, value: str) -> None:
        match word:
            case "host":
                if not value or not value.isprintable():
                    raise ValueError(f"expected a name or an address, got {show(value)}")
                self._host = value
            case "sequence":
                self._sequence = tuple(split_list(value.split()))
                if not self._sequence:
                    raise ValueError("expected ports divided by commas or spaces, got ''")
                for text in self._sequence:
                    parse_hit(text, self._service)
            case _:
                self._choices = choose(self._choices, word, value)

    def profile(self, name: str) -> Profile:
        """The profile, with what is wrong with it as a whole."""
        whole = tuple(f"{self._path}:{self.line}: [{name}]: {text}" for text in self._lacking())
        problems = (*self._problems, *whole)
        return Profile(name, self._host, self._sequence, self._choices, problems)

    def _lacking(self) -> Iterator[str]:
        ways = [one for one in _WAYS if one in self._lines]
        if "host" not in self._lines:
            yield "expected host = NAME OR ADDRESS, got none"
        if not ways:
            yield f"expected {', '.join(_WAYS[:-1])} or {_WAYS[-1]}, got none of them"
        if len(ways) > 1:
            hint = "; the key of a signed knock is identity" if {"key", "signed"} <= set(ways) else ""
            yield f"expected one of {', '.join(_WAYS[:-1])} and {_WAYS[-1]}, got {' and '.join(ways)}{hint}"
        for way in ("key", "signed"):
            if way in self._lines and "door" not in self._lines:
                yield f"expected door with {way} (the name that the door has in knockd.conf), got none"
        if "signed" in self._lines and "secret" not in self._lines:
            yield "expected secret with signed (a file with the server's knock secret), got none"
        for takers, words in (("key",), OF_A_KEY), (("signed",), OF_SIGNED), (("key", "signed"), ("door",)):
            if not set(takers) & set(self._lines):
                only = " or ".join(takers)
                yield from (
                    f"expected {one} only with {only}, got it without" for one in words if one in self._lines
                )
        if "tries" in self._lines and "verify" not in self._lines:
            yield "expected verify with tries, got none"


def is_profile_name(text: str) -> bool:
    """Whether a profile can have this name: one that can be written in brackets and is no option."""
    good = text == text.strip() and text.isprintable() and not set(text) & set("[]")
    return good and bool(text) and text[0] != "-"


def _section_name(line: str) -> str:
    name = line[1:].removesuffix("]").strip()
    if not line.endswith("]") or not is_profile_name(name):
        raise ValueError(f"expected [name of a profile], got {show(line)}")
    return name


def _unknown(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word[:MAX_SHOWN], KEYS, 1)
    advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(KEYS)}"
    return f"expected a key of a profile, got {show(word)}; {advice}"
