"""From a path to a Config: read, include, judge, build. All is good, or ConfigError says what is not.

World: names of hosts.
"""

from __future__ import annotations

import glob
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Final

from knockd_conf import ini, keys, source, templates, values
from knockd_conf.access import Access, Networks, settle_access
from knockd_conf.classes import dataclass
from knockd_conf.doors import Builder, Resolve
from knockd_conf.errors import ConfigError, Note, Problem, seen
from knockd_conf.fleet_doors import find_fleet_problems, settle_fleet
from knockd_conf.ini import RawKey, RawSection
from knockd_conf.model import Config, Door, Options
from knockd_conf.signed_doors import find_signed_problems, settle_signed
from knockd_conf.trust import TrustPolicy
from knockd_conf.values import Entry

MAX_DEPTH: Final = 8
"""How deep includes may nest: the main file is at depth 0."""

MAX_FILES: Final = 256


def system_resolver(name: str) -> Sequence[str]:
    """The addresses of a host name by the system's resolver. Raises OSError with the resolver's reason."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class RefusedError(ConfigError):
    """A configuration that is bad; ``options`` is what its [options] say, as far as that is good."""

    def __init__(self, problems: Iterable[Problem], options: Options) -> None:
        super().__init__(problems)
        self.options = options


def load(
    path: str,
    *,
    given: Sequence[tuple[str, bytes]] | None = None,
    host: str | None = None,
    trust: TrustPolicy | None = None,
    resolve: Resolve = system_resolver,
    is_user: Callable[[str], bool] = lambda _: True,
) -> Config:
    """The configuration in ``path`` and the files it includes, as it holds on ``host``.

    ``given`` are the names and contents of the files that were read for it once (``Config.files``,
    ``Config.texts``): then no file is read.
    ``host`` (default: this machine's name) chooses among ``key[host]`` variants; ``trust`` (default:
    TrustPolicy.current()) says whose files are refused; ``resolve`` looks up host names in Target,
    ``is_user`` knows the users of this system (default: whoever is named is one).
    Raises ConfigError, and nothing else, with every problem of every file.
    """
    reader = _Reader(host or socket.gethostname(), trust or TrustPolicy.current())
    try:
        if given is None:
            reader.read(_tidy(path if os.path.isabs(path) else os.path.join(os.getcwd(), path)), ())
        for name, data in given or ():
            reader.take(name, data)
    except OSError as error:
        raise ConfigError(
            [Problem(path, None, None, f"expected a working directory, got '{error.strerror}'")]
        ) from None
    entries: dict[tuple[str, int], tuple[Entry, ...]] = {}
    reader.set_misnamed_aside()
    for section in reader.sections:
        judged = values.judge_section(section)
        entries[section.path, section.line] = judged.entries
        reader.problems += judged.problems
        reader.notes += judged.notes
    stated = [
        entry for one in reader.sections if one.name == keys.OPTIONS for entry in entries[one.path, one.line]
    ]
    doors, problems, notes = templates.arrange_sections(
        [one for one in reader.sections if one.name != keys.OPTIONS],
        signed=any(entry.key is keys.SIGNED_PORT and entry.value for entry in stated),
    )
    reader.problems += problems
    reader.notes += notes
    chosen = values.choose_entries([entry for entry in stated if entry.key is not keys.INCLUDE], reader.host)
    reader.problems += _unknown_user(chosen.get("user"), is_user)
    options = Options(**{name: entry.value for name, entry in chosen.items()})
    signed = bool(options.signed_port)
    builder = Builder(reader.host, entries, resolve, signed, reader.problems, reader.notes)
    made = (door for door in map(builder.make_door, doors) if door is not None)
    built = _numbered(settle_fleet(settle_signed(door, options), options) for door in made)
    reader.problems += _shared_files(built)
    reader.problems += _shared_sequences(built)
    reader.problems += find_signed_problems(built, options)
    places = {name: entry.place for name, entry in chosen.items()}
    named = any(_names_fleet(one) for one in reader.sections if one.name == keys.OPTIONS)
    reader.problems += find_fleet_problems(built, options, places, named=named)
    if reader.problems:
        order = {name: index for index, name in enumerate(reader.files)}
        raise RefusedError(
            sorted(
                dict.fromkeys(reader.problems),
                key=lambda one: (order.get(one.path, len(order)), one.line or 0),
            ),
            options,
        )
    return Config(
        path=reader.files[0],
        options=options,
        doors=tuple(_with_access(built, options)),
        host=reader.host,
        files=tuple(reader.files),
        texts=tuple(reader.texts),
        notes=tuple(reader.notes),
        places=tuple(places.items()),
    )


def _numbered(doors: Iterable[Door]) -> tuple[Door, ...]:
    """The doors with their occurrences: two sections of one name are two doors."""
    seen_so_far: dict[str, int] = {}
    numbered = []
    for door in doors:
        occurrence = seen_so_far.get(door.name, 0)
        seen_so_far[door.name] = occurrence + 1
        numbered.append(replace(door, occurrence=occurrence))
    return tuple(numbered)


def _with_access(doors: Iterable[Door], options: Options) -> Iterator[Door]:
    """The doors with who may knock; those for the same people share the value."""
    settled: dict[tuple[Networks | None, Networks], Access | None] = {}
    for door in doors:
        key = door.allow, door.deny
        if key not in settled:
            settled[key] = settle_access(*key, options.allow, options.deny)
        yield replace(door, access=settled[key])


def _tells_sequence(section: RawSection) -> bool:
    """Whether who reads a section knows a sequence of knocks: other doors have theirs in files, or none."""
    return any(key.name.lower() == keys.SEQUENCE.name.lower() for key in section.keys)


def _names_fleet(section: RawSection) -> bool:
    """Whether a section has a Fleet, for whatever host, good or bad."""
    return any(key.name.lower() == keys.FLEET.name.lower() for key in section.keys)


def _unknown_user(entry: Entry | None, is_user: Callable[[str], bool]) -> Iterator[Problem]:
    if entry is not None and not is_user(entry.value):
        message = f"expected a user of this system other than root, got {seen(entry.value)}"
        yield Problem(entry.path, entry.raw.line, entry.key.name, message)


def _shared_files(doors: Sequence[Door]) -> Iterator[Problem]:
    """Each line of a one-time file opens one door once: a second door of the file would take it again."""
    owners: dict[str, str] = {}
    for door in doors:
        if door.one_time_file is not None and owners.setdefault(door.one_time_file, door.name) != door.name:
            owner = owners[door.one_time_file]
            message = (
                f"expected a file of its own, got {seen(door.one_time_file)}, which is that of [{owner}]"
            )
            yield Problem(door.path, door.line, keys.ONE_TIME.name, message)


def _shared_sequences(doors: Sequence[Door]) -> Iterator[Problem]:
    """Sequences are made of the name of their door: of two of one name one would open what was used at the
    other, for who has heard it.
    """
    first: dict[str, Door] = {}
    for door in doors:
        if door.sequence_key is not None and first.setdefault(door.name, door) is not door:
            message = (
                "expected another name than that of a door with a key before it: both would have the same"
                f" sequences; got {seen(door.name)}, as in line {first[door.name].line}"
            )
            yield Problem(door.path, door.line, keys.SEQUENCE_KEY.name, message)


@dataclass(slots=True)
class _Reader:
    """Reads files and those they include, in order, and gathers their sections."""

    host: str
    policy: TrustPolicy
    files: list[str] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    sections: list[RawSection] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def read(self, path: str, chain: tuple[tuple[int, int], ...], asked: Problem | None = None) -> None:
        """Read ``path`` and what it includes. ``chain`` holds the files above it, ``asked`` the Include."""
        found = source.read_source(path, self.policy)
        if asked is not None and found.identity in chain:
            self._report(asked, f"expected files that do not include themselves, got a loop to {seen(path)}")
            return
        if found.identity in self._seen:
            self.notes.append(Note(path, None, None, "included more than once, read once"))
            return
        self.problems += found.problems
        if found.data is None or found.identity is None:
            self.files.append(path)
            return
        self._seen.add(found.identity)
        sections = self.take(path, found.data)
        if found.note is not None and any(_tells_sequence(section) for section in sections):
            self.notes.append(found.note)
        for section in sections:
            for key in section.keys if section.name == keys.OPTIONS else ():
                if key.name.lower() == keys.INCLUDE.name.lower() and key.value:
                    self._include(path, key, (*chain, found.identity))

    def take(self, path: str, data: bytes) -> Sequence[RawSection]:
        """Takes the contents of a file; returns its sections."""
        self.files.append(path)
        self.texts.append(data)
        sections, problems = ini.parse_sections(data, path)
        self.sections += sections
        self.problems += problems
        return sections

    def _include(self, path: str, key: RawKey, chain: tuple[tuple[int, int], ...]) -> None:
        if values.closeness(key.host, self.host) is None or not key.value:
            return
        asked = Problem(path, key.line, key.written, "")
        value = os.fsdecode(key.value.encode())  # the file is UTF-8, whatever the locale is
        pattern = _tidy(os.path.join(os.path.dirname(path), value))
        wild = any(c in value for c in "*?[")
        folder = os.path.dirname(pattern) or "."
        if wild and not any(c in os.path.dirname(_tidy(value)) for c in "*?["):
            self.problems += source.judge_folder(folder, self.policy)
        try:
            found = sorted(glob.glob(_escaped(path, value))) if wild else [pattern]
            exists = wild or os.path.lexists(pattern)
        except (OSError, ValueError):
            exists = False
        if not exists:
            self._report(asked, f"expected a file that exists, got {seen(key.value)}")
            return
        if not found:
            self.notes.append(Note(path, key.line, key.written, f"no file matches {seen(key.value)}"))
        if found and len(chain) > MAX_DEPTH:
            self._report(asked, f"expected at most {MAX_DEPTH} levels of Include, got one more")
            return
        for name in found:
            if len(self.files) >= MAX_FILES:
                self._report(asked, f"expected at most {MAX_FILES} files, got more")
                return
            self.read(name, chain, asked)

    def set_misnamed_aside(self) -> None:
        """Reports sections that are meant to be [options]; their keys are judged when the name is right."""
        misnamed = [one for one in self.sections if templates.is_misnamed(one)]
        for one in misnamed:
            message = f"expected [{keys.OPTIONS}], in lower case, got {seen(f'[{one.name}]')}"
            self.problems.append(Problem(one.path, one.line, None, message))
        self.sections = [one for one in self.sections if one not in misnamed]

    def _report(self, asked: Problem, message: str) -> None:
        self.problems.append(Problem(asked.path, asked.line, asked.key, message))


def _escaped(path: str, pattern: str) -> str:
    """``pattern`` below the directory of ``path``, whose own name holds no wildcards."""
    return _tidy(os.path.join(glob.escape(os.path.dirname(path)), pattern))


def _tidy(path: str) -> str:
    """``path`` without what names nothing: double slashes and dots. (pathlib is 1 MB: it imports urllib.)"""
    parts = (part for part in path.split("/") if part not in ("", "."))
    return f"{'/' * os.path.isabs(path)}{'/'.join(parts)}"
