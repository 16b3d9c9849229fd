"""Whether a file that holds root's commands can be changed by somebody else.

``judge`` is pure; ``TrustPolicy.current`` reads who we are. The rule follows what sshd asks of its files.

World: who we are.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import field

from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.errors import Note, Problem

_DYNAMIC_GROUPS = 100
"""Group ids from here on are given out on each machine (Debian policy, section 9.2.2)."""

_ESCAPE = "or start with --allow-insecure-config"


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Who may own a configuration (user ids), and whether one that fails is refused.

    ``enforce`` False never refuses: for users who are not root, and ``--allow-insecure-config``.
    """

    enforce: bool
    owners: frozenset[int] = field(default=frozenset({0}))
    system_groups: bool = False
    """Whether a group of the system may write: its id is below 100, as that of Debian's staff."""

    @classmethod
    def current(cls, *, allow_insecure: bool = False) -> TrustPolicy:
        """The policy for this process: root refuses what others can write, everyone else does not."""
        uid = os.geteuid()
        return cls(enforce=uid == 0 and not allow_insecure, owners=frozenset({0, uid}) | _outer_root())


def _outer_root() -> frozenset[int]:
    """In a user namespace root's files appear to be owned by the overflow uid (user_namespaces(7)).

    Where the namespace has a user of that number, as the whole range of a container with ``nobody``, such
    files may be this user's: it is nobody's root.
    """
    try:
        overflow = int(_read("/proc/sys/kernel/overflowuid"))
        mapped = any(_is_within(overflow, line) for line in _read("/proc/self/uid_map").splitlines())
    except (OSError, ValueError):
        return frozenset()
    return frozenset() if mapped else frozenset({overflow})


def _is_within(uid: int, line: str) -> bool:
    """Whether a line of a map (first uid inside, first uid outside, count) has a uid. Raises ValueError."""
    inside, _, count = map(int, line.split())
    return inside <= uid < inside + count


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


class Held(NamedTuple):
    """The path and the ``fstat`` of something that was opened."""

    path: str
    status: os.stat_result


def judge(policy: TrustPolicy, file: Held | None, way: tuple[Held, ...]) -> tuple[Problem, ...]:
    """Every reason not to trust ``file`` and the ``way`` to it (directories, links); none if not enforced.

    Whoever can change one name of the way leads us to another file, so each is judged (as sshd(8) does it).
    """
    if not policy.enforce:
        return ()
    found: list[Problem] = []
    for held in (*(() if file is None else (file,)), *way):
        link = stat.S_ISLNK(held.status.st_mode)
        what = "directory" if stat.S_ISDIR(held.status.st_mode) else "link" if link else "file"
        mode = stat.S_IMODE(held.status.st_mode)
        quoted = shlex.quote(held.path)
        cure = f"run 'chown {'-h ' if link else ''}root {quoted}'"
        if what == "directory" and held is not way[-1]:
            cure = "keep the file where every directory above it is root's"
        if held.status.st_uid not in policy.owners:
            found.append(
                Problem(
                    held.path,
                    None,
                    None,
                    f"expected a {what} owned by root, got uid {held.status.st_uid}: {cure} {_ESCAPE}",
                )
            )
        # In a sticky directory others cannot rename or remove root's files; a link has no permissions.
        excused = link or (what == "directory" and mode & stat.S_ISVTX)
        staff = policy.system_groups and held.status.st_gid < _DYNAMIC_GROUPS
        if mode & (stat.S_IWOTH if staff else stat.S_IWGRP | stat.S_IWOTH) and not excused:
            found.append(
                Problem(
                    held.path,
                    None,
                    None,
                    f"expected a {what} that only its owner can write, got mode {mode:04o}: "
                    f"run 'chmod go-w {quoted}' {_ESCAPE}",
                )
            )
    if file is not None and file.status.st_nlink > 1 and _others_write(way[-1]):
        # Anybody may give root's files a second name there (unless fs.protected_hardlinks is set).
        found.append(
            Problem(
                file.path,
                None,
                None,
                f"expected a file with one name in a directory that others can write, "
                f"got one with {file.status.st_nlink}",
            )
        )
    return tuple(dict.fromkeys(found))


def _others_write(held: Held) -> bool:
    mode = held.status.st_mode
    return stat.S_ISDIR(mode) and bool(mode & (stat.S_IWGRP | stat.S_IWOTH))


def exposed(file: Held, directory: Held) -> Note | None:
    """A note when everybody can read ``file``, which holds the secret sequences."""
    if file.status.st_mode & stat.S_IROTH and directory.status.st_mode & stat.S_IXOTH:
        message = (
            f"everybody on this machine can read the sequences: run 'chmod o-r {shlex.quote(file.path)}'"
        )
        return Note(file.path, None, None, message)
    return None
