"""What the keeper does itself to start a packet process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import structlog

from knockd.edge.privileges import User
from knockd.keeper import listening
from knockd.keeper.listening import Daemon, Listening
from knockd.keeper.reporter import Reporter
from knockd.keeper.settings import Settings
from tests.support.hall import Hall, configuration


class Quiet:
    """A daemon that has begun and hears nothing."""

    begun, ending = True, False

    def up(self) -> None:
        """A start is over."""


def test_the_user_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of users, which can be far away, is asked once a configuration, not at each replacement."""
    asked: list[str | None] = []
    started: list[Any] = []

    def packet_user(name: str | None) -> User:
        asked.append(name)
        return User(str(name), 103, 203)

    def start_worker(*_: object, **given: object) -> None:
        started.append(given["user"])
        raise OSError(11, "no process to be had")

    monkeypatch.setattr(listening, "packet_user", packet_user)
    monkeypatch.setattr(listening, "start_worker", start_worker)
    hall = Hall()
    config = configuration(user="bob", interface=("lo",))
    reporter = Reporter(structlog.get_logger())
    made = Listening(
        hall.loop.loop, Settings("/etc/knockd.conf"), config, reporter, hall.keeper, cast(Daemon, Quiet())
    )
    made.supervisor.replace()
    made.supervisor.replace()
    made.adopt(replace(config, options=replace(config.options, user="eve")))
    made.stop()
    assert (["bob", "eve"], ["bob", "bob", "eve"]) == (asked, [user.name for user in started])
