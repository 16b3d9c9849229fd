"""Whether open doors can be noted so that the next start finds them.

World: the state directory.
"""

from __future__ import annotations

import os

from knockd.doctor.findings import Finding, Looked
from knockd.files.state_dir import judge_directory

SUBJECT = "state directory"
FULL = 65_536
"""Bytes of free room that the journal needs at least."""


def look_at_state(path: str, *, required: bool) -> Looked:
    """What was found of StateDir. ``required``: openings that cannot be noted are refused."""
    if os.geteuid() != 0:
        return Looked(SUBJECT, (), (f"{path}: run it as root",))
    why = _find_reason(path)
    if why is None:
        return Looked(SUBJECT)
    reason, cure = why
    text = f"StateDir {path} {reason}"
    if required:
        return Looked(
            SUBJECT, (Finding("openings-refused", f"{text}: State_Required refuses every opening", cure),)
        )
    return Looked(SUBJECT, (Finding("state-unusable", f"{text}: open doors are noted in memory only", cure),))


def _find_reason(path: str) -> tuple[str, str] | None:
    """Why it cannot be used, and what to do."""
    there = path
    while not os.path.lexists(there) and there != "/":
        there = os.path.dirname(there.rstrip("/")) or "/"
    try:
        if there == path:
            if os.path.islink(path):
                return "is a symbolic link", "name the directory itself with StateDir"
            if not os.path.isdir(path):
                return "is no directory", "name a directory with StateDir"
            judge_directory(path, os.stat(path))
        disk = os.statvfs(there)
    except OSError as error:
        return f"cannot be used ({error.strerror})", "make it root's, with mode 0700"
    if disk.f_flag & os.ST_RDONLY:
        return "is on a file system that is read only", "name another one with StateDir"
    if disk.f_bavail * disk.f_frsize < FULL:
        return "is on a disk that is full", "make room"
    return None
