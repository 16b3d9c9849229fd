"""Start commands that fail: an event of the log says who was not let in and why, and no door is counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.daemons.service_manager import Manager, values
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

STEPS = ("700", "800")
STOP = {"stop_command": "true", "cmd_timeout": 60}
FAILING = {
    "status": ("exit 3", 3),
    "killed": ("kill -KILL $$", 137),
    "missing": ("/nowhere/to/be/found %IP%", 127),
    "not executable": ("/etc/passwd %IP%", 126),
    "too late": ("sleep 1000", 143),
    "too late, but content": ("trap 'exit 0' TERM; sleep 1000 & wait", 0),
}
"""Commands, and the status that they end with."""


@pytest.fixture
def manager(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A service manager, which hears how many doors are open."""
    with Manager(pair.server, str(tmp_path / "notify")) as made:
        monkeypatch.setenv("NOTIFY_SOCKET", made.address)
        yield made


def open_doors(manager: Manager) -> int:
    """How many doors are open, by the last line of status that a service manager has heard."""
    manager.listen()
    return int(re.findall(r"; (\d+) open\b", values(manager.heard, "STATUS")[-1])[0])


@pytest.mark.parametrize("stop", [STOP, {}], ids=["with stop command", "without"])
@pytest.mark.parametrize(("command", "status"), FAILING.values(), ids=FAILING)
def test_in_json(
    pair: Pair, start: Start, manager: Manager, command: str, status: int, stop: dict[str, object]
) -> None:
    """``refused`` has address, door and reason, behind the command's own events; then 0 doors are open."""
    trouble = door("trouble", ",".join(STEPS), start_command=command, command_deadline=1, **stop)
    daemon = start(pair.server, config(trouble, LogFormat="json"), ready='"event": "starting"')
    send_knock(pair.client, SERVER[4], *STEPS)
    lines = daemon.wait_for('"event": "refused"')
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    about = [entry for entry in entries if entry.get("ip") == CLIENT[4]]
    refused = {key: value for key, value in about[-1].items() if key != "time"}
    reason = "its start command failed"
    assert refused == {
        "level": "warning",
        "event": "refused",
        "ip": CLIENT[4],
        "door": "trouble",
        "reason": reason,
    }
    assert {"start"} == {entry["verb"] for entry in about if entry["event"].startswith("command")}
    failed = [entry["status"] for entry in about if entry["event"] == "command-failed"]
    assert failed == ([status] if status else [])
    wait_until(lambda: open_doors(manager) == 0, 10, "no door is open")
