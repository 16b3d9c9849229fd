"""A second knock while the door is still open for the same knocker."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, PEER
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.processes import children
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until


@pytest.mark.parametrize(
    ("reknock", "program", "expected"),
    [
        (None, OURS, ["start", "stop", "start", "stop"]),
        ("renew", OURS, ["start", "stop", "start", "stop"]),
        ("extend", OURS, ["start", "stop"]),
        ("repeat", OURS, ["start", "start", "stop", "stop"]),
        (None, PEER, ["start", "start", "stop", "stop"]),
    ],
    ids=["default", "renew", "extend", "repeat", "0.8"],
)
def test_what_runs_when_the_knock_is_repeated(
    pair: Pair,
    start: Start,
    tmp_path: Path,
    reknock: str | None,
    program: tuple[str, ...],
    expected: list[str],
) -> None:
    """Renew (default): stop, then start. Extend: only the time. Repeat: as 0.8, each knock its pair."""
    if program == PEER:
        need(PEER[0])
    done = tmp_path / "done"
    done.touch()
    commands = {"start_command": f"echo start >> {done}", "stop_command": f"echo stop >> {done}"}
    text = config(door("secret", "700,800,900", cmd_timeout=2, reknock=reknock, **commands))
    daemon = start(pair.server, text, program=program)

    def ran() -> list[str]:
        return done.read_text().splitlines()

    send_knock(pair.client, SERVER[4], "700", "800", "900")
    wait_until(lambda: ran() == ["start"], 10, "the first start")
    if program == OURS:  # a knock before the start command has ended is refused
        wait_until(lambda: len(children(daemon.pid)) == 1, 10, "only the packet process is left")
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    daemon.wait_for("OPEN SESAME", times=2)
    wait_until(lambda: ran() == expected, 10, f"{expected} after two knocks")
    daemon.signal(signal.SIGTERM)
    daemon.process.wait(10)
    assert expected == ran()


def test_two_knockers_have_a_lease_each(pair: Pair, start: Start, tmp_path: Path) -> None:
    """What one knocker does again changes nothing for another."""
    done = tmp_path / "done"
    commands = {"start_command": f"echo start %IP% >> {done}", "stop_command": f"echo stop %IP% >> {done}"}
    daemon = start(pair.server, config(door("secret", "700,800,900", cmd_timeout=2, **commands)))
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    daemon.wait_for("OPEN SESAME")
    send_knock(pair.client, SERVER[6], "700", "800", "900")
    daemon.wait_for("command timeout", times=2)
    daemon.stop()
    ran = done.read_text().splitlines()
    assert sorted(ran) == [
        "start 10.7.0.2",
        "start fd00:7::2",
        "stop 10.7.0.2",
        "stop fd00:7::2",
    ]
