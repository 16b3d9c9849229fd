"""Commands on a disk that answers no more: their doors stay shut, and every other one opens and closes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.hanging_disk import HangingDisk
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangingDisk]:
    """A disk that can hang. Ask for it before ``start``: it goes after the daemon."""
    with HangingDisk(tmp_path / "disk") as made:
        yield made


def test_a_program_that_cannot_be_read(hanging: HangingDisk, pair: Pair, start: Start) -> None:
    """A start command whose program is never read keeps no other door from opening and closing."""
    doors = (
        door("stuck", "700,800", start_command=f"{hanging.tool} %IP%"),
        door("other", "1700,1800", start_command="true", stop_command="true", cmd_timeout=1),
    )
    daemon = start(pair.server, config(*doors))
    pair.knock_until(daemon, ("700", "800"), "stuck: OPEN SESAME")
    assert daemon.count("stuck: command returned non-zero") == 0
    hanging.hang()
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_until(hanging.asked.is_set, 10, "somebody waits for the program")
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for(f"{CLIENT[4]}: other: command timeout")
    assert daemon.stop() == 0


@pytest.mark.parametrize("by", ["path", "PATH"])
def test_a_stop_command_that_cannot_be_read(
    hanging: HangingDisk, pair: Pair, start: Start, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A door whose stop command is on that disk is not opened, and says why; others open and close."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{hanging.path}")
    tool = hanging.tool if by == "path" else hanging.tool.name
    doors = (
        door("stuck", "700,800", start_command="true", stop_command=f"{tool} %IP%", cmd_timeout=1),
        door("other", "1700,1800", start_command="true", stop_command="true", cmd_timeout=1),
    )
    daemon = start(pair.server, config(*doors))
    pair.knock_until(daemon, ("700", "800"), "stuck: OPEN SESAME")
    daemon.wait_for(f"{CLIENT[4]}: stuck: command timeout")
    hanging.hang()
    for number in (1, 2, 3):
        send_knock(pair.client, SERVER[4], "700", "800")
        daemon.wait_for("whose disk does not answer", times=number)
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for(f"{CLIENT[4]}: other: command timeout")
    assert daemon.stop() == 0
