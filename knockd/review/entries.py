"""What one line of a log says, whoever wrote it and in whatever format.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from knockd.log.classic import Value
from knockd_conf.classes import NamedTuple


class Entry(NamedTuple):
    """One event of a log.

    ``time`` is in seconds since the epoch, exact to ``precision`` seconds: 60 for the stamps of knockd 0.8,
    1 for syslog's, 0.001 for JSON. ``event`` is a name of the catalogue. ``ip``, ``door`` and ``host`` are
    empty where the line names none. ``fields`` are the others, as the catalogue names them; entries share
    it, so nobody changes it.
    """

    time: float
    event: str
    ip: str
    door: str
    host: str
    fields: Mapping[str, Value]
    precision: float
