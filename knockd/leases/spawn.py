"""Starts one program, as subprocess.Popen would, without what that imports (0.7 MB in both processes).

World: other programs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

SILENT = -1
"""Output that goes nowhere."""

_STANDARD = (0, 1, 2)
_MOST = 256
"""Descriptors that are looked at where there is no /proc."""

_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores, and a program expects to end by."""


def spawn(argv: Sequence[bytes], environment: Mapping[bytes, bytes], output: int | None) -> int:
    """Starts a program in a session of its own, with nothing to read; returns its pid.

    It is looked for in the PATH of ``environment`` unless its name has a slash. ``output`` is the descriptor
    that it writes to, SILENT, or None: where we do. It gets no other descriptor of ours. Raises OSError with
    the error of execve(2) (of several folders: the first error but that nothing is there), and ValueError
    for a null byte.
    """
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
    ]
    if output is not None:
        actions += [(os.POSIX_SPAWN_DUP2, 0 if output == SILENT else output, standard) for standard in (1, 2)]
    actions += [(os.POSIX_SPAWN_CLOSE, stray) for stray in _strays()]
    refused: OSError | None = None
    for path in _paths(argv[0], environment):
        try:
            return os.posix_spawn(
                path, list(argv), environment, file_actions=actions, setsid=True, setsigdef=_RESTORED
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            absent = error
        except OSError as error:
            refused = refused or error
    raise refused or absent


def _paths(program: bytes, environment: Mapping[bytes, bytes]) -> Sequence[bytes]:
    if b"/" in program:
        return (program,)
    folders = environment.get(b"PATH", os.defpath.encode()).split(b":")
    return [os.path.join(folder, program) for folder in folders]


def _strays() -> Iterator[int]:
    """Descriptors that a program would inherit: who started us has left them open, ours it does not get."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # no /proc
        numbers = list(range(_MOST))
    for number in numbers:
        with suppress(OSError):  # it is not open, as the one that listed them
            if number not in _STANDARD and os.get_inheritable(number):
                yield number
