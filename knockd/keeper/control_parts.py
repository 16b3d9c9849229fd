"""The code that answers clients of the control socket: imported when the first one comes.

Who asks nothing has half a megabyte more for it. One module a turn of the loop: no knock waits for all.

World: the installed package.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

from knockd.process.loop import Loop

PARTS = (
    "knockd.control.interface",
    "knockd.control.idl",
    "knockd.control.protocol",
    "knockd.control.call",
    "knockd.control.connection",
    "knockd.control.service",
    "knockd.control.server",
    "knockd.keeper.control_values",
    "knockd.keeper.lease_rows",
    "knockd.keeper.key_calls",
    "knockd.keeper.status",
    "knockd.keeper.fleet_calls",
    "knockd.keeper.snapshot",
    "knockd.keeper.control_status",
    "knockd.keeper.lease_calls",
    "knockd.keeper.opening_calls",
    "knockd.keeper.reload_calls",
    "knockd.keeper.control_verbs",
)
"""What each needs of the others comes before it."""

REPLACED = "knockd was installed anew since the start: restart it"


class ControlParts:
    """Imports them once. ``done`` is called with why that failed, or an empty text."""

    def __init__(self, loop: Loop, done: Callable[[str], None]) -> None:
        self._loop = loop
        self._done = done
        self._installed = _find_installed()

    def load(self) -> None:
        """Begins; ends in a later turn of the loop."""
        if _find_installed() != self._installed:  # code of two versions does not fit together
            self._loop.call_soon(self._done, REPLACED)
        else:
            self._loop.call_soon(self._load, 0)

    def _load(self, number: int) -> None:
        if number == len(PARTS):
            self._done("")
            return
        try:
            import_module(PARTS[number])
        except ImportError as error:
            self._done(str(error))
        except Exception as error:  # noqa: BLE001 - an upgrade may be half done: whatever a file holds then
            self._done(f"{PARTS[number]} cannot be imported: {error}")
        else:
            self._loop.call_soon(self._load, number + 1)


def _find_installed() -> tuple[int, int, int] | None:
    """Which file this one was read from; None: it is gone."""
    try:
        found = os.stat(__file__)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
