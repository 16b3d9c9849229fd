"""Whose signed knocks open which doors, by the files that a configuration names.

World: authorized_keys files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.signed.key_files import read_authorized_keys
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config
from knockd_conf.text import printable

SHORTEST = 8
"""Characters of a fingerprint behind ``SHA256:`` that are enough to name a key."""

_SHA256 = "SHA256:"


class SignerFile(NamedTuple):
    """One file. ``doors`` are the names of the doors that have it.

    ``problems`` are of its lines; ``error`` is why it cannot be read, as when it is ``missing``.
    """

    path: str
    doors: tuple[str, ...]
    keys: tuple[AuthorizedKey, ...] = ()
    problems: tuple[str, ...] = ()
    error: str = ""
    missing: bool = False

    def find_doors(self, key: AuthorizedKey) -> tuple[str, ...]:
        """The doors that a key of it opens."""
        return tuple(name for name in self.doors if key.doors is None or name in key.doors)


class Holding(NamedTuple):
    """A key and the file that it is in."""

    file: SignerFile
    key: AuthorizedKey


def find_signer_files(config: Config) -> dict[str, tuple[str, ...]]:
    """The names of the doors that signed knocks open, by their file; also a file of [options] for no door."""
    found: dict[str, dict[str, None]] = {}
    if config.options.authorized_keys is not None:
        found[config.options.authorized_keys] = {}
    for door in config.doors:
        if door.is_signed and door.authorized_keys is not None:
            found.setdefault(door.authorized_keys, {})[door.name] = None
    return {path: tuple(names) for path, names in found.items()}


def read_signers(config: Config) -> tuple[SignerFile, ...]:
    """The files of a configuration, also those that cannot be read."""
    return tuple(_read(path, doors) for path, doors in find_signer_files(config).items())


def list_holdings(files: Sequence[SignerFile]) -> Iterator[Holding]:
    """Yields every key of the files in their order."""
    for file in files:
        for key in file.keys:
            yield Holding(file, key)


def find_holdings(files: Sequence[SignerFile], who: str) -> list[Holding]:
    """The keys of a fingerprint, be it cut off as in a table, else those of a comment."""
    if who.startswith(_SHA256):
        start = who.removesuffix("\u2026").removesuffix("...")
        enough = len(start) >= len(_SHA256) + SHORTEST
        return [one for one in list_holdings(files) if enough and one.key.fingerprint.startswith(start)]
    return [one for one in list_holdings(files) if one.key.comment == who and who]


def _read(path: str, doors: tuple[str, ...]) -> SignerFile:
    try:
        keys, problems = read_authorized_keys(path)
    except FileNotFoundError as error:
        return SignerFile(path, doors, error=str(error.strerror), missing=True)
    except OSError as error:
        return SignerFile(path, doors, error=printable(str(error.strerror)))
    return SignerFile(path, doors, keys, problems)
