"""A locale without the characters of the configuration: everything works as in any other."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

ASCII = ("env", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0", "LC_ALL=C", *OURS)


def named(folder: Path, name: str) -> Path:
    """A file whose name is UTF-8, whatever the locale of the tests is."""
    return folder / os.fsdecode(name.encode())


def test_characters_that_the_locale_lacks(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Paths and commands are UTF-8: the door opens and closes, and log and state are where they should."""
    ledger = named(tmp_path, "bücher")
    leased = door(
        *("leased", "1700,1800"),
        start_command=f"echo öffne >> {tmp_path}/bücher",
        stop_command=f"echo schließe %IP% >> {tmp_path}/bücher",
        cmd_timeout=1,
    )
    daemon = start(pair.server, config(leased, StateDir=f"{tmp_path}/zustände"), program=ASCII)
    send_knock(pair.client, SERVER[4], "1700", "1800")
    wait_until(lambda: ledger.exists() and ledger.read_bytes().count(b"\n") == 2, 10, "it opens and closes")
    assert f"öffne\nschließe {CLIENT[4]}\n" == ledger.read_text("utf-8")
    assert named(tmp_path, "zustände").is_dir()
    assert daemon.stop() == 0
    assert 1 == daemon.count(f"echo öffne >> {tmp_path}/bücher")
    assert "Traceback" not in daemon.output()


def test_log_and_pid_file(pair: Pair, tmp_path: Path) -> None:
    """Log and pid file of a daemon are where the configuration says, and a HUP opens them again."""
    log, pid_file, path = named(tmp_path, "tägliches"), named(tmp_path, "nümmer"), tmp_path / "knockd.conf"
    files = {
        "LogFile": f"{tmp_path}/tägliches",
        "PidFile": f"{tmp_path}/nümmer",
        "StateDir": tmp_path / "state",
    }
    path.write_text(config(door("secret", "1,2"), Interface="eth0", **files), "utf-8")
    path.chmod(0o600)
    pair.server.popen(*ASCII, "-d", "-v", "-c", str(path), env=environment()).wait(20)
    pid = int(pid_file.read_text())
    try:
        os.kill(pid, 1)
        wait_until(lambda: log.read_text().count("listening on") == 2, 10, "the reload is done")
    finally:
        os.kill(pid, 15)
    wait_until(lambda: not pid_file.exists(), 10, "the daemon has ended")
