"""The environment that commands inherit: what knockd was started with, without what Python has added.

World: the environment.
"""

from __future__ import annotations

from collections.abc import MutableMapping


def forget_coerced_locale(
    environment: MutableMapping[bytes, bytes], path: str = "/proc/self/environ"
) -> None:
    """Removes the LC_CTYPE that Python sets in the C locale (PEP 538), unless we were started with one.

    ``path`` holds what we were started with (proc(5)); where it cannot be read nothing is removed.
    """
    try:
        with open(path, "rb") as file:
            given = file.read()
    except OSError:
        return
    if not any(variable.startswith(b"LC_CTYPE=") for variable in given.split(b"\0")):
        environment.pop(b"LC_CTYPE", None)
