"""Logs that both daemons wrote for real, to a file, to syslog and to the journal, reviewed by knockctl."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.booted import need_systemd
from tests.support.lab.disks import with_devlog
from tests.support.lab.services import send_knock
from tests.support.lab.systemd_unit import Unit
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

OWNER, STRANGER = CLIENT[4], "10.7.0.9"
SECOND = 1
"""Seq_Timeout and Cmd_Timeout."""

DOORS = (
    door(
        "ssh", "700,800,900", seq_timeout=SECOND, cmd_timeout=SECOND, command="true %IP%", stop_command="true"
    ),
    door("web: admin", "1700,1800", seq_timeout=SECOND, command="exit 3"),
)
PRECISION = 60
"""Seconds: the stamps of a log file in the classic format are of minutes."""


def live(pair: Pair, read_log: Callable[[], str]) -> None:
    """Two openings, a start command that fails, an attempt that is too slow, a first step of a stranger."""
    server = SERVER[4]

    def wait_for(text: str, times: int) -> None:
        wait_until(lambda: read_log().count(text) >= times, 10, f"{times} times {text}")

    send_knock(pair.client, server, "700", "800", "900")
    wait_for("command timeout", 1)
    send_knock(pair.client, server, "700", "800")
    time.sleep(SECOND + 1.1)
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    pair.client.send_frames("eth0", [ethernet(*macs, packet(STRANGER, server, 700))])
    wait_for("sequence timeout (stage 2)", 1)  # 0.8 says it when the next packet comes
    send_knock(pair.client, server, "1700", "1800")
    wait_for("non-zero status code (3)", 1)
    time.sleep(SECOND + 1.1)
    send_knock(pair.client, server, "700", "800", "900")
    wait_for("command timeout", 2)


def review(log: object, stdin: str = "") -> dict[str, Any]:
    """What ``knockctl log --json`` says."""
    argv = (sys.executable, "-m", "knockd.ctl", "log", "--json", str(log))
    done = subprocess.run(
        argv, input=stdin.encode(), capture_output=True, env=environment(), check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any], form: str, begun: float) -> None:
    """The review says what ``live`` did since ``begun``, and that each line was ``form``."""
    openings = [(one["door"], one["ip"], one["end"]) for one in found["openings"]]
    expected = [
        ("ssh", OWNER, "timeout"),
        ("ssh", OWNER, "timeout"),
        ("web: admin", OWNER, "not opened"),
    ]
    assert sorted(openings) == expected
    doors = {one["door"]: (one["openings"], one["addresses"], one["failed"]) for one in found["doors"]}
    assert doors == {"ssh": (2, 1, 2), "web: admin": (0, 0, 1)}
    (owner,) = found["owners"]
    assert (owner["ip"], owner["openings"], owner["failed"]) == (OWNER, 2, 2)
    assert {one["event"] for one in owner["failures"]} == {"expired", "command-failed"}
    (scanner,) = found["scanners"]
    assert (scanner["source"], scanner["attempts"]) == (STRANGER, 1)
    (command,) = found["commands"]
    assert (command["door"], command["count"]) == ("web: admin", 1)
    assert found["stuck"] == []
    assert list(found["lines"]["by_format"]) == [form]
    assert found["lines"]["unread"] == 0
    assert abs(found_time(found["first"]) - begun) <= PRECISION


def found_time(stamp: str) -> float:
    """Seconds since the epoch of a time of the review."""
    return datetime.fromisoformat(stamp).timestamp()


def test_a_log_file(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """The classic file of each daemon."""
    begun = time.time()
    daemon = start(pair.server, config(*DOORS), program=either)
    live(pair, daemon.log_path.read_text)
    daemon.stop()
    check(review(daemon.log_path), "classic", begun)


def test_json(pair: Pair, start: Start) -> None:
    """The file of ours as JSON."""
    begun = time.time()
    daemon = start(pair.server, config(*DOORS, logformat="json"), ready="starting")
    live(pair, lambda: _classic(daemon.log_path.read_text()))
    daemon.stop()
    check(review(daemon.log_path), "json", begun)


def _classic(text: str) -> str:
    """The words that ``live`` waits for."""
    words = {
        '"command-timeout"': "command timeout",
        '"expired", ': "sequence timeout (stage 2)",
        '"status": 3': "non-zero status code (3)",
    }
    for name, classic in words.items():
        text = text.replace(name, classic)
    return text


def test_syslog(pair: Pair, start: Start, either: tuple[str, ...], tmp_path: Path) -> None:
    """What busybox's syslogd makes of the messages of each daemon."""
    need("busybox")
    log = tmp_path / "messages"
    argv = with_devlog(("busybox", "syslogd", "-n", "-O", str(log)), tmp_path)
    pair.server.popen(*argv)
    wait_until((tmp_path / "devlog").exists, 10, "syslogd listens")
    begun = time.time()
    text = config(*DOORS).replace("[options]", "[options]\nUseSyslog")
    daemon = start(pair.server, text, program=with_devlog(either, tmp_path), ready=None)
    wait_until(lambda: "starting up" in log.read_text(), 10, "it listens")
    time.sleep(0.3)
    live(pair, log.read_text)
    daemon.process.kill()
    daemon.process.wait()
    check(review(log), "syslog", begun)


def test_journal(pair: Pair) -> None:
    """What journalctl prints of our unit, in the format that knockctl(1) names."""
    need_systemd()
    with Unit(pair.server) as unit:
        for name in ("systemd-journald.service", "systemd-journald.socket"):
            unit.path(f"/run/systemd/system/{name}").unlink()
        unit.run("systemctl", "daemon-reload")
        unit.run("systemctl", "start", "systemd-journald.socket", "systemd-journald.service")
        begun = time.time()
        unit.begin(*DOORS)
        live(pair, unit.log)
        journal = unit.run("journalctl", "-u", "knockd", "-o", "short-iso", "--no-pager")
    check(review("-", stdin=journal), "iso", begun)
