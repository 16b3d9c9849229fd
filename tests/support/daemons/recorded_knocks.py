"""Knocks of every kind at a daemon while tcpdump records, over each kind of link.

``python -m tests.support.daemons.recorded_knocks`` writes the captures in tests/support/samples anew.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.daemons.clients import CLIENTS, knock_hping3, knock_nmap, knock_old, knock_ours
from tests.support.daemons.daemon import ROOT, Daemon
from tests.support.daemons.doors import (
    CLIENT_ADDRESSES,
    SERVER,
    SERVER_ADDRESSES,
    config,
    door,
    drop_with_nftables,
)
from tests.support.daemons.recording import Recording, Verdict, judge
from tests.support.lab.enter import may_build, run
from tests.support.lab.hosts import Host, Lab

SAMPLES = ROOT / "tests/support/samples/captures"
CONFIG = SAMPLES / "knockd.conf"

ADDRESSES = ",".join(SERVER.values())
"""What --local has to name."""

SECONDS = 2
"""Seq_Timeout of the doors with late knocks, and how long they ignore a source after a guard port."""


def _door(name: str, sequence: str, **keys: object) -> str:
    return door(name, sequence, start_command=f"true {name} opens for %IP%", **keys)


TEXT = config(
    _door(
        "ssh",
        "700,800,900",
        tcpflags="syn",
        seq_timeout=10,
        cmd_timeout=1,
        stop_command="true ssh closes for %IP%",
    ),
    _door("mixed", "1700:udp,1800,1900:udp", seq_timeout=10),
    _door("quick", "2700,2800,2900", tcpflags="syn", seq_timeout=SECONDS),
    _door("fin", "3700,3800", tcpflags="fin,!syn,!ack", seq_timeout=SECONDS),
    _door("openSSH", "4700,4800,4900", tcpflags="syn", seq_timeout=SECONDS),
    _door("closeSSH", "4900,4800,4700", tcpflags="syn", seq_timeout=SECONDS),
)


@dataclass(frozen=True)
class Link:
    """How two hosts are joined, and what tcpdump records: its interface and the name of its link type."""

    join: Callable[[Lab, Host, Host], str]
    record: str
    link_type: str | None = None
    drop: bool = False
    """The server answers nothing, so clients send again."""


def _cable(lab: Lab, server: Host, client: Host) -> str:
    lab.link(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
    return "eth0"


def _tun(lab: Lab, server: Host, client: Host) -> str:
    lab.tun(server, "tun0", client, "tun0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
    return "tun0"


LINKS = {
    "ethernet": Link(_cable, "eth0"),
    "silent": Link(_cable, "eth0", drop=True),
    "tun": Link(_tun, "tun0"),
    "sll": Link(_cable, "any", "LINUX_SLL"),
    "sll2": Link(_cable, "any", "LINUX_SLL2"),
}


def record(link: Link, folder: Path) -> tuple[Path, Verdict]:
    """A capture in ``folder`` of all knocks, and what the daemon made of it."""
    capture = folder / "capture.pcap"
    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        interface = link.join(lab, server, client)
        if link.drop:
            drop_with_nftables(server)
        with (
            Daemon(server, TEXT, folder, "-D", interface=interface) as daemon,
            Recording(server, capture, link.record, link.link_type),
        ):
            play(client)
        return capture, judge(capture, daemon.output())


def play(client: Host) -> None:
    """Knocks that open by every client over both IP versions, then those that do not."""
    four = SERVER[4]
    for name, knock in CLIENTS.items():
        for address in SERVER.values():
            if name == "hping3" and ":" in address:
                continue  # it knows IPv4 only
            knock(client, address, "700", "800", "900")
            knock(client, address, "1700:udp", "1800", "1900:udp")
    knock_ours(client, four, "2700", "2900", "2800")
    knock_old(client, four, "2700", "2701", "2800", "2900")
    knock_old(client, four, "2700", "2800", "2900")  # ignored: it has touched a guard port
    time.sleep(SECONDS)
    knock_nmap(client, four, "2700", "2800")
    time.sleep(SECONDS)
    knock_nmap(client, four, "2900")  # too late
    knock_old(client, four, "2700", "2800", "2900")
    knock_hping3(client, four, "3700", "3800")  # SYN, where FIN is asked for
    knock_hping3(client, four, "3700", "3800", flags="-F")
    knock_ours(client, SERVER[6], "4700", "4800", "4900")
    knock_ours(client, SERVER[6], "4900", "4800", "4700")
    client.run("nmap", "-n", "-Pn", "-sS", "-r", "--send-ip", "--max-retries", "0", "-p", "4690-4710", four)
    time.sleep(1.5)  # the last door is closed


def main() -> None:
    """Writes the configuration, and a capture with its verdict for each link."""
    CONFIG.write_text(TEXT)
    for name, link in LINKS.items():
        with tempfile.TemporaryDirectory() as folder:
            capture, verdict = record(link, Path(folder))
            (SAMPLES / f"{name}.pcap").write_bytes(capture.read_bytes())
        verdict.write(SAMPLES / f"{name}.json")
        print(f"{name}: {len(verdict.openings)} openings")


if __name__ == "__main__":
    if not may_build():
        run([sys.executable, "-m", "tests.support.daemons.recorded_knocks"])
    main()
