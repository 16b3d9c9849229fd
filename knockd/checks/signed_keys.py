"""What is to be said of the files of signed knocks: which doors wait, and whose key opens nothing soon.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from shlex import quote
from typing import Final

from knockd.checks.keys import MISSING, WAITS, DoorKeys
from knockd_conf.authorized_keys import DOORS, EMPTY, AuthorizedFile, AuthorizedKey
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note, seen
from knockd_conf.model import Config, Door
from knockd_conf.text import printable

SOON: Final = 30
"""Days before its end in which a key is named."""

ALL_WAIT: Final = "all doors with a Signed_Port wait"
"""The end of a note about several doors that no key opens."""

_DAY: Final = 86_400


class SignedFiles(NamedTuple):
    """What the files of signed knocks hold on this host.

    ``secret``: why the knock secret cannot be used, empty: it can. ``keys``: what each file of keys holds,
    by its path, or why it cannot be read. ``now``: seconds since the epoch.
    """

    secret: str = ""
    keys: Mapping[str, AuthorizedFile | str] = {}
    now: float = 0.0


def name_key(key: AuthorizedKey) -> str:
    """What a key is called: its comment, else its fingerprint."""
    return key.comment or key.fingerprint


def opens(key: AuthorizedKey, door: Door, now: float) -> bool:
    """Whether a key may open a door at a time."""
    return (key.doors is None or door.name in key.doors) and not _has_ended(key, now)


def _has_ended(key: AuthorizedKey, now: float) -> bool:
    return key.expires is not None and key.expires < now


def find_signed_keys(doors: Sequence[Door], files: SignedFiles | None) -> tuple[DoorKeys | None, ...]:
    """The keys whose signed knocks open each door now, None for a door that has no Signed_Port.

    ``files``: None where they are on another host.
    """
    return tuple(_find_keys(door, files) if door.is_signed else None for door in doors)


def _find_keys(door: Door, files: SignedFiles | None) -> DoorKeys:
    if files is None:
        return DoorKeys(None)
    if files.secret:
        return DoorKeys(waits="the knock secret cannot be used")
    file = files.keys[str(door.authorized_keys)]
    if isinstance(file, str):
        return DoorKeys(waits="its file of keys cannot be used")
    if not file.keys:
        return DoorKeys(
            waits=f"its file of keys has no {'key' if file.problems == (EMPTY,) else 'good line'}"
        )
    names = tuple(name_key(key) for key in file.keys if opens(key, door, files.now))
    return DoorKeys(names, "" if names else "no key of its file may open it")


def find_signed_notes(config: Config, files: SignedFiles, *, starting: bool = False) -> Iterator[Note]:
    """Yields a note for all that keeps a key from opening a door, now or soon.

    ``starting``: but for what is wrong now, which the daemon says itself as soon as it reads the files.
    """
    signed = [door for door in config.doors if door.is_signed]
    if not starting:
        yield from _find_problems(config, signed, files)
    for path, file in files.keys.items():
        if isinstance(file, AuthorizedFile):
            named = [door for door in signed if door.authorized_keys == path]
            for key in file.keys:
                yield from _find_key_notes(path, key, named, files.now, starting)


def _find_problems(config: Config, signed: Sequence[Door], files: SignedFiles) -> Iterator[Note]:
    for path, file in files.keys.items():
        if isinstance(file, AuthorizedFile):
            yield from (Note(path, None, None, problem) for problem in file.problems)
    waiting = [
        door
        for door, keys in zip(signed, find_signed_keys(signed, files), strict=True)
        if keys is not None and keys.waits
    ]
    # Without the secret all of them wait, and one note says so.
    for door in waiting[:1] if files.secret else waiting:
        reason, cure = explain_waiting(config, door, files)
        said = f"{reason}, {cure}" if cure else reason
        if files.secret:
            yield config.note("knock_secret", f"{said}: {WAITS if len(waiting) == 1 else ALL_WAIT}")
        else:
            yield door.note("authorized_keys", f"{said}: {WAITS}")


def explain_waiting(config: Config, door: Door, files: SignedFiles) -> tuple[str, str]:
    """Why no key opens a door that waits, and what to do where that does not say it."""
    if files.secret:
        path = printable(str(config.options.knock_secret))
        cure = f"make it with 'knockctl keygen --host {quote(path)}'" if files.secret == MISSING else ""
        return f"{path}: {files.secret}", cure
    path = printable(str(door.authorized_keys))
    file = files.keys[str(door.authorized_keys)]
    cure = f"add one with 'knockctl authorize FILE.pub --door {quote(printable(door.name))}'"
    if isinstance(file, str):
        return f"{path}: {file}", cure if file == MISSING else ""
    if file.problems == (EMPTY,):
        return f"{path} has no key", cure
    if not file.keys:
        return f"{path} has no good line", ""
    return f"every key of {path} has ended or is for other doors", cure


def _find_key_notes(
    path: str, key: AuthorizedKey, doors: Sequence[Door], now: float, starting: bool
) -> Iterator[Note]:
    """Yields what is odd about one key of a file, which is that of these doors."""
    name = printable(name_key(key))
    if _has_ended(key, now):
        if not starting:
            yield Note(path, key.line, None, f"key {name} has ended: it opens nothing")
    elif key.expires is not None and key.expires < now + SOON * _DAY:
        days = ceil((key.expires - now) / _DAY)
        left = f"in {days} days" if days > 1 else "within a day"
        yield Note(path, key.line, None, f"key {name} ends {left}")
    for door in key.doors or ():
        if door not in [one.name for one in doors]:
            message = (
                f"key {name}: {DOORS}= has {seen(door)}, and no door of that name has a Signed_Port and"
                " this file as its Authorized_Keys"
            )
            yield Note(path, key.line, None, message)
