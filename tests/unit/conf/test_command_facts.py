"""What is certain of commands before they run: the programs that they cannot do without."""

from __future__ import annotations

import pytest

from knockd_conf.command_facts import find_facts, find_programs
from knockd_conf.model import CommandFacts
from tests.support.doubles.played import door

IPTABLES = "/sbin/iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        (IPTABLES, ("/sbin/iptables",)),
        ("open %IP%", ("open",)),
        ("open %IP% 2>&1 | logger -t knock", ("open",)),
        ("open %IP%; logger opened", ("open",)),
        ("logger opened && open %IP%", ("open",)),
        ("one %IP% || two %IP%", ("one", "two")),
        ("one %IP%; one %DST%", ("one",)),
        ("A=1 open", ("open",)),
        ("sudo open %IP%", ("sudo",)),
        ("exec open %IP%", ("open",)),
        ("command open %IP%", ("open",)),
        ("nice -n 5 open %IP%", ("nice",)),
        ("sh -c 'open %IP%'", ("sh",)),
        ("'/opt/my tools/open' %IP%", ("/opt/my tools/open",)),
    ],
)
def test_programs(command: str, programs: tuple[str, ...]) -> None:
    """The first program of each part of weight, as the shell starts it."""
    assert find_programs(command) == programs


@pytest.mark.parametrize(
    "command",
    [
        "",
        "true",
        "logger %IP%",
        "echo %IP% > /proc/open",
        "$TOOL %IP%",
        "%IP%",
        "/opt/*/open",
        "~/open",
        "cd /opt && ./open",
        ". /etc/knockd/open.sh",
        "[ -x /sbin/ufw ] && ufw allow from %IP%",
        "if open %IP%; then logger yes; fi",
        "open() { logger x; }; open",
        "open $(date)",
        "open 'x",
        "PATH=/opt/bin open %IP%",
        "PATH=/opt/bin; open %IP%",
    ],
)
def test_what_is_not_certain(command: str) -> None:
    """Variables, patterns, what a shell has in itself, branches, functions: nobody knows."""
    assert find_programs(command) == ()


def test_facts() -> None:
    """Each command of a door has its own facts; of another command nothing is certain."""
    made = door("1 2", start_command=IPTABLES, start_command_6="", stop_command="close %IP%")
    facts = find_facts(made)
    assert facts == (CommandFacts(4, ("/sbin/iptables",)), CommandFacts(None, ("close",)))
    judged = door("1 2", start_command=IPTABLES, start_command_6="", stop_command="close %IP%", facts=facts)
    assert judged.facts_of("close %IP%") == facts[1]
    assert judged.facts_of("other") == made.facts_of(IPTABLES) == CommandFacts()
