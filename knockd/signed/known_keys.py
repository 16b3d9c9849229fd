"""The public keys of all files of a configuration: who they are, and what is wrong with a file.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from knockd.signed.signed_answers import FileAnswer
from knockd_conf.access import Access
from knockd_conf.authorized_keys import MAX_KEYS, AuthorizedKey
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door

CROWDED: Final = f"it and the files before it have more than {MAX_KEYS} keys together: take some out"


class KnownKey(NamedTuple):
    """A key of a file. ``access``: who may use it, by its ``from=``; None: everybody."""

    key: AuthorizedKey
    access: Access | None


class Trouble(NamedTuple):
    """Something that is wrong with a file. ``closes``: no key of it counts."""

    path: str
    problem: str
    closes: bool


class KnownKeys:
    """The keys of the files ``paths``, none before they were read."""

    def __init__(self, paths: Sequence[str], before: KnownKeys | None = None) -> None:
        """``before``: what is known of the same files, until they are read again."""
        self._files: dict[str, dict[bytes, KnownKey]] = {
            path: {} if before is None else before._files.get(path, {}) for path in paths
        }
        self._read = set() if before is None else {path for path in paths if before.has_read(path)}
        self._troubles: dict[str, tuple[Trouble, ...]] = {}
        self.publics: tuple[bytes, ...] = self._list_publics()
        """The public key of each, once, in the order of files and lines."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files."""
        return tuple(self._files)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """All that is wrong."""
        return tuple(trouble for path in self._files for trouble in self._troubles.get(path, ()))

    def has_read(self, path: str) -> bool:
        """Whether it is known what a file holds, or why it cannot be used."""
        return path in self._read

    def take(self, answers: Sequence[FileAnswer]) -> tuple[Trouble, ...]:
        """Takes what the files hold; returns what is newly wrong with them."""
        before, left = self.troubles, MAX_KEYS
        self._read = set(self._files)
        for path, answer in zip(self._files, answers, strict=True):
            keys, problems = answer.keys, answer.problems
            if len(keys) > left:
                keys, problems = (), (CROWDED,)
            left -= len(keys)
            self._files[path] = {key.public: _know(key, self._files[path].get(key.public)) for key in keys}
            self._troubles[path] = tuple(Trouble(path, one, not keys) for one in problems)
        self.publics = self._list_publics()
        return tuple(one for one in self.troubles if one not in before)

    def find(self, public: bytes, path: str | None) -> KnownKey | None:
        """The key of a file, or (None) of the first that has it."""
        files = self._files.values() if path is None else (self._files.get(path, {}),)
        return next((file[public] for file in files if public in file), None)

    def list_all(self) -> Iterator[tuple[str, AuthorizedKey]]:
        """Yields each key of each file behind its path."""
        for path, keys in self._files.items():
            for known in keys.values():
                yield path, known.key

    def explain_none(self, door: Door, now: float) -> str | None:
        """Why nobody can open a door; None: somebody can."""
        path = str(door.authorized_keys)
        wrong = [trouble.problem for trouble in self._troubles.get(path, ()) if trouble.closes]
        if wrong:
            return f"authorized keys {path}: {'; '.join(wrong)}"
        mine = [known.key for known in self._files.get(path, {}).values() if may_use(known.key, door)]
        if not mine:
            return f"authorized keys {path}: no key in it may open this door"
        if all(has_expired(key, now) for key in mine):
            return f"authorized keys {path}: every key for this door has expired"
        return None

    def _list_publics(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(public for keys in self._files.values() for public in keys))


def _know(key: AuthorizedKey, before: KnownKey | None) -> KnownKey:
    """Lists of thousands of networks are made ready once, and not each time that the file is read."""
    if before is not None and before.key == key:
        return before
    return KnownKey(key, Access(key.allow, key.deny) if key.allow or key.deny else None)


def may_use(key: AuthorizedKey, door: Door) -> bool:
    """Whether a key is for a door."""
    return key.doors is None or door.name in key.doors


def has_expired(key: AuthorizedKey, now: float) -> bool:
    """Whether a key counts no more at a time, in seconds since the epoch."""
    return key.expires is not None and now > key.expires
