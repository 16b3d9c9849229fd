"""Doors that open for a network: commands that do not name it, and sets that hold none."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.checks.prefix_advice import find_prefix_notes
from knockd.checks.version_advice import AddressSet
from tests.support.doubles.played import door

NFT = "nft add element inet filter k { %NET% }"
IPSET = "ipset add k %NET%"


def notes(holds: bool | None = None, **values: Any) -> list[str]:
    """What is said of a door whose sets ``hold`` networks, or nobody knows."""
    made = door("1", name="a", **{"open_prefix": (24, 56), **values})
    return [note.message for note in find_prefix_notes([made], lambda _: holds)]


NONE_NAMED = (
    "no command names %NET%: the firewall opens for the address alone, and a knock of another one of its"
    " network closes that; write %NET% in the place of %IP%"
)
PREFIXED = "%NET% brings its prefix: write it without what follows the '/'"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"start_command": "open %NET%", "stop_command": "close %NET%"}, []),
        ({"start_command": "open $KNOCKD_NET"}, []),
        ({"start_command": "open %IP%", "stop_command_6": "close %NET%"}, []),
        ({"start_command": "open %IP%", "stop_command": "close %IP%"}, [NONE_NAMED]),
        ({"start_command": "open %NET%/24"}, [PREFIXED]),
        ({"start_command": "open ${KNOCKD_NET}/24", "open_prefix": None}, [PREFIXED]),
        ({}, []),
        ({"start_command": "open %IP%", "open_prefix": None}, []),
    ],
)
def test_commands(values: dict[str, Any], expected: list[str]) -> None:
    """A door that opens for a network names it in a command, and names it right."""
    assert expected == notes(**values)


@pytest.mark.parametrize(
    ("command", "holds", "expected"),
    [
        (NFT, True, []),
        (NFT, None, []),
        (NFT, False, ["the set filter k holds addresses, not networks: make it with 'flags interval;'"]),
        (IPSET, False, ["the set k holds addresses, not networks: make it a hash:net"]),
        (IPSET, True, []),
    ],
)
def test_sets(command: str, holds: bool | None, expected: list[str]) -> None:
    """A set that a network cannot be put into is named with what to do."""
    assert expected == notes(holds, start_command=command)


def test_which_set_is_asked_for() -> None:
    """The set is asked for to which the network is added, not the one with the address."""
    asked: list[AddressSet] = []
    text = "ipset add b %IP%; nft add element inet filter k { %NET% }"
    made = door("1", open_prefix=(24, 56), start_command=text)

    def ask(named: AddressSet) -> None:
        asked.append(named)

    list(find_prefix_notes([made], ask))
    assert [AddressSet("nft", "inet", "filter k")] == asked
