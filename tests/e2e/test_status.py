"""Status and Counters of a daemon at work, over its control socket."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from knockd.control.client import Control
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

SSH = door("ssh", "700,800,900", start_command="/bin/true", cmd_timeout=3600, stop_command="/bin/true")
FAILS = door("fails", "1700,1800", start_command="/bin/false")


def ask(daemon: Daemon, method: str = "Status", **parameters: object) -> Mapping[str, Any]:
    """The answer of a daemon."""
    with Control(str(daemon.control_path)) as control:
        return control.call(method, **parameters)


def counts(daemon: Daemon) -> dict[str, float]:
    """What the daemon has counted, of interfaces and doors as ``name of``."""
    rows = ask(daemon, "Counters")["counts"]
    return {
        " ".join(filter(None, (row["name"], row.get("door"), row.get("interface")))): row["value"]
        for row in rows
    }


def without_figures(told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer, if the packet process has said nothing for it."""
    return told if told.get("attempts_total") is None else None


def wait_figures(daemon: Daemon) -> Mapping[str, Any]:
    """An answer for which the packet process has said something."""

    def seen() -> Mapping[str, Any] | None:
        told = ask(daemon)
        return None if without_figures(told) else told

    return wait_until(seen, 10.0, "figures")


def test_who_is_in(pair: Pair, start: Start) -> None:
    """Who is in and who is on the way are told, and what it has cost."""
    daemon = start(pair.server, config(SSH))
    send_knock(pair.client, SERVER[4], "700", "800", "900", "700", "800")
    daemon.wait_for("Stage 2", times=2)
    wait_until(lambda: [one["state"] for one in ask(daemon)["leases"]] == ["open"], 5, "its command is done")
    told = ask(daemon)
    (lease,) = told["leases"]
    assert [lease["door"], lease["address"], lease["state"]] == ["ssh", CLIENT[4], "open"]
    assert lease["by"] == f"knock at {SERVER[4]} on eth0"
    assert 3_500 < lease["seconds_left"] <= 3_600
    (attempt,) = told["attempts"]
    assert [attempt["address"], attempt["stage"], attempt["steps"]] == [CLIENT[4], 2, 3]
    (interface,) = told["interfaces"]
    assert SERVER[4] in interface["addresses"]
    assert [interface["name"], interface["link_type"], interface["dropped"]] == ["eth0", "Ethernet", 0]
    assert interface["received"] >= 5
    assert 0 < interface["most_executed"] <= interface["instructions"]
    counted = counts(daemon)
    assert counted["openings ssh"] == 1
    assert counted["attempts"] == 2
    assert counted["leases ssh"] == 1
    assert counted["received eth0"] >= 5


def test_another_packet_process(pair: Pair, start: Start) -> None:
    """Counts go on when another packet process takes over, and are told with those of the new one."""
    daemon = start(pair.server, config(SSH))
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    daemon.wait_for("OPEN SESAME")
    before, counted = ask(daemon), counts(daemon)
    daemon.write_config(config(SSH).replace("[options]", "[options]\nLatency = 11"))
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: ask(daemon)["worker"] != before["worker"], 10.0, "another packet process")
    after = wait_figures(daemon)
    assert after["worker_restarts"] == 0  # nothing went wrong
    assert after["interfaces"][0]["received"] >= before["interfaces"][0]["received"]
    again = counts(daemon)
    assert again["attempts"] == counted["attempts"] == 1
    assert again["reloads"] == 1


def test_killed_packet_process(pair: Pair, start: Start) -> None:
    """While there is no packet process the rest is told, and counts are kept."""
    daemon = start(pair.server, config(SSH))
    send_knock(pair.client, SERVER[4], "700", "800", "900")
    daemon.wait_for("OPEN SESAME")
    before = counts(daemon)
    worker = ask(daemon)["worker"]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: ask(daemon)["worker"] not in {worker, None}, 10.0, "another packet process")
    after = counts(daemon)
    assert after["attempts"] == before["attempts"] == 1
    assert after["worker_starts"] == 2
    assert after["received eth0"] >= before["received eth0"]


def test_hanging_packet_process(pair: Pair, start: Start) -> None:
    """A packet process that says nothing delays the answer a little, and it has no figures."""
    daemon = start(pair.server, config(SSH))
    worker = ask(daemon)["worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        told = wait_until(lambda: without_figures(ask(daemon)), 10.0, "an answer without figures")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert told["interfaces"][0].get("received") is None
    wait_figures(daemon)


def test_bad_reload(pair: Pair, start: Start) -> None:
    """What is wrong with a file that was refused is told with its line until a good one is there."""
    daemon = start(pair.server, config(SSH))
    daemon.write_config(config(SSH) + "\n[broken]\nSequence = x\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("keeping the old configuration")
    (problem,) = ask(daemon)["refused"]
    assert problem["path"] == str(daemon.config_path)
    assert f"{daemon.config_path}:{problem['line']}" in problem["text"]
    assert counts(daemon)["reload_refusals"] == 1
    daemon.write_config(config(SSH))
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: not ask(daemon)["refused"], 10.0, "a good file")


def test_failures(pair: Pair, start: Start) -> None:
    """A start command that fails is counted, and is no refusal."""
    daemon = start(pair.server, config(FAILS))
    send_knock(pair.client, SERVER[4], "1700", "1800")
    daemon.wait_for("its start command failed")
    counted = counts(daemon)
    assert counted["start_failures"] == 1
    assert counted.get("refusals fails", 0) == 0


def test_watch(pair: Pair, start: Start) -> None:
    """Who watches is told when somebody comes in."""
    daemon = start(pair.server, config(SSH))
    with Control(str(daemon.control_path)) as control:
        answers = control.watch("Status", door="ssh")
        assert next(answers)["leases"] == []
        send_knock(pair.client, SERVER[4], "700", "800", "900")
        found = next(answer for answer in answers if answer["leases_total"])
        assert found["leases"][0]["address"] == CLIENT[4]
