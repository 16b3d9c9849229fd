"""The one walk to a file, so that what was judged on the way is what is opened at its end.

It goes from the root directory, one name after the other: each directory is opened before a name is looked
up in it, and each link is read and walked, so nobody can swap one of them in between. What may lie on the
way, and at its end, is the caller's rule.

World: files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.trust import Held

_MAX_LINKS: Final = 40
"""Symbolic links that are followed; Linux itself gives up after as many."""

_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Follows = Callable[[Held, Held], bool]
"""(symbolic link, its directory) -> whether the walk goes on through it."""


class End(NamedTuple):
    """Where a walk ends: at no symbolic link, or at ``link``, which was not to be followed.

    ``directory`` is the descriptor (O_PATH) in which to open ``name``; there need not be anything of that
    name, and it is empty when the path ends with a slash. ``whole`` is False when there is more of the path
    behind ``link``. ``way`` has every directory and link that was passed, the directory itself last.
    """

    directory: int
    name: str
    link: Held | None
    whole: bool
    way: tuple[Held, ...]


@contextmanager
def walk(path: str, follows: Follows = lambda _link, _folder: True) -> Iterator[End]:
    """Goes to ``path``, name by name and through links. Raises OSError."""
    names = _names(path if os.path.isabs(path) else os.path.join(os.getcwd(), path))
    links = 0
    directory = os.open("/", _DIRECTORY)
    try:
        folder = Held("/", os.fstat(directory))
        way = [folder]
        while True:
            name = names.pop()
            enter, here = name, os.path.normpath(os.path.join(folder.path, name))
            link = _find_link(here, name, directory)
            if link is not None and follows(link, folder):
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                way.append(link)
                target = os.readlink(name, dir_fd=directory)
                names += [one for one in _names(target) if one or not names]
                if not target.startswith("/"):
                    continue
                enter = here = "/"
            elif link is not None or not names:
                if way[-1] is not folder:
                    way.append(folder)
                yield End(directory, name, link, not names, tuple(way))
                return
            entered = os.open(enter, _DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = entered
            folder = Held(here, os.fstat(directory))
            way.append(folder)
    finally:
        os.close(directory)


def _names(path: str) -> list[str]:
    """The names in a path, the last one first; the last one is empty when the path ends with a slash."""
    *names, last = path.split("/")
    return [last, *(name for name in reversed(names) if name not in ("", "."))]


def _find_link(path: str, name: str, directory: int) -> Held | None:
    if not name:
        return None
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Held(path, found) if stat.S_ISLNK(found.st_mode) else None
