"""Options of the command line that change what is captured or logged."""

from __future__ import annotations

import json
import re
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.services import send_knock

DOORS = config(
    door("secret", "700,800:udp", start_command="true"), door("marker", "1700,1800:udp", start_command="true")
)


def test_only_ip_v4_leaves_ipv6_alone(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """With ``-4`` an IPv6 knock is not heard, an IPv4 one is."""
    daemon = start(pair.server, DOORS, "-4", program=either)
    send_knock(pair.client, SERVER[6], "700", "800:udp")
    send_knock(pair.client, SERVER[4], "700", "800:udp")
    lines = daemon.wait_for("running command")
    assert [line for line in lines if CLIENT[6] in line] == []


def test_debug_prints_a_line_for_every_packet(pair: Pair, start: Start) -> None:
    """``-D`` shows time (with the right month), protocol, addresses, ports and size of each packet."""
    daemon = start(pair.server, DOORS, "-D")
    send_knock(pair.client, SERVER[4], "700", "800:udp")
    daemon.wait_for("running command")
    stamp = r"\d{4}-(0[1-9]|1[0-2])-\d\d \d\d:\d\d:\d\d"
    ends = rf"{CLIENT[4]}:\d+ -> {SERVER[4]}"
    assert re.search(rf"^{stamp}: tcp: {ends}:700 \d+ bytes$", daemon.output(), re.MULTILINE)
    assert re.search(rf"^{stamp}: udp: {ends}:800 \d+ bytes$", daemon.output(), re.MULTILINE)


def test_verbose_prints_log_lines_without_stamps(pair: Pair, start: Start) -> None:
    """What goes to the log goes to standard output too, the same texts."""
    daemon = start(pair.server, DOORS)
    send_knock(pair.client, SERVER[4], "700", "800:udp")
    daemon.wait_for("running command")
    daemon.stop()
    assert [*daemon.notes(), *daemon.log_lines()] == daemon.output().splitlines()


def test_the_log_has_the_stamp_of_0_8(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """``[YYYY-MM-DD HH:MM] message``."""
    daemon = start(pair.server, DOORS, program=either)
    (line,) = [one for one in daemon.log_path.read_text().splitlines() if "starting up" in one]
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] starting up, listening on eth0", line)


def test_the_stamp_follows_the_time_zone(
    pair: Pair, start: Start, tmp_path: Path, either: tuple[str, ...]
) -> None:
    """When /etc/localtime changes the next line has the new zone's time, without a signal."""
    zone = tmp_path / "localtime"
    shutil.copy("/usr/share/zoneinfo/Asia/Kathmandu", zone)
    bind = f'unset TZ; mount --bind {zone} /etc/localtime && exec "$@"'
    daemon = start(pair.server, DOORS, program=("sh", "-c", bind, "sh", *either))
    stamps = []
    for count, name in enumerate(("Asia/Kathmandu", "Australia/Eucla"), 1):
        zone.write_bytes(Path("/usr/share/zoneinfo", name).read_bytes())
        time.sleep(1.1)  # the zone is looked at once a second
        send_knock(pair.client, SERVER[4], "700", "800:udp")
        daemon.wait_for("OPEN SESAME", times=count)
        (line,) = [x for x in daemon.log_path.read_text().splitlines() if "OPEN" in x][-1:]
        stamps.append(line[1:17])
        now = datetime.now(ZoneInfo(name))
        assert line[1:17] in {f"{at:%Y-%m-%d %H:%M}" for at in (now, now - timedelta(seconds=30))}
    assert stamps[0] != stamps[1]


def test_the_command_line_wins_over_the_files_log(pair: Pair, start: Start) -> None:
    """``-g`` decides where the log goes, whatever LogFile says."""
    daemon = start(pair.server, DOORS.replace("[options]\n", "[options]\nlogfile = /nowhere/log\n"))
    assert daemon.log_lines() == ["starting up, listening on eth0"]


def test_lookup_adds_the_name(pair: Pair, start: Start) -> None:
    """With ``-l`` the address is followed by its name, and the lines stay in order."""
    pair.server.ip("addr add 127.0.0.2/8 dev lo")
    daemon = start(pair.server, DOORS, "-l", interface="lo")
    send_knock(pair.server, "127.0.0.1", "700", "800:udp")
    daemon.wait_for("running command")
    who = "127.0.0.1 (localhost)"
    expected = [f"{who}: secret: Stage 1", f"{who}: secret: Stage 2", f"{who}: secret: OPEN SESAME"]
    assert expected == daemon.log_lines()[1:4]


def test_json_is_one_object_a_line(pair: Pair, start: Start) -> None:
    """``LogFormat = json`` gives the same events with fields instead of texts."""
    daemon = start(
        pair.server,
        DOORS.replace("[options]\n", "[options]\nlogformat = json\n"),
        ready='"event": "starting"',
    )
    send_knock(pair.client, SERVER[4], "700", "800:udp")
    events = [json.loads(line) for line in daemon.wait_for('"event": "command"')]
    assert [event["event"] for event in events] == ["starting", "stage", "stage", "open", "command"]
    assert {"ip": CLIENT[4], "door": "secret", "stage": 1}.items() <= events[1].items()


def test_a_spoiled_attempt_is_told_unless_log_failures_is_off(pair: Pair, start: Start) -> None:
    """The line says why a knock failed; ``Log_Failures = no`` leaves it out."""
    spoiled = f"{CLIENT[4]}: secret: wrong knock, starting over (stage 1)"
    three = config(door("secret", "700,800,900"), door("marker", "1700,1800:udp"))
    for logged, options in ((True, ""), (False, "log_failures = no\n")):
        daemon = start(pair.server, three.replace("[options]\n", f"[options]\n{options}"))
        send_knock(pair.client, SERVER[4], "700", "900", "1700", "1800:udp")
        assert (spoiled in daemon.wait_for("marker: OPEN SESAME")) is logged
        daemon.stop()


def test_an_attempt_expires_by_itself(pair: Pair, start: Start) -> None:
    """``sequence timeout`` is logged when Seq_Timeout is over, not when the next packet happens to come."""
    daemon = start(pair.server, config(door("secret", "700,800,900", seq_timeout=1)))
    send_knock(pair.client, SERVER[4], "700", "800")
    daemon.wait_for(f"{CLIENT[4]}: secret: sequence timeout (stage 2)")


def test_flags_that_no_client_sends_are_named(pair: Pair, start: Start) -> None:
    """At the start with file and line, and behind the timeout of a knock that waited for them in vain."""
    flags = {"tcpflags": "syn,ack", "seq_timeout": 1}
    daemon = start(pair.server, config(door("secret", "700:udp,800", **flags)))
    send_knock(pair.client, SERVER[4], "700:udp", "800")
    lines = daemon.wait_for("which no ordinary client sends")
    written = daemon.config_path.read_text().splitlines().index("tcpflags = syn,ack") + 1
    note = f"{daemon.config_path}:{written}: tcpflags: syn,ack fits no packet of an ordinary client"
    assert sum(line.startswith(note) for line in daemon.notes()) == 1
    who = f"{CLIENT[4]}: secret"
    assert [
        f"{who}: sequence timeout (stage 1)",
        f"{who}: the next step wants tcpflags syn,ack, which no ordinary client sends",
    ] == lines[-2:]
