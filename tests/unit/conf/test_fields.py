"""Values at their bounds: the last that is good and the first that is not."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from typing import Any

import pytest

from knockd_conf import fields
from knockd_conf.errors import seen
from knockd_conf.model import MAX_STEPS, FlagRule, GuardPorts, Step
from knockd_conf.protocol import Protocol


class Two(Enum):
    """An enum of two words."""

    ONE = "one"
    OTHER = "other"


class Three(Enum):
    """An enum of three words."""

    A = "a"
    B = "b"
    C = "c"


GOOD: list[tuple[Callable[[str], Any], str, Any]] = [
    (fields.sequence, "0", (Step(0),)),
    (fields.sequence, "65535:udp", (Step(65_535, Protocol.UDP),)),
    (fields.sequence, " 1 : TCP , 2 : Udp ", (Step(1), Step(2, Protocol.UDP))),
    (fields.sequence, "7,7", (Step(7), Step(7))),
    (fields.sequence, ",".join(["1"] * MAX_STEPS), (Step(1),) * MAX_STEPS),
    (fields.guard_ports, " AUTO ", GuardPorts(auto=True)),
    (fields.guard_ports, "none", GuardPorts(auto=False)),
    (fields.guard_ports, "1,2:udp,1:tcp", GuardPorts(auto=False, ports=(Step(1), Step(2, Protocol.UDP)))),
    (fields.flag_rule, "fin, SYN, !ack", FlagRule(must_set=0x03, must_clear=0x10)),
    (fields.flag_rule, "rst,psh,urg", FlagRule(must_set=0x2C, must_clear=0)),
    (fields.flag_rule, "! urg", FlagRule(must_set=0, must_clear=0x20)),
    (fields.flag_rule, "syn,syn", FlagRule(must_set=0x02, must_clear=0)),
    (fields.whole(2, 4), "2", 2),
    (fields.whole(2, 4), "4", 4),
    (fields.seconds, "0", 0.0),
    (fields.seconds, str(2**31 - 1), 2.0**31 - 1),
    (fields.yes_no, "YES", True),
    (fields.yes_no, "No", False),
    (fields.word(Two), "OTHER", Two.OTHER),
    (fields.user, "_a-b.c$", "_a-b.c$"),
    (fields.user, "u" * 31, "u" * 31),
    (fields.file_path, "/a b", "/a b"),
    (fields.path_or_none, "/a b", "/a b"),
    (fields.path_or_none, "NONE", ""),
    (fields.command, "", ""),
    (fields.interfaces, "lo, eth0,lo", ("lo", "eth0")),
    (fields.interfaces, "i" * 15, ("i" * 15,)),
    (fields.interfaces, "any", ("any",)),
    (fields.targets, "192.0.2.1, 2001:DB8::1", (ip_address("192.0.2.1"), ip_address("2001:db8::1"))),
    (fields.targets, "www.example,www.example", ("www.example",)),
    (fields.door_name, "d" * 128, "d" * 128),
    (fields.door_name, " ssh \u00fc ", " ssh \u00fc "),
]

BAD: list[tuple[Callable[[str], Any], str, str]] = [
    (fields.sequence, "65536", "expected a port from 0 to 65535, got '65536'"),
    (fields.sequence, "-1", "expected a port from 0 to 65535, got '-1'"),
    (fields.sequence, "\u0661", "expected digits, colons and commas of ASCII, got '\u0661' (U+0661)"),
    (fields.sequence, "1,", "expected a step before and behind each comma, got none"),
    (fields.sequence, "1:", "expected tcp or udp, got ''"),
    (fields.sequence, "1:icmp", "expected tcp or udp, got 'icmp'"),
    (fields.sequence, ",".join(["1"] * (MAX_STEPS + 1)), "expected at most 32 steps, got 33"),
    (fields.guard_ports, "", "expected auto, none or a list of ports, got ''"),
    (fields.guard_ports, "auto,1", "expected auto, none or a list of ports, got 'auto,1'"),
    (fields.guard_ports, "1,none", "expected a port from 0 to 65535, got 'none'"),
    (fields.flag_rule, "ece", "expected fin, syn, rst, psh, ack or urg, each with or without '!', got 'ece'"),
    (
        fields.flag_rule,
        "syn,!syn",
        "expected each flag either set or clear (no packet has it both ways), got 'syn,!syn'",
    ),
    (fields.whole(2, 4, " of x"), "1", "expected a whole number of x from 2 to 4, got '1'"),
    (fields.whole(2, 4), "5", "expected a whole number from 2 to 4, got '5'"),
    (fields.whole(2, 4), "+3", "expected a whole number from 2 to 4, got '+3'"),
    (fields.seconds, str(2**31), f"expected whole seconds, 0 or more, got '{2**31}'"),
    (fields.seconds, "1.5", "expected whole seconds, 0 or more, got '1.5'"),
    (fields.yes_no, "true", "expected yes or no, got 'true'"),
    (fields.word(Two), "both", "expected one or other, got 'both'"),
    (fields.word(Three), "d", "expected a, b or c, got 'd'"),
    (fields.user, "u" * 32, f"expected the name of a user, got '{'u' * 32}'"),
    (fields.user, "0", "expected the name of a user, got '0'"),
    (fields.file_path, "", "expected a path, got ''"),
    (fields.path_or_none, "", "expected a path, got ''"),
    (fields.interfaces, "lo,any", "expected any alone or a list of names, got 'lo,any'"),
    (fields.interfaces, "auto,lo", "expected auto alone or a list of names, got 'auto,lo'"),
    *(
        (
            fields.interfaces,
            name,
            "expected an interface name (1 to 127 bytes without '/' or white space), auto or any, "
            f"got {seen(name)}",
        )
        for name in ("i" * 128, "", ".", "..", "a/b", "a b", "\u00fc" * 64)
    ),
    (fields.targets, "192.0.2.256", "expected an IPv4 or IPv6 address or a host name, got '192.0.2.256'"),
    (fields.targets, "-x", "expected an IPv4 or IPv6 address or a host name, got '-x'"),
    (
        fields.targets,
        "fe80::1%eth0",
        "expected an address without a zone (packets carry none; say the interface with Interface), "
        "got 'fe80::1%eth0'",
    ),
    (fields.door_name, "a\u202eb", "expected a name without control characters, got 'a\\u202eb'"),
    (fields.door_name, " ", "expected a name in the brackets, got ' '"),
    (fields.door_name, "\u00fc" * 65, "expected a name of at most 128 bytes, got 130"),
    *(
        (fields.door_name, f"a{c}b", f"expected a name without control characters, got 'a{shown}b'")
        for c, shown in [
            ("\x1b", "\\x1b"),
            ("\u2028", "\\u2028"),
            ("\u2029", "\\u2029"),
            ("\u202e", "\\u202e"),
        ]
    ),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD)
def test_good(parse: Callable[[str], Any], text: str, value: object) -> None:
    """A value within its bounds, in any case and with spaces where they may be."""
    assert value == parse(text)


@pytest.mark.parametrize(("parse", "text", "message"), BAD)
def test_bad(parse: Callable[[str], Any], text: str, message: str) -> None:
    """A value out of its bounds: the message has what was expected and what was seen."""
    with pytest.raises(ValueError, match=r"^expected") as error:
        parse(text)
    assert message == str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", True),
        ("a_b-c.example", True),
        ("1.2", True),
        ("x" * 63, True),
        ("x" * 64, False),
        (".".join(["x" * 62] * 4) + ".x", True),
        (".".join(["x" * 62] * 4) + ".xx", False),
        ("", False),
        ("a..b", False),
        ("a.", False),
        ("a-", False),
        ("-a", False),
        ("\u00fc", False),
        ("a\n", False),
    ],
)
def test_host_names(text: str, expected: bool) -> None:
    """Labels of 1 to 63 characters, 253 in all (RFC 1123)."""
    assert expected is fields.is_host_name(text)
