"""What is to be said of key files: which doors wait for a key, and whose key opens nothing soon.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note
from knockd_conf.key_file import KeyFile
from knockd_conf.model import ClockTrust, Config, Door
from knockd_conf.rotating import opens_on

KeyFiles = Mapping[str, KeyFile | str]
"""What each key file holds, by its path, or why it cannot be read."""

SOON: Final = 14
"""Days before its last one in which a key is named."""


MISSING: Final = "No such file or directory"
"""Why a key file cannot be read that is not there, in the words of every libc."""

WAITS: Final = "the door waits"
"""The end of each note about a door that no key opens."""


class Days(NamedTuple):
    """Dates of this host as YYYY-MM-DD: today, and the day in ``SOON`` days."""

    today: str
    soon: str


ELSEWHERE: Final = "is on another host"
"""Stands for the file of a configuration that is not this host's."""


class DoorKeys(NamedTuple):
    """The names of the keys that open a door today, None where they are on another host.

    Without a name the door waits, and ``waits`` says for what.
    """

    names: tuple[str, ...] | None = ()
    waits: str = ""


def find_keys(doors: Sequence[Door], files: KeyFiles, today: str) -> tuple[DoorKeys | None, ...]:
    """The keys of every door, None for a door that has no Sequence_Key."""
    return tuple(
        None if door.sequence_key is None else _find_keys(files[door.sequence_key], today) for door in doors
    )


def _find_keys(file: KeyFile | str, today: str) -> DoorKeys:
    if file == ELSEWHERE:
        return DoorKeys(None)
    if isinstance(file, str):
        return DoorKeys(waits="its key file cannot be used")
    if file.problems:
        return DoorKeys(waits="its key file has a mistake")
    names = tuple(key.name for key in file.keys if opens_on(key, today))
    return DoorKeys(names, "" if names else "every key of its file has expired")


def find_key_notes(config: Config, files: KeyFiles, days: Days, *, starting: bool = False) -> Iterator[Note]:
    """Yields a note for all that keeps a key from opening a door, now or soon; no key is shown.

    ``starting``: but for what is wrong now, which the daemon says itself as soon as it reads the files.
    """
    if not starting:
        yield from _find_problems(config, files, days)
    for door in config.doors:
        file = None if door.sequence_key is None else files[door.sequence_key]
        if isinstance(file, KeyFile):
            yield from _find_ends(door, file, days)


def find_clock_notes(config: Config, loose: str) -> Iterator[Note]:
    """Yields a note where doors with keys wait for the clock; ``loose``: why it is not synchronised."""
    keyed = ["Sequence_Key"] * any(door.sequence_key is not None for door in config.doors)
    keyed += ["Signed_Port"] * any(door.is_signed for door in config.doors)
    if loose and keyed and config.options.clock is ClockTrust.SYNCHRONISED:
        yield config.note(
            "clock",
            f"the clock is not synchronised now ({loose}), and doors with {' or '.join(keyed)} wait until it"
            " is: let NTP set it, or write Clock = trust where a battery keeps it",
        )


def _find_problems(config: Config, files: KeyFiles, days: Days) -> Iterator[Note]:
    for path in dict.fromkeys(door.sequence_key for door in config.doors):
        file = None if path is None else files[path]
        if path is not None and isinstance(file, KeyFile):
            yield from (Note(path, None, None, problem) for problem in file.problems)
    for door in config.doors:
        if door.sequence_key is not None:
            yield from _find_door_problems(door, door.sequence_key, files[door.sequence_key], days.today)


def _find_door_problems(door: Door, path: str, file: KeyFile | str, today: str) -> Iterator[Note]:
    if isinstance(file, str):
        cure = f", make it with 'knockctl keygen NAME --file {quote(path)}'" if file == MISSING else ""
        yield door.note("sequence_key", f"{path}: {file}{cure}: {WAITS}")
        return
    if file.problems:
        yield door.note("sequence_key", f"{path} has a mistake, so no key of it counts: {WAITS}")
        return
    alive = [key for key in file.keys if opens_on(key, today)]
    if not alive:
        yield door.note("sequence_key", f"every key of {path} has expired: {WAITS}")
        return
    for key in file.keys:
        if key not in alive:
            message = f"key {key.name} of {path} has expired ({key.expires}): it opens nothing"
            yield door.note("sequence_key", message)


def _find_ends(door: Door, file: KeyFile, days: Days) -> Iterator[Note]:
    """Yields a note for each key whose last day is near."""
    for key in file.keys:
        if opens_on(key, days.today) and not opens_on(key, days.soon):
            message = f"key {key.name} of {door.sequence_key} opens until {key.expires} only"
            yield door.note("sequence_key", message)
