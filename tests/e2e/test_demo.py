"""``make demo`` shows every step and leaves nothing behind, also when it is stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemons.daemon import ROOT, environment
from tests.support.lab.hosts import NETNS
from tests.support.lab.tools import need

DEMO = [sys.executable, "-m", "tests.demo"]


def begin(directory: Path) -> subprocess.Popen[str]:
    """Start the demo with ``directory`` for its temporary files."""
    variables = {**environment(), "TMPDIR": str(directory)}
    return subprocess.Popen(DEMO, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True)


def leftovers(pid: int, directory: Path) -> list[str]:
    """What is left of a demo that ran as process ``pid``: namespaces, files, processes."""
    names = [entry.name for entry in NETNS.glob(f"*-{pid}-*")]
    files = [entry.name for entry in directory.iterdir()]
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return names + files + [line.decode() for line in lines if str(directory).encode() in line]


def test_the_demo_opens_and_closes_the_port(tmp_path: Path) -> None:
    """Closed, knocked, open, closed again: in this order, with knockd's own lines between."""
    need("nft")
    with begin(tmp_path) as demo:
        said, _ = demo.communicate(timeout=60)
    story = [
        "The port is closed.",
        "client$ knock",
        "    | 10.7.0.2: ssh: Stage 3",
        "    | 10.7.0.2: ssh: OPEN SESAME",
        "    | ssh: running command: nft add element",
        "The port is open.",
        "    | 10.7.0.2: ssh: command timeout",
        "    | ssh: running command: nft delete element",
        "The port is closed.",
        "    | shutting down",
        "nothing on this machine was changed",
    ]
    position = 0
    for part in story:
        position = said.find(part, position)
        assert position >= 0, f"{part!r} is missing or out of order in\n{said}"
    assert demo.returncode == 0
    assert leftovers(demo.pid, tmp_path) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_stopped_cleans_up(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """Ctrl-C or TERM in the middle: the lab is gone all the same."""
    need("nft")
    with begin(tmp_path) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "OPEN SESAME" in line:
                break
        demo.send_signal(number)
        demo.communicate(timeout=30)
    assert demo.returncode == status
    assert leftovers(demo.pid, tmp_path) == []
