"""Options of the command line that change what is heard or told."""

from __future__ import annotations

import json
import re

from tests.e2e.conftest import Pair, Start
from tests.support.doors import CLIENT, SERVER, config, door
from tests.support.services import send_knock

DOORS = config(door("secret", "700,800:udp", start_command="true"), door("marker", "1700,1800"))


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
    assert daemon.log_lines() == daemon.output().splitlines()


def test_the_log_has_the_stamp_of_0_8(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """``[YYYY-MM-DD HH:MM] message``."""
    daemon = start(pair.server, DOORS, program=either)
    (line,) = daemon.log_path.read_text().splitlines()[:1]
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] starting up, listening on eth0", line)


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
    three = config(door("secret", "700,800,900"), door("marker", "1700,1800"))
    for told, options in ((True, ""), (False, "log_failures = no\n")):
        daemon = start(pair.server, three.replace("[options]\n", f"[options]\n{options}"))
        send_knock(pair.client, SERVER[4], "700", "900", "1700", "1800")
        assert (spoiled in daemon.wait_for("marker: OPEN SESAME")) is told
        daemon.stop()


def test_an_attempt_expires_by_itself(pair: Pair, start: Start) -> None:
    """``sequence timeout`` is logged when Seq_Timeout is over, not when the next packet happens to come."""
    daemon = start(pair.server, config(door("secret", "700,800,900", seq_timeout=1)))
    send_knock(pair.client, SERVER[4], "700", "800")
    daemon.wait_for(f"{CLIENT[4]}: secret: sequence timeout (stage 2)")
