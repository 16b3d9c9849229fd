"""Tools that look for knockd by its name find one process, as they do with knockd 0.8."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair
from tests.support.daemons.daemon import OURS, PEER, environment
from tests.support.daemons.doors import config, door
from tests.support.lab.tools import need

SCRIPT = """#!{python}
import sys
from knockd.cli import main
sys.exit(main())
"""
"""What pip installs as ``knockd``."""

IN_NAMESPACE = """
exec 2>&1
LOG={log}
{command} > /dev/null &
until grep -qs 'listening on' $LOG; do sleep 0.05; done
sleep 0.5  # in which 0.8 comes to hear signals
for tool in 'pidof knockd' 'pidof -x knockd' 'busybox pidof knockd' 'pgrep knockd' 'pgrep -x knockd' \\
    "pgrep -f 'knockd -i eth0'" 'ps -o pid= -C knockd'
do
    found=$(eval "$tool")
    [ $found = $! ] || echo "$tool: $found"
done
before=$(pgrep -P $!)
killall -HUP knockd
until grep -q 're-reading config file' $LOG; do sleep 0.05; done
sleep 0.5
for _ in $(seq 200); do  # the child that reads the file may take a while
    after=$(pgrep -P $!)
    [ "$before" = "$after" ] && break
    sleep 0.05
done
[ "$before" = "$after" ] || echo "packet process: $before, $after"
ps -o comm= --ppid $!
echo $! > $LOG.pid
start-stop-daemon --stop --name knockd --pidfile $LOG.pid > /dev/null && wait
tail -1 $LOG
"""


@pytest.fixture(params=["script", "module", "0.8"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """Our knockd as it is installed, as a module, and 0.8."""
    if request.param == "0.8":
        need(PEER[0])
        return PEER
    if request.param == "module":
        return OURS
    path = tmp_path / "knockd"
    path.write_text(SCRIPT.format(python=sys.executable))
    path.chmod(0o755)
    return (str(path),)


def test_one_process(pair: Pair, program: tuple[str, ...], tmp_path: Path) -> None:
    """Every tool names the keeper alone; HUP to all of that name reloads, and the packet process goes on."""
    for tool in ("unshare", "pidof", "busybox", "pgrep", "killall", "start-stop-daemon"):
        need(tool)
    (tmp_path / "conf").write_text(config(door("secret", "17310,25977:udp,21004", start_command="true")))
    (tmp_path / "conf").chmod(0o600)
    log = tmp_path / "log"
    state: tuple[str, ...] = ("--state-dir", str(tmp_path / "state"), "--control-socket", str(tmp_path / "c"))
    if program == PEER:
        state = ()
    argv = (*program, "-i", "eth0", "-c", str(tmp_path / "conf"), "-g", str(log), *state)
    # A file, for no other command line than the daemon's may have its options.
    script = tmp_path / "script"
    environ = shlex.join(f"{name}={value}" for name, value in environment().items() if name == "PYTHONPATH")
    script.write_text(IN_NAMESPACE.format(log=log, command=f"env {environ} {shlex.join(argv)}"))
    spaces = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    said = pair.server.run(*spaces, "sh", str(script)).splitlines()
    children = [] if program == PEER else ["knock-packets"]
    assert [line.rpartition("] ")[2] for line in said] == [*children, "shutting down"]
