"""What a door's command names: port numbers, and the one IP version that it works for.

Total: any text gives an answer.

Pure.
"""

from __future__ import annotations

import re
from typing import Final

from knockd_conf.firewall_tools import Version, find_version
from knockd_conf.shell_words import HARMLESS, split_script

MAX_RANGE: Final = 1_024
"""The longest range whose every port counts as named; of a longer one only the first and the last do."""

_NUMBER = re.compile(r"(?:(?<![\w.])|(?<=\s-[A-Za-z]))(\d{1,5})(?:[:-](\d{1,5}))?(?![\w]|\.\d)")
_NAME = re.compile(r"(?<![\w./-])[A-Za-z]+(?![\w/-])")

SERVICES = {
    **{"ssh": 22, "sshd": 22, "openssh": 22, "ftp": 21, "telnet": 23, "smtp": 25, "domain": 53},
    **{"http": 80, "https": 443, "imap": 143, "imaps": 993, "ldap": 389, "mysql": 3306},
    **{"postgresql": 5432, "openvpn": 1194, "rdp": 3389, "vnc": 5900, "nginx": 80, "apache": 80},
}
"""Names of services that commands of doors use (/etc/services; the last ones are profiles of ufw)."""


def numbers_named(command: str) -> frozenset[int]:
    """Every number from 1 to 65535 that stands alone in a command, those of ranges and service names too.

    Generous: ``sleep 30`` names 30.
    """
    found: set[int] = set()
    for match in _NUMBER.finditer(command):
        low, high = int(match[1]), int(match[2] or match[1])
        found |= {low, high}
        if high - low <= MAX_RANGE:
            found.update(range(low, high))
    for match in _NAME.finditer(command):
        found.add(SERVICES.get(match[0].lower(), 0))
    return frozenset(number for number in found if 0 < number < 65_536)


def ip_version_of(command: str) -> Version | None:
    """The only IP version of a knocker for whom a command can work; None when it may serve both.

    Certain: every simple command of it is a firewall tool's for that version, or does nothing of weight.
    """
    script = split_script(command)
    if not script.plain:
        return None
    weighty = [one for one in script.commands if one.program not in HARMLESS or one.written]
    versions = {find_version(one) for one in weighty}
    return versions.pop() if len(versions) == 1 else None
