"""The command that prints what a client of a door needs, for the person at the terminal.

Pure.
"""

from __future__ import annotations

from shlex import quote

from knockd.ctl.door_config import DEFAULT_CONFIG
from knockd_conf.model import Door
from knockd_conf.opened_ports import find_opened_ports
from knockd_conf.protocol import Protocol
from knockd_conf.text import printable


def show_export(door: Door, config_path: str) -> str:
    """The command line; with the port by which the client sees that the door is open, where it is certain."""
    words = ["knockctl", "export"]
    if config_path != DEFAULT_CONFIG:
        words += ["-c", quote(printable(config_path))]
    words += [quote(printable(door.name)), "--host", "THIS.SERVER"]
    opened = find_opened_ports(dict.fromkeys(filter(None, map(door.start_for, (4, 6)))))
    ports = {one.low for one in opened if one.protocol is Protocol.TCP and one.low == one.high}
    if len(opened) == len(ports) == 1:
        words += ["--verify", str(*ports)]
    return " ".join(words)
