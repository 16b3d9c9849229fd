"""Whether open doors can be noted so that the next start finds them.

World: the state directory.
"""

from __future__ import annotations

import os
import re

from knockd.doctor.findings import Finding, Looked
from knockd.files.state_dir import judge_directory

SUBJECT = "state directory"
_MEMORY = frozenset({"tmpfs", "ramfs"})
_OCTAL = re.compile(r"\\([0-7]{3})")
FULL = 65_536
"""Bytes of free room that the journal needs at least."""


def look_at_state(path: str, *, required: bool) -> Looked:
    """What was found of StateDir. ``required``: openings that cannot be noted are refused."""
    if os.geteuid() != 0:
        return Looked(SUBJECT, (), (f"{path}: run it as root",))
    why = _find_reason(path)
    if why is None:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            kind = find_file_system(os.path.realpath(path), file.read())
        if kind not in _MEMORY:
            return Looked(SUBJECT)
        text = f"StateDir {path} is in memory ({kind}): a power cut, and a boot, forget which doors are open"
        return Looked(SUBJECT, (Finding("journal-in-memory", text, "name one on a disk with StateDir"),))
    reason, cure = why
    text = f"StateDir {path} {reason}"
    if required:
        return Looked(
            SUBJECT, (Finding("openings-refused", f"{text}: State_Required refuses every opening", cure),)
        )
    return Looked(SUBJECT, (Finding("state-unusable", f"{text}: open doors are noted in memory only", cure),))


def find_file_system(path: str, mounts: str) -> str:
    """The kind of file system that a path is on, by the text of /proc/self/mountinfo (proc(5))."""
    longest, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]) if len(fields) > 4 else ""
        below = path == point or path.startswith(f"{point.rstrip('/')}/")
        if point and below and len(point) >= len(longest):  # of several at one place the last is seen
            longest, kind = point, after.split(" ")[0]
    return kind


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
