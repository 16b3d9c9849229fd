"""A ``knock://`` URI made a profile: its key or secret goes to a file of its own, the rest to the profiles.

Nothing that is there is changed: the profile is added at the end, the other file is a new one.

World: files and standard input.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from knockd.client.hits import ServiceLookup
from knockd.client.output import say, tell
from knockd.client.private_file import advise_chmod, find_open_mode
from knockd.client.profile_file import Profile, is_profile_name
from knockd.client.profiles import read_profiles
from knockd.client.status import BAD_DATA, CANNOT_CREATE, CONFIG, Refused
from knockd.client.uri_profile import format_checked, make_hidden, make_profile
from knockd_conf.knock_uri import KnockUri, parse_uri
from knockd_conf.text import printable

MAX_LINE = 4_096
"""Longest line that is read of standard input, in characters: more than a URI may have."""

VISIBLE = (
    "the URI stood on the command line, where other users can see it and your shell keeps it; "
    "next time run knock --import - and paste it"
)


def import_profile(
    source: str, name: str, path: str, service: ServiceLookup, identity: str | None = None
) -> None:
    """Make a profile of a URI, or with ``-`` of the one on standard input. Raises Refused.

    ``name`` is the profile's, empty for the URI's host; ``path`` the file of profiles, ``identity`` whose
    key it is to sign with.
    """
    uri = _parse(_read_line() if source == "-" else source)
    name = name or uri.host
    _check_name(name, path, service)
    if identity is not None and uri.signed is None:
        raise Refused(BAD_DATA, "expected --identity with a URI of signed knocks, got it with another")
    hidden = make_hidden(name, uri)
    section = _format(make_profile(name, uri, hidden, identity), service)
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if hidden is None:
            _append(path, section)
        else:
            with _new_file(os.path.join(folder, hidden.name)) as file:
                _write(file, f"{hidden.line}\n")
                _append(path, section)
    except OSError as error:
        place = printable(str(error.filename or path))
        raise Refused(CANNOT_CREATE, f"{place}: {error.strerror}; nothing was imported") from None
    say(f"profile {printable(name)} is in {printable(path)}; to knock: knock {printable(name)}")
    if source != "-":
        tell(VISIBLE)
    if uri.sequence and find_open_mode(path) is not None:
        tell(f"{printable(path)}: {advise_chmod(path)}")


def _read_line() -> str:
    if sys.stdin.isatty():
        tell("paste the URI and press Enter")
    return sys.stdin.readline(MAX_LINE)


def _parse(text: str) -> KnockUri:
    try:
        return parse_uri(text.strip())
    except ValueError as error:
        raise Refused(BAD_DATA, f"URI (not shown: it may be secret): {error}") from None


def _check_name(name: str, path: str, service: ServiceLookup) -> None:
    """Raises Refused when there is such a profile, or can be none."""
    if not is_profile_name(name):
        raise Refused(BAD_DATA, f"expected a name for the profile without brackets, not {name!r}")
    found = read_profiles(path, service)
    if found is None:
        return
    if name in found.profiles:
        text = (
            f"profile {name} is in {printable(path)} already; give it another name: knock --import URI NAME"
        )
        raise Refused(CANNOT_CREATE, text)
    if found.problems:
        raise Refused(CONFIG, *found.problems)


def _format(profile: Profile, service: ServiceLookup) -> str:
    """The profile's section. Raises Refused where another one would be read."""
    try:
        return format_checked(profile, service)
    except ValueError as error:
        raise Refused(BAD_DATA, str(error)) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _new_file(path: str) -> Iterator[FileIO]:
    """A new file, which is taken away again when the block fails."""
    file = open(path, "xb", buffering=0, opener=_private)  # noqa: SIM115 - Windows unlinks no open file
    try:
        with file:
            yield file
    except OSError:
        os.unlink(path)
        raise


def _append(path: str, section: str) -> None:
    """Add a section at the end of the file, which is made when there is none."""
    with open(path, "a+b", buffering=0, opener=_private) as file:
        size = file.seek(0, os.SEEK_END)
        lead = ""
        if size:
            file.seek(size - 1)
            lead = "\n" if file.read(1) == b"\n" else "\n\n"
        try:
            _write(file, f"{lead}{section}")
        except OSError:
            file.truncate(size)
            raise


def _write(file: FileIO, text: str) -> None:
    """Write all of it and wait until the disk has it."""
    data = text.encode()
    if file.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())
