"""A packet process that cannot even be started: no process or descriptor is to be had."""

from __future__ import annotations

import errno
import os

import pytest

from knockd.keeper.supervisor import BACK_OFF
from tests.support.house import READY, House

REASON = f"no packet process can be started: [Errno 11] {os.strerror(errno.EAGAIN)}"


def test_a_start_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed fork is told with its reason, and tried again; the one that captures goes on meanwhile."""
    house = House()
    house.supervisor.replace()
    house.says(0, READY)

    def refused() -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(house.supervisor, "_start", refused)
    house.supervisor.replace()
    assert (house.told[1:], house.running()) == ([f"lost {REASON} {BACK_OFF[0]:g}"], [0])
    monkeypatch.undo()
    house.supervisor.replace()
    house.says(1, READY)
    assert house.running() == [1]
    house.supervisor.stop()
    for end in house.ends:
        end.close()
