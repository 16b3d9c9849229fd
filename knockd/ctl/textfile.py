"""A file that is replaced whole, so that whoever reads it never sees half of it.

World: the textfile.
"""

from __future__ import annotations

import os
from contextlib import suppress

MODE = 0o644
"""Everybody may read it: node_exporter is another user, and what is in it is no secret."""


def write_textfile(path: str, text: str) -> None:
    """Puts ``text`` in place of the file ``path``. Raises OSError; the old file is there still then.

    The new file is made beside it under a name that begins with a dot and that node_exporter, which reads
    ``*.prom``, passes over.
    """
    folder, name = os.path.split(path)
    new = os.path.join(folder, f".{name}.{os.getpid()}")
    with suppress(FileNotFoundError):  # of a process that had this number and was killed
        os.unlink(new)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, MODE)  # whatever the umask is
            file.write(text)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise
