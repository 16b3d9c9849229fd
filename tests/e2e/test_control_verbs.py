"""Doors opened, extended, closed and given up by hand, at a running daemon behind a real firewall."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from knockd.control.client import CallError, Control, ControlError
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, Daemon
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER, config, door, firewall_door
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

STEPS = ("700", "800", "900")
SEQUENCE = ",".join(STEPS)
OTHER = "192.0.2.77"
PATIENCE = 60.0


def call(daemon: Daemon, method: str, **parameters: Any) -> Mapping[str, Any]:
    """What the daemon answers."""
    with Control(str(daemon.control_path), PATIENCE) as control:
        return control.call(method, **parameters)


def refused(daemon: Daemon, method: str, **parameters: Any) -> tuple[str, Mapping[str, Any]]:
    """The error that the daemon answers with."""
    with pytest.raises(CallError) as found:
        call(daemon, method, **parameters)
    return found.value.name, found.value.parameters


def noting(ledger: Path, **keys: object) -> str:
    """A door whose commands note in ``ledger`` that they have run."""
    ledger.touch()
    commands = {"start_command": f"echo open %IP% >>{ledger}", "stop_command": f"echo close %IP% >>{ledger}"}
    return door("noted", SEQUENCE, **{"cmd_timeout": 600, **commands, **keys})


def ran(ledger: Path) -> list[str]:
    """What has run."""
    return ledger.read_text().splitlines()


@pytest.mark.parametrize("firewall", FIREWALLS)
@pytest.mark.parametrize("version", [4, 6])
def test_open_and_close(pair: Pair, start: Start, firewall: str, version: int) -> None:
    """The service answers while the door is open by hand: when Open has been answered, until Close has."""
    wall = FIREWALLS[firewall]
    for tool in wall.tools:
        need(tool)
    wall.close(pair.server)
    who = CLIENT[version]
    with TcpService(pair.server, SECRET):
        daemon = start(pair.server, config(firewall_door(wall, SEQUENCE, cmd_timeout=600)))
        assert not can_connect(pair.client, SERVER[version], SECRET)
        lease = call(daemon, "Open", door="secret", address=who)["lease"]
        wait_open(pair.client, SERVER[version], SECRET)
        closed = call(daemon, "Close", door="secret", address=who)
        wait_closed(pair.client, SERVER[version], SECRET)
    assert lease["state"] == "open"
    assert lease["address"] == who
    assert lease["destination"] == SERVER[version]
    assert lease["interface"] == "eth0"
    assert 590 < lease["seconds_left"] <= 600
    assert [one["id"] for one in closed["closed"]] == [lease["id"]]
    assert closed["failed"] == closed["running"] == []
    lines = daemon.log_lines()[1:]
    opened, stopped = wall.commands("tcp")[:2] if version == 4 else wall.commands("tcp")[2:]
    assert [line.partition(" (uid ")[0] for line in lines] == [
        f"{who}: secret: opening by hand",
        f"secret: running command: {opened.replace('%IP%', who)}",
        f"{who}: secret: closing by hand",
        f"secret: running command: {stopped.replace('%IP%', who)}",
    ]


def test_open_for_some_seconds(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A door that was opened for a second is closed after it; its commands were told so."""
    ledger = tmp_path / "ledger"
    told = {"start_command": f"echo open %TIMEOUT% >>{ledger}", "stop_command": f"echo close >>{ledger}"}
    daemon = start(pair.server, config(noting(ledger, **told)))
    call(daemon, "Open", door="noted", address=OTHER, seconds=1)
    wait_until(lambda: ran(ledger) == ["open 1", "close"], 10, "it is closed")
    daemon.wait_for("command timeout")


