"""What the matcher has to say about a packet or about time passing.

``door`` is the door's place in the configuration, ``source`` a packed address (4 or 16
bytes), ``stage`` the number of steps done (1 to 32).
"""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """An attempt reached a stage."""

    door: int
    source: bytes
    stage: int


class Opened(NamedTuple):
    """The last step came: the door opens for the source.

    ``destination`` is the address it knocked at, ``stage`` the number of steps of the door.
    """

    door: int
    source: bytes
    destination: bytes
    stage: int


class Spoiled(NamedTuple):
    """A packet for another step of the same door ended an attempt."""

    door: int
    source: bytes
    stage: int


class Expired(NamedTuple):
    """An attempt grew older than the door's Seq_Timeout."""

    door: int
    source: bytes
    stage: int


class Guarded(NamedTuple):
    """A source touched a guard port: its attempt is dropped and it is ignored at the door for a while."""

    door: int
    source: bytes
    stage: int


Event = Stage | Opened | Spoiled | Expired | Guarded
