"""What the keeper does itself to start a packet process."""

from __future__ import annotations

from typing import Any, cast

import pytest
import structlog

from knockd.edge.privileges import User
from knockd.keeper import listening
from knockd.keeper.listening import Daemon, Listening
from knockd.keeper.reporter import Reporter
from knockd.keeper.settings import Loaded, Settings
from tests.support.hall import Hall, configuration


class Quiet:
    """A daemon that has begun and hears nothing."""

    begun, ending = True, False

    def up(self) -> None:
        """A start is over."""


def test_who_the_packet_process_becomes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every packet process becomes the user that was found when its configuration was read."""
    started: list[Any] = []

    def start_worker(*_: object, **given: object) -> None:
        started.append(given["user"])
        raise OSError(11, "no process to be had")

    monkeypatch.setattr(listening, "start_worker", start_worker)
    hall = Hall()
    bob, eve = (Loaded(configuration(interface=("lo",)), User(name, 103, 203)) for name in ("bob", "eve"))
    reporter = Reporter(structlog.get_logger())
    made = Listening(
        hall.loop.loop, Settings("/etc/knockd.conf"), bob, reporter, hall.keeper, cast(Daemon, Quiet())
    )
    made.supervisor.replace()
    made.supervisor.replace()
    made.adopt(eve)
    made.stop()
    assert [bob.user, bob.user, eve.user] == started