def test_open_is_answered_when_the_command_has_ended(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Also at a door that nothing closes, and for a renewal that closes first."""
    ledger = tmp_path / "ledger"
    slow = {"start_command": f"sleep 0.3; echo open >>{ledger}"}
    doors = noting(ledger, **slow), door("for ever", "701,801,901", **slow)
    daemon = start(pair.server, config(*doors))
    call(daemon, "Open", door="noted", address=OTHER)
    assert ran(ledger) == ["open"]
    call(daemon, "Open", door="noted", address=OTHER)
    assert ran(ledger) == ["open", f"close {OTHER}", "open"]
    assert call(daemon, "Open", door="for ever", address=OTHER)["lease"] is None
    assert ran(ledger)[3:] == ["open"]


def test_doors_without_a_live_sequence(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A one-time door that has used its last sequence up can be opened by hand all the same."""
    ledger, codes = tmp_path / "ledger", tmp_path / "codes"
    codes.write_text("")
    codes.chmod(0o600)
    text = noting(ledger).replace(f"sequence = {SEQUENCE}", f"one_time_sequences = {codes}")
    daemon = start(pair.server, config(text))
    assert call(daemon, "Open", door="noted", address=OTHER)["lease"]["state"] == "open"
    assert ran(ledger) == [f"open {OTHER}"]


def test_who_has_knocked(pair: Pair, start: Start, tmp_path: Path) -> None:
    """What a knock has opened is given more time, and closed, by hand."""
    ledger = tmp_path / "ledger"
    daemon = start(pair.server, config(noting(ledger)))
    send_knock(pair.client, SERVER[4], *STEPS)
    wait_until(lambda: ran(ledger) == [f"open {CLIENT[4]}"], 10, "it is open")

    def extended() -> Mapping[str, Any] | None:
        try:
            return call(daemon, "Extend", door="noted", address=CLIENT[4], seconds=5_000)
        except CallError:  # the daemon has not heard yet that the command has ended
            return None

    lease = wait_until(extended, 10, "it is open for the daemon, too")["lease"]
    assert 5_500 < lease["seconds_left"] <= 5_600
    assert call(daemon, "Close", all=True)["closed_total"] == 1
    assert ran(ledger) == [f"open {CLIENT[4]}", f"close {CLIENT[4]}"]
    assert refused(daemon, "Extend", door="noted", address=CLIENT[4], seconds=5)[0] == "NoSuchLease"


def test_what_cannot_be_closed(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A stop command that fails is said, and given up on demand; no next start hears of it."""
    ledger = tmp_path / "ledger"
    text = config(noting(ledger, stop_command=f"echo stop %IP% >>{ledger}; exit 3"))
    daemon = start(pair.server, text)
    lease = call(daemon, "Open", door="noted", address=OTHER)["lease"]
    assert refused(daemon, "Forget", lease=lease["id"])[0] == "Refused"
    found = call(daemon, "Close", address=OTHER)
    assert [one["state"] for one in found["failed"]] == ["retrying"]
    forgotten = call(daemon, "Forget", lease=lease["id"])
    assert forgotten["command"] == f"echo stop {OTHER} >>{ledger}; exit 3"
    assert refused(daemon, "Forget", lease=lease["id"])[0] == "NoSuchLease"
    assert daemon.count("given up by hand") == 1
    daemon.process.kill()
    daemon.process.wait()
    again = start(pair.server, text, directory=daemon.directory, ready=None)
    again.wait_for(LISTENING, times=2)
    assert call(again, "Close", all=True)["closed_total"] == 0
    assert ran(ledger) == [f"open {OTHER}", f"stop {OTHER}"]
    assert again.count("recovered") == 0


def test_killed_between(pair: Pair, start: Start, tmp_path: Path) -> None:
    """What was opened and extended by hand outlives a kill: with its time, and how it was opened."""
    ledger = tmp_path / "ledger"
    text = config(noting(ledger, cmd_timeout=5))
    daemon = start(pair.server, text)
    before = call(daemon, "Open", door="noted", address=OTHER, seconds=300)["lease"]
    call(daemon, "Extend", door="noted", address=OTHER, seconds=3_000)
    daemon.process.kill()
    daemon.process.wait()
    again = start(pair.server, text, directory=daemon.directory, ready=None)
    again.wait_for(LISTENING, times=2)
    after = call(again, "Extend", door="noted", address=OTHER, seconds=1)["lease"]
    assert after["id"] == before["id"]
    assert after["by"] == before["by"] == "by hand, root"
    assert after["seconds_open"] > 0
    assert 3_200 < after["seconds_left"] <= 3_301
    assert call(again, "Close", door="noted")["closed_total"] == 1
    assert ran(ledger) == [f"open {OTHER}", f"close {OTHER}"]


def test_reload(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A good file is in effect when Reload is answered; of a bad one every problem is said."""
    ledger = tmp_path / "ledger"
    daemon = start(pair.server, config(noting(ledger)))
    daemon.write_config(config(noting(ledger), door("second", "701,801,901", start_command="true")))
    assert call(daemon, "Reload")["doors"] == 2
    send_knock(pair.client, SERVER[4], "701", "801", "901")
    daemon.wait_for("second: OPEN SESAME")
    daemon.write_config("[options]\nNonsense = 1\n\n[noted]\nsequence = 1,x\n")
    name, found = refused(daemon, "Reload")
    assert name == "ConfigRefused"
    assert [one["line"] for one in found["problems"]] == [2, 5]
    assert all(one["text"].startswith(f"{daemon.config_path}:") for one in found["problems"])
    assert refused(daemon, "Open", door="mail", address=OTHER)[1]["doors"] == ["noted", "second"]


def test_many_reloads_at_once(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Several callers and a HUP at once: each caller has the outcome of a reading that began after it."""
    ledger = tmp_path / "ledger"
    daemon = start(pair.server, config(noting(ledger)))
    for count in (2, 3):
        more = (door(f"door{n}", f"{701 + n},801,901", start_command="true") for n in range(count - 1))
        daemon.write_config(config(noting(ledger), *more))
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(call, daemon, "Reload") for _ in range(4)]
            daemon.signal(signal.SIGHUP)
            assert [one.result()["doors"] for one in calls] == [count] * 4


def test_preview(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Test says what would be run, words, environment and user, and runs nothing: then Open runs that."""
    ledger, seen = tmp_path / "ledger", tmp_path / "seen"
    commands = {
        "start_command": f"env -u LS_COLORS /usr/bin/tee {seen}",
        "start_command_6": f"echo open %IP% %DST% '%DOOR%' >>{ledger}",
    }
    daemon = start(pair.server, config(noting(ledger, **commands)))
    four, six = (call(daemon, "Test", door="noted", address=CLIENT[version]) for version in (4, 6))
    assert four["start"]["words"] == ["env", "-u", "LS_COLORS", "/usr/bin/tee", str(seen)]
    assert four["start"]["environment"]["KNOCKD_IP"] == CLIENT[4]
    assert four["start"]["environment"]["KNOCKD_DST"] == SERVER[4]
    assert four["start"]["user"] == "root"
    assert four["obstacle"] is None
    assert six["start"]["words"] is None
    assert six["start"]["command"] == f"echo open {CLIENT[6]} {SERVER[6]} 'noted' >>{ledger}"
    assert six["stop"]["command"] == f"echo close {CLIENT[6]} >>{ledger}"
    assert ran(ledger) == []
    assert not seen.exists()
    call(daemon, "Open", door="noted", address=CLIENT[6])
    assert ran(ledger) == [f"open {CLIENT[6]} {SERVER[6]} noted"]
    assert daemon.count(f"running command: {six['start']['command']}") == 1


def test_bad_input(pair: Pair, start: Start, tmp_path: Path) -> None:
    """What cannot be is said, and nothing is run."""
    ledger = tmp_path / "ledger"
    daemon = start(pair.server, config(noting(ledger)))
    assert refused(daemon, "Open", door="nted", address=OTHER) == (
        "NoSuchDoor",
        {"door": "nted", "doors": ["noted"]},
    )
    for address in ("localhost", "192.0.2.0/24", "fe80::1%eth0", "0.0.0.0", f"{OTHER}; id"):
        assert refused(daemon, "Open", door="noted", address=address)[0] == "BadValue"
    for seconds in (0, -1, 1e300):
        assert refused(daemon, "Open", door="noted", address=OTHER, seconds=seconds)[0] == "BadValue"
    assert refused(daemon, "Close")[0] == "BadValue"
    assert refused(daemon, "Close", door="noted") == ("NoSuchLease", {"asked": "noted"})
    assert refused(daemon, "Forget", lease="x")[0] == "NoSuchLease"
    assert ran(ledger) == []


def test_the_daemon_ends_meanwhile(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Who waits for an answer when the daemon ends gets one, and what they opened is closed."""
    ledger, go = tmp_path / "ledger", tmp_path / "go"
    slow = {"start_command": f"echo open >>{ledger}; while ! test -e {go}; do sleep 0.05; done"}
    daemon = start(pair.server, config(noting(ledger, **slow), Exit_Patience=20))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(refused, daemon, "Open", door="noted", address=OTHER)
        wait_until(lambda: ran(ledger) == ["open"], 10, "the start command runs")
        daemon.signal(signal.SIGTERM)
        assert waiting.result(PATIENCE) == ("NotNow", {"life": "ending"})
        go.touch()
    assert daemon.process.wait(30) == 0
    assert ran(ledger) == ["open", f"close {OTHER}"]


def test_the_daemon_is_killed_meanwhile(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Who waits for an answer of a daemon that is killed is told; the next one closes what was begun."""
    ledger, go = tmp_path / "ledger", tmp_path / "go"
    slow = {"start_command": f"echo open >>{ledger}; while ! test -e {go}; do sleep 0.05; done"}
    text = config(noting(ledger, **slow))
    daemon = start(pair.server, text)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, daemon, "Open", door="noted", address=OTHER)
        wait_until(lambda: ran(ledger) == ["open"], 10, "the start command runs")
        daemon.process.kill()
        with pytest.raises(ControlError):
            waiting.result(PATIENCE)
    daemon.process.wait()
    again = start(pair.server, text, directory=daemon.directory, ready=None)
    again.wait_for(LISTENING, times=2)
    go.touch()
    assert call(again, "Close", all=True)["closed_total"] == 1
    assert ran(ledger) == ["open", f"close {OTHER}"]


def test_review(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A review of the log counts an opening by hand, and says how it was closed."""
    ledger = tmp_path / "ledger"
    daemon = start(pair.server, config(noting(ledger), LogFormat="json"), ready='"event": "starting"')
    call(daemon, "Open", door="noted", address=OTHER)
    call(daemon, "Close", all=True)
    daemon.stop()
    text = pair.server.run(*daemon.argv[:2], "knockd.ctl", "log", "--json", str(daemon.log_path), check=False)
    (opening,) = json.loads(text)["openings"]
    assert opening["by_hand"] is True
    assert opening["end"] == "by hand"
