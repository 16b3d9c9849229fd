"""The owner of a name and the output of a command cannot forge a line, and %IP% is an address."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from knockd.log.names import MAX_LOOKUPS
from knockd_conf.text import printable
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, OURS, STAMP
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.name_server import NameServer
from tests.support.lab.processes import children
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

FORGED = "192.0.2.9: secret: OPEN SESAME"
EVIL = rf"\033[2J\r\n[2026-11-22 20:13] {FORGED}\n%s{{ip}}{{0}}\342\200\256\377\n"
DOOR = "{ip}%s \"'\\{0.__class__} $(id)"


@pytest.mark.parametrize("log_format", ["classic", "json"])
def test_no_line_is_forged(pair: Pair, start: Start, tmp_path: Path, log_format: str) -> None:
    """Control characters in names and output, braces and percent signs: each line is what it is."""
    evil = "\x1b[2J{ip}\u202e"
    pair.lab.link(pair.server, evil, pair.client, "eth1", ("10.8.0.1/24",), ("10.8.0.2/24",))
    shown = tmp_path / "shown"
    command = (
        f"printf '{EVIL}'; printf %s \"$KNOCKD_DOOR|$KNOCKD_IFACE|\" %DOOR% '|' %IFACE% > {shown}; exit 7"
    )
    text = config(door(DOOR, "700,800", start_command=command), LogFormat=log_format)
    ready = LISTENING if log_format == "classic" else '"event": "starting"'
    daemon = start(pair.server, text, interface=printable(evil), ready=ready)
    send_knock(pair.client, "10.8.0.1", "700", "800")
    daemon.wait_for("non-zero" if log_format == "classic" else "command-failed")
    lines = [line for line in daemon.log_path.read_text().split("\n") if line]
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in daemon.output().splitlines() if not line.isprintable()] == []
    assert shown.read_text() == f"{DOOR}|{evil}|{DOOR}|{evil}"
    if log_format == "json":
        events = [json.loads(line) for line in lines]
        assert {event["door"] for event in events if "door" in event} == {DOOR}
        assert {event["ip"] for event in events if "ip" in event} == {"10.8.0.2"}
        assert [event["event"] for event in events].count("open") == 1
    else:
        assert [line for line in lines if not STAMP.match(line)] == []
        texts = [STAMP.sub("", line) for line in lines]
        assert [line for line in texts if line.endswith("OPEN SESAME") and "said" not in line] == [
            f"10.8.0.2: {DOOR}: OPEN SESAME"
        ]
        forged = [line for line in texts if FORGED in line]
        assert len(forged) == 2
        assert [line for line in forged if not line.startswith(f"{DOOR}: ")] == []


LONG = tuple(b"x" * 60 for _ in range(4))
NAMES = {
    "honest": (b"alice", b"example"),
    "long": LONG,
    "line": (b"a\n1.2.3.4: secret: OPEN SESAME", b"example"),
    "escape": (b"\x1b[2Ja", b"example"),
    "letters": ("t\u00fcr\u202e".encode(), b"example"),
    "bytes": (b"\xff\xfe\x00", b"example"),
    "bracket": (b"a): secret: OPEN SESAME (b",),
    "shell": (b"$(reboot)", b"`id`"),
    "address": (b"192", b"0", b"2", b"9"),
    "format": (b"%s{ip}%n", b"example"),
}
SHOWN = {"honest": " (alice.example)", "long": f" ({'.'.join(['x' * 60] * 4)})", "address": " (192.0.2.9)"}


def asking(tmp_path: Path, address: str) -> tuple[str, ...]:
    """Our daemon on a host whose name server is at an address."""
    path = tmp_path / "resolv.conf"
    path.write_text(f"nameserver {address}\noptions attempts:1\n")
    return ("sh", "-c", f'mount --bind {path} /etc/resolv.conf && exec "$@"', "sh", *OURS)


@pytest.mark.parametrize("kind", NAMES)
def test_hostile_names(pair: Pair, start: Start, tmp_path: Path, kind: str) -> None:
    """Whatever name the owner of an address gave it, the line is one, and the command gets the address."""
    shown = tmp_path / "shown"
    command = f"printf '%%s ' %IP% \"$KNOCKD_IP\" > {shown}".replace("%%", "%")
    text = config(door("secret", "700,800", start_command=command))
    state = ("--state-dir", str(tmp_path / "state"))
    with NameServer(pair.client, CLIENT[4], NAMES[kind]) as server:
        daemon = start(pair.server, text, "-l", *state, program=asking(tmp_path, CLIENT[4]))
        send_knock(pair.client, SERVER[4], "700", "800")
        lines = [line for line in daemon.wait_for("running command") if "secret: " in line]
        assert server.asked > 0
    who = f"{CLIENT[4]}{SHOWN.get(kind, '')}"
    assert lines == [
        *(f"{who}: secret: Stage {stage}" for stage in (1, 2)),
        f"{who}: secret: OPEN SESAME",
        f"secret: running command: {command.replace('%IP%', CLIENT[4])}",
    ]
    wait_until(lambda: shown.exists() and shown.read_text() == f"{CLIENT[4]} " * 2, 10, "the command ran")


def test_name_server_that_is_silent(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A name server that never answers holds no command up; lines come without names."""
    opened = tmp_path / "opened"
    text = config(door("secret", "700", start_command=f"echo >> {opened}"))
    state = ("--state-dir", str(tmp_path / "state"))
    with NameServer(pair.client, CLIENT[4], None):
        daemon = start(pair.server, text, "-l", *state, program=asking(tmp_path, CLIENT[4]))
        send_knock(pair.client, SERVER[4], "700")
        wait_until(opened.exists, 10, "the door opens")
        lines = daemon.wait_for("running command")
    expected = [f"{CLIENT[4]}: secret: {what}" for what in ("Stage 1", "OPEN SESAME")]
    assert [line for line in lines if "secret: " in line and "running" not in line] == expected


