"""The file of profiles on this machine: where it is, and what it says.

World: files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from knockd.client.choices import FINGERPRINT, Choices
from knockd.client.hits import ServiceLookup
from knockd.client.private_file import advise_chmod, find_open_mode
from knockd.client.profile_file import MAX_SIZE, Profile, ProfileFile, parse_profiles
from knockd.client.status import NO_INPUT, Refused
from knockd_conf.text import printable

PATHS: Final = ("key", "sequence_file", "secret", "identity")
"""Choices that are paths of files."""


def config_folder(environ: Mapping[str, str], *, windows: bool) -> str:
    """The folder of knock's files (XDG Base Directory Specification; on Windows that of roaming files)."""
    if windows:
        base = environ.get("APPDATA") or os.path.join(os.path.expanduser("~"), "AppData", "Roaming")
    else:
        base = environ.get("XDG_CONFIG_HOME", "")
        if not os.path.isabs(base):  # such a one is to be ignored, says the specification
            base = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "knock")


def profile_path() -> str:
    """The path of the file of profiles."""
    return os.path.join(config_folder(os.environ, windows=os.name == "nt"), "config")


def read_profiles(path: str, service: ServiceLookup) -> ProfileFile | None:
    """What the file says, None where there is none. Raises Refused when it cannot be read.

    Paths in it are as from its own folder, and ``~`` is the home directory.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(NO_INPUT, f"profiles {printable(path)}: {error.strerror}") from None
    found = parse_profiles(data, printable(path), service)
    folder = os.path.dirname(path)
    return found._replace(profiles={name: _located(one, folder) for name, one in found.profiles.items()})


def _located(profile: Profile, folder: str) -> Profile:
    choices = profile.choices._asdict()
    choices.update({name: locate(choices[name], folder) for name in PATHS})
    return profile._replace(choices=Choices(**choices))


def locate(written: str | None, folder: str) -> str | None:
    """A path as from a folder; what is none, and None, stay as they are."""
    if written is None or written.startswith(FINGERPRINT):
        return written
    return os.path.join(folder, os.path.expanduser(written))


def warn_of_readers(path: str) -> str | None:
    """What to say of the file where others than its owner may read a sequence in it; None: nothing."""
    try:
        mode = find_open_mode(path)
    except OSError:  # it is gone since it was read
        return None
    if mode is None:
        return None
    return (
        f"profiles {printable(path)}: a sequence is in it, and its mode is {mode:04o}; {advise_chmod(path)}"
    )


def describe_profiles(found: ProfileFile | None, path: str) -> str:
    """Which profiles there are, for a message about one that there is not."""
    if found is None:
        return f"there are no profiles ({printable(path)} does not exist)"
    if not found.profiles:
        return f"there are no profiles in {printable(path)}"
    return f"the profiles are {', '.join(found.profiles)} ({printable(path)})"
