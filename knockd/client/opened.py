"""Which sequence of a key has opened its door last: it opens nothing more (its specification, section 7).

A file a door, so that two clients at once cannot spoil each other's. What is in it is a period's number.

World: files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from knockd.client.plan import Keyed

MAX_SIZE = 32
"""Bytes that a period's number may have."""


def state_folder(environ: Mapping[str, str], *, windows: bool) -> str:
    """The folder of what is noted (XDG Base Directory Specification; on Windows that of local files)."""
    home = os.path.expanduser("~")
    if windows:
        base = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    else:
        base = environ.get("XDG_STATE_HOME", "")
        if not os.path.isabs(base):
            base = os.path.join(home, ".local", "state")
    return os.path.join(base, "knock")


def note_path(host: str, keyed: Keyed) -> str:
    """The file in which a door's last period is noted. Its name says nothing of host, key and door."""
    from hashlib import sha256

    about = "\n".join(
        (host, os.path.abspath(keyed.path), keyed.name or "", keyed.door, str(keyed.rule.period))
    )
    folder = state_folder(os.environ, windows=os.name == "nt")
    return os.path.join(folder, sha256(os.fsencode(about)).hexdigest()[:32])


def read_opened(path: str) -> int | None:
    """The period that opened the door last; None where nothing, or nothing sensible, is noted."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_SIZE)
    except OSError:
        return None  # what is not known costs two knocks that open nothing
    return int(text) if text.strip().isdigit() else None


def note_opened(path: str, period: int) -> None:
    """Note the period that has opened the door. Raises OSError."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "wb", buffering=0) as file:
        file.write(f"{period}\n".encode())