def test_end_while_a_name_is_asked_for(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Lines that wait for a name are logged without it when the daemon ends."""
    opened = tmp_path / "opened"
    text = config(door("secret", "700,800", start_command=f"echo >> {opened}"))
    state = ("--state-dir", str(tmp_path / "state"))
    with NameServer(pair.client, CLIENT[4], None):
        daemon = start(pair.server, text, "-l", *state, program=asking(tmp_path, CLIENT[4]))
        send_knock(pair.client, SERVER[4], "700", "800")
        wait_until(opened.exists, 10, "the door opens")
        assert daemon.stop() == 0
    assert f"{CLIENT[4]}: secret: OPEN SESAME" in daemon.log_lines()


def test_flood_of_sources(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Hundreds of sources at once are all logged; few look-ups run, and none is left behind."""
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    sources = [f"10.9.{number // 250}.{number % 250 + 1}" for number in range(400)]
    frames = [ethernet(*macs, packet(source, SERVER[4], port)) for source in sources for port in (700, 800)]
    state = ("--state-dir", str(tmp_path / "state"))
    with NameServer(pair.client, CLIENT[4], None):
        text = config(door("secret", "700,800", start_command=None))
        daemon = start(pair.server, text, "-l", *state, program=asking(tmp_path, CLIENT[4]))
        looked_up: list[int] = []

        def all_logged() -> bool:
            looked_up.append(len(look_ups(daemon.pid)))
            return daemon.count("OPEN SESAME") >= len(sources)

        pair.client.send_frames("eth0", frames)
        wait_until(all_logged, 20, "every opening is logged")
        wait_until(lambda: look_ups(daemon.pid) == [], 10, "all look-ups have ended")
    opened = [line.partition(":")[0] for line in daemon.log_lines() if "OPEN SESAME" in line]
    assert (sorted(opened), 0 < max(looked_up) <= MAX_LOOKUPS) == (sorted(sources), True)


def look_ups(pid: int) -> list[int]:
    """The look-ups of a daemon; its commands have other names, and so has its packet process."""
    found = []
    for child in children(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{child}/comm").read_text() == "knock-helper\n":
                found.append(child)
    return found
