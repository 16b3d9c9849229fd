"""``python -m tests.differential.configurations``: runs knockd 0.8 with the corpus and records its verdicts.

Every file has a daemon of its own, all on one host; each door is knocked at from an address of its own. No
command does anything: ``/bin/sh`` is ``true`` there. The record ends before any Cmd_Timeout of the corpus.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from knockd_conf.errors import ConfigError
from tests.differential.compare import Wire, wire
from tests.support.daemons.daemon import PEER
from tests.support.lab import enter
from tests.support.lab.waiting import wait_until
from tests.support.samples import configurations
from tests.support.samples.frames import ethernet, packet

START = """
mount -t tmpfs tmpfs /var/log && mount --bind /bin/true "$(readlink -f /bin/sh)" &&
exec stdbuf -oL "$@"
"""

OPENING = re.compile(r"^(?P<source>\S+): (?P<door>.+): OPEN SESAME$")
COMMAND = re.compile(r"^(?P<door>.+): running command: (?P<command>.*)$")


def record(on: Wire, directory: Path) -> dict[str, Any]:
    """The verdict of 0.8 on each file, as ``configurations.verdicts`` describes it."""
    outputs, daemons = {}, {}
    for path in configurations.FILES:
        outputs[path.name] = directory / f"{path.stem}.out"
        with outputs[path.name].open("wb") as output:
            daemons[path.name] = on.server.popen(
                *("unshare", "--mount", "sh", "-c", START, "sh"),
                *(*PEER, "-i", "eth0", "-v", "-c", str(path)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
    for name, daemon in daemons.items():
        wait_until(
            lambda d=daemon, n=name: d.poll() is not None or "listening on" in outputs[n].read_text(),  # type: ignore[misc]
            30,
            f"0.8 takes or refuses {name}",
        )
    time.sleep(0.2)  # it says that it listens before it does
    _knock(on)
    _wait_for_silence(outputs.values())
    found = {}
    for name, daemon in daemons.items():
        found[name] = {"status": daemon.poll(), **_read_output(outputs[name].read_text())}
        daemon.kill()
    return found


def _wait_for_silence(outputs: Iterable[Path]) -> None:
    """Waits until no daemon has printed anything for a second."""
    sizes: list[int] = []
    while sizes != (sizes := [path.stat().st_size for path in outputs]):
        time.sleep(1.0)


def _knock(on: Wire) -> None:
    macs = on.server.mac("eth0"), on.client.mac("eth0")
    with on.client.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind(("eth0", 0))
        for number, path in enumerate(configurations.FILES):
            try:
                config = configurations.read(path)
            except ConfigError:
                continue
            for _, _, packets in configurations.knocks(config, number):
                for one in packets:
                    addresses = str(ip_address(one.source)), str(ip_address(one.destination))
                    inner = packet(*addresses, one.port, one.protocol, flags=one.flags)
                    out.send(ethernet(*macs, inner))
                    time.sleep(0.002)


def _read_output(output: str) -> dict[str, list[Any]]:
    """Door and IP version of every opening, and the start commands, sorted: they run side by side."""
    openings, commands = [], []
    for line in output.splitlines():
        if opened := OPENING.match(line):
            openings.append([opened["door"], ip_address(opened["source"]).version])
        elif ran := COMMAND.match(line):
            commands.append(ran["command"])
    return {"openings": openings, "commands": sorted(commands)}


def write(verdicts: Mapping[str, Any]) -> None:
    """Writes the record, a line a file."""
    lines = [f"{json.dumps(name)}: {json.dumps(verdict)}" for name, verdict in verdicts.items()]
    configurations.VERDICTS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main() -> int:
    """Records the verdicts anew."""
    with wire() as hosts, tempfile.TemporaryDirectory() as directory:
        write(record(hosts, Path(directory)))
    return 0


if __name__ == "__main__":
    if not enter.may_build():
        enter.run([sys.executable, "-m", "tests.differential.configurations"])
    sys.exit(main())
