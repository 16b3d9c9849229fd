"""A command that needs no shell has the words that a shell finds; what is put into one stays one word.

What is certain of a command can be found of any.

The input is a door's name, an interface's name and a command, each on its line.
"""

from __future__ import annotations

import shlex

from knockd.leases.commands import environment, expand, words
from knockd.leases.values import Knock
from knockd_conf.command_facts import find_facts
from knockd_conf.model import Door

SOURCE, NETWORK, DESTINATION = "2001:db8:0:1ff::1", "2001:db8:0:100::/56", "fd00::1"


def check(data: bytes) -> None:
    """Expand and split one command."""
    name, interface, command = (data.decode("utf-8", "replace").replace("\0", "") + "\n\n").split("\n")[:3]
    door = Door(name, "", 1, (), start_command=command, open_prefix=(24, 56))
    knock = Knock(door, SOURCE, 6, DESTINATION, interface)
    expected = ["open", SOURCE, NETWORK, name, f"x{interface}", DESTINATION, "10"]
    assert expected == shlex.split(expand("open %IP% %NET% %DOOR% x%IFACE% %DST% %TIMEOUT%", knock))
    assert environment(knock, {})["KNOCKD_DOOR"] == name
    expanded = expand(command, knock)
    found = words(expanded)
    assert found is None or found == shlex.split(expanded)
    facts = find_facts(door)
    assert len(facts) == len(door.commands())
    assert "" not in [program for one in facts for program in one.programs]
