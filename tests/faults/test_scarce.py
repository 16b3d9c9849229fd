"""What a host lacks or has little of costs a detail or an interface, and no knock elsewhere."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS
from tests.support.daemons.doors import CLIENT, config, door

WITHOUT_PROC = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
DESCRIPTORS = 20
FEW_DESCRIPTORS = ("sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh")
INTERFACES = 20
STEPS = ("700", "800", "900")
READERS = pytest.mark.parametrize("reader", ["pcapy", "socket"])


def text(reader: str, interface: str) -> str:
    """A door with commands, and the reader of its knocks."""
    commands = {"start_command": "true %IP%", "cmd_timeout": 1, "stop_command": "true bye %IP%"}
    made = config(door("secret", ",".join(STEPS), **commands), interface=interface)
    return made.replace("[options]", f"[options]\nCapture = {reader}")


@READERS
def test_without_proc(pair: Pair, start: Start, reader: str) -> None:
    """Without /proc, as in some jails, doors open and close."""
    daemon = start(pair.server, text(reader, "eth0"), program=(*WITHOUT_PROC, *OURS))
    pair.knock_until(daemon, STEPS, f"{CLIENT[4]}: secret: OPEN SESAME")
    daemon.wait_for("bye")
    assert "Traceback" not in daemon.output()
    assert daemon.stop() == 0


@READERS
def test_few_descriptors(pair: Pair, start: Start, reader: str) -> None:
    """With more interfaces than descriptors, those that have one hear knocks; the log names the others."""
    for number in range(INTERFACES):
        pair.server.run("ip", "link", "add", f"d{number}", "type", "veth", "peer", "name", f"p{number}")
        pair.server.run("ip", "link", "set", f"d{number}", "up")
    daemon = start(pair.server, text(reader, "any"), program=(*FEW_DESCRIPTORS, *OURS), interface=None)
    daemon.wait_for(f"d{INTERFACES - 1}: not listened on: ")
    assert daemon.count("raise their number: LimitNOFILE=") < INTERFACES
    pair.knock_until(daemon, STEPS, f"{CLIENT[4]}: secret: OPEN SESAME")
    daemon.wait_for("bye")
    assert "Traceback" not in daemon.output()
