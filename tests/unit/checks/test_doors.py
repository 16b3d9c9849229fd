"""What ``knockd -t`` says about doors, and every warning with its exact text."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from knockd.checks.doors import describe_door, find_surprises
from knockd.checks.keys import DoorKeys
from knockd_conf.errors import Place
from knockd_conf.model import Config, Door, FlagRule, Options
from knockd_conf.services import parse_services
from tests.support.doubles.played import door, matching, play, steps

SYN, FIN, ACK = 0x02, 0x01, 0x10
GOOD = door(
    "7000 8000 9000",
    name="ssh",
    flags=FlagRule(SYN, ACK),
    start_command="nft add element inet filter ssh { %IP% }",
    stop_command="nft delete element inet filter ssh { %IP% }",
)


def warnings(*doors: Door, options: Options | None = None) -> list[str]:
    """Every note about a configuration, without the path of its file."""
    chosen = options or Options(log_file="/var/log/knockd.log")
    config = Config("/etc/knockd.conf", chosen, doors, "host", ("/etc/knockd.conf",))
    return [str(note).removeprefix("/etc/knockd.conf:") for note in find_surprises(config)]


def a_door(sequence: str = "7000 8000", name: str = "a", **values: Any) -> Door:
    """A door that deserves no warning but for what a test changes."""
    return door(sequence, name=name, **{"start_command": "open %IP%", **values})


def test_no_warnings() -> None:
    """A good configuration has no warning."""
    assert warnings(GOOD, a_door("1000u 2000u")) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            Options(),
            [
                " there is no LogFile and no UseSyslog in [options]: the log goes to systemd's journal, or"
                " with -v to the terminal, else nowhere"
            ],
        ),
        (Options(use_syslog=True), []),
        (Options(log_file="/var/log/knockd.log"), []),
    ],
    ids=["none", "syslog", "file"],
)
def test_log(options: Options, expected: list[str]) -> None:
    """A daemon that logs nowhere is worth a warning."""
    assert warnings(GOOD, options=options) == expected


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (FlagRule(SYN | ACK, 0), "syn,ack"),
        (FlagRule(FIN, ACK), "fin,!ack"),
        (FlagRule(0, SYN), "!syn"),
        (FlagRule(ACK, 0), "ack"),
    ],
)
def test_flags_of_no_client(rule: FlagRule, names: str) -> None:
    """Flags that a bare SYN does not fit are named with the one client that can send them."""
    assert warnings(a_door(flags=rule)) == [
        f"1: [a]: {names} fits no packet of an ordinary client, which sends a bare syn:"
        f" write TCPFlags = syn, or knock with knock --flags {names}"
    ]


@pytest.mark.parametrize("rule", [FlagRule(SYN, 0), FlagRule(SYN, ACK), FlagRule(0, FIN), None])
def test_flags_of_clients(rule: FlagRule | None) -> None:
    """Flags that a bare SYN fits are worth no warning."""
    assert warnings(a_door(flags=rule)) == []


def test_flags_of_udp() -> None:
    """Flags of a door whose steps are all UDP do nothing."""
    door_udp = a_door("1000u 2000u", flags=FlagRule(SYN | ACK, 0))
    assert warnings(door_udp) == ["1: [a]: does nothing: all steps are udp"]


def test_flags_of_a_one_time_door() -> None:
    """A one-time door may have TCP steps: its flags are judged."""
    one_time = a_door("", one_time_file="/etc/knockd/once", flags=FlagRule(SYN | ACK, 0))
    assert [line.split(" fits")[0] for line in warnings(one_time)] == ["1: [a]: syn,ack"]


def test_busy_port() -> None:
    """A busy TCP port is worth a warning when there is no flag rule, once however often it is asked for."""
    assert warnings(a_door("443 8000 443")) == [
        "1: [a]: step 443:tcp is a busy port and there is no TCPFlags:"
        " every packet of every connection counts: write TCPFlags = syn"
    ]


def test_busy_udp_port() -> None:
    """A busy UDP port is worth a warning whatever the flag rule."""
    busy = a_door("53u 8000", flags=FlagRule(SYN, 0))
    assert warnings(busy) == ["1: [a]: step 53:udp is a busy port"]


def test_busy_port_with_flags() -> None:
    """With a flag rule a busy TCP port is worth no warning."""
    assert warnings(a_door("443 8000", flags=FlagRule(SYN, ACK))) == []


@pytest.mark.parametrize("command", [None, ""], ids=["missing", "empty"])
def test_no_start_command(command: str | None) -> None:
    """A door that runs nothing when it opens is worth a warning."""
    assert warnings(a_door(start_command=command)) == [
        "1: [a]: there is no Start_Command: opening the door does nothing"
    ]


def test_start_command_for_ipv6_only() -> None:
    """A command for IPv6 knockers alone is a command."""
    assert warnings(a_door(start_command=None, start_command_6="open %IP%")) == []


def test_sequence_begins_another() -> None:
    """A door whose sequence begins another's opens on the way to it."""
    assert warnings(a_door("1000 2000"), a_door("1000 2000 3000", name="b")) == [
        "1: [a]: it begins that of [b] (line 1): knocking there opens both"
    ]


@pytest.mark.parametrize("lines", [(1, 2), (2, 1), (1, 1)], ids=["in order", "included before", "same line"])
def test_same_sequence(lines: tuple[int, int]) -> None:
    """Two doors of one sequence are reported once, in whatever files and lines they stand."""
    doors = (a_door("1000 2000", line=lines[0]), a_door("1000 2000", name="b", line=lines[1]))
    assert warnings(*doors) == [
        f"{lines[0]}: [a]: it is that of [b] (line {lines[1]}) too: knocking opens both"
    ]


def test_same_sequence_three_times() -> None:
    """Each pair is reported."""
    assert len(warnings(*(a_door("1000 2000", name=name) for name in "abc"))) == 3


@pytest.mark.parametrize(
    ("inner", "outer", "opens"),
    [
        ("2000 3000", "1000 2000 3000", True),
        ("1000 3000", "1000 2000 3000", True),
        ("2000 3000 2000", "2000 1000 3000 2000", True),
        ("3000 2000", "1000 2000 3000", False),
        ("1000 1000", "1000 2000 3000", False),
        ("2000 3000 4000", "2000 4000 3000 4000", False),
        ("1000 2000u", "500 1000 2000", False),
    ],
)
def test_a_sequence_inside_another(inner: str, outer: str, opens: bool) -> None:
    """It is named when the matcher would open both, wherever in the other the steps are."""
    said = warnings(a_door(inner), a_door(outer, name="b"))
    expected = ["1: [a]: it is inside that of [b] (line 1): knocking there opens both"] if opens else []
    assert expected == said
    told = play(matching(a_door(inner), a_door(outer)), " ".join(outer.split()))
    assert opens is any(one.startswith("opened") for one in told)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"target": (ip_address("10.0.0.7"),)}),
        ({"target": (ip_address("10.0.0.8"),)}, {"target": (ip_address("10.0.0.7"),)}),
        ({"flags": FlagRule(SYN, ACK)}, {"flags": FlagRule(0, SYN | FIN)}),
    ],
    ids=["target", "targets", "flags"],
)
def test_same_sequence_of_other_packets(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Doors that no packet can concern both of do not open together."""
    doors = (a_door("1000 2000", **one), a_door("1000 2000", name="b", **other))
    assert [line for line in warnings(*doors) if "that of" in line] == []


def test_flags_do_not_part_udp_doors() -> None:
    """Flags that exclude each other are nothing to UDP steps: both doors open."""
    doors = (
        a_door("1000u 2000u", flags=FlagRule(SYN, ACK)),
        a_door("1000u 2000u", name="b", flags=FlagRule(0, SYN | FIN)),
    )
    assert [line for line in warnings(*doors) if "that of" in line] == [
        "1: [a]: it is that of [b] (line 1) too: knocking opens both"
    ]


def test_one_time_doors_begin_nothing() -> None:
    """Doors without steps of their own begin no other's sequence."""
    one_time = a_door("", name="once", one_time_file="/etc/knockd/once")
    assert warnings(one_time, a_door()) == []


def test_a_note_names_the_line_of_its_key() -> None:
    """A note stands where the key is written, also in a template of another file."""
    places = (
        ("flags", Place("/etc/base.conf", 3, "tcpflags")),
        ("steps", Place("/etc/knockd.conf", 9, "Sequence")),
    )
    one = a_door("22", flags=FlagRule(SYN | ACK, 0), places=places)
    config = Config("/etc/knockd.conf", Options(use_syslog=True), (one,), "host", ("/etc/knockd.conf",))
    assert [note[:3] for note in find_surprises(config)] == [("/etc/base.conf", 3, "tcpflags")]
    assert one.note("steps", "m")[:3] == ("/etc/knockd.conf", 9, "Sequence")
    assert one.note("stop_command", "m")[:3] == ("/etc/knockd.conf", 1, "[a]")


def test_many_doors() -> None:
    """A thousand doors are judged in the time of a start."""
    doors = [a_door(f"{at} {at + 1} {at + 2}", name=f"d{at}") for at in range(10_000, 11_000)]
    assert warnings(*doors) == []


def test_every_door_is_judged() -> None:
    """Warnings come door by door, in the file's order."""
    lines = warnings(a_door("443 1"), a_door("53u 2", name="b"))
    assert [line[:6] for line in lines] == ["1: [a]", "1: [b]"]


DESCRIPTIONS = [
    (a_door("7000 8000", line=4), None, ["door a (line 4): 2 steps (tcp) within 25 s"]),
    (a_door("7000"), None, ["door a (line 1): 1 step (tcp) within 25 s"]),
    (a_door("1u 2 3u", seq_timeout=7.0), None, ["door a (line 1): 3 steps (udp and tcp) within 7 s"]),
    (
        a_door(
            flags=FlagRule(SYN, ACK),
            target=(ip_address("10.0.0.7"), ip_address("fd00::7")),
            inherited=(("TCPFlags", "base"), ("Command", "base")),
        ),
        None,
        [
            "door a (line 1): 2 steps (tcp) within 25 s, tcpflags syn,!ack, target 10.0.0.7, fd00::7",
            "  TCPFlags inherited from [base]",
            "  Command inherited from [base]",
        ],
    ),
    (
        a_door("", one_time_file="/etc/knockd/once"),
        steps("1 2"),
        ["door a (line 1): 2 steps (tcp) within 25 s"],
    ),
    (
        a_door("", one_time_file="/etc/knockd/once"),
        None,
        ["door a (line 1): disabled: no usable line in its one time sequences file"],
    ),
]


@pytest.mark.parametrize(
    ("one", "live", "expected"), DESCRIPTIONS, ids=["plain", "one step", "udp", "all", "one time", "disabled"]
)
def test_description(one: Door, live: object, expected: list[str]) -> None:
    """A door is described by its line, steps, time, flags, target and inherited keys; never by its ports."""
    assert list(describe_door(one, live)) == expected  # type: ignore[arg-type]


ROTATING = "door a (line 1): 4 steps (tcp) within 25 s, other ones of 20000-60000 every 30 s, "


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (DoorKeys(("ann", "bob")), "2 keys (ann, bob)"),
        (DoorKeys(("ann",)), "1 key (ann)"),
        (DoorKeys(waits="its key file has a mistake"), "waits: its key file has a mistake"),
        (DoorKeys(None), "keys on another host"),
    ],
    ids=["two", "one", "none", "elsewhere"],
)
def test_description_of_a_door_with_a_key(keys: DoorKeys, expected: str) -> None:
    """A door with a key is described by its rule and the names of its keys, or says why it waits."""
    assert list(describe_door(a_door("", sequence_key="/k"), (), keys)) == [ROTATING + expected]


def test_rule_in_a_description() -> None:
    """The rule is that of the door."""
    one = a_door(
        "",
        sequence_key="/k",
        sequence_steps=6,
        sequence_period=60,
        sequence_ports=(1, 9_000),
        sequence_protocol="mixed",
        seq_timeout=9.0,
    )
    [line] = describe_door(one, (), DoorKeys(("ann",)))
    assert line == (
        "door a (line 1): 6 steps (mixed) within 9 s, other ones of 1-9000 every 60 s, 1 key (ann)"
    )


def test_flags_of_a_door_with_a_key() -> None:
    """Flags that somebody wrote do nothing where all steps are udp; those of the default are no mistake."""
    place = (("flags", Place("/etc/knockd.conf", 4, "TCPFlags")),)
    udp = a_door("", sequence_key="/k", sequence_protocol="udp", flags=FlagRule(SYN, ACK))
    assert warnings(udp) == []
    assert warnings(replace(udp, places=place)) == ["4: TCPFlags: does nothing: all steps are udp"]
    assert warnings(replace(udp, places=place, sequence_protocol="mixed")) == []


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("sequence_steps", "Sequence_Steps"),
        ("sequence_period", "Sequence_Period"),
        ("sequence_ports", "Sequence_Ports"),
        ("sequence_protocol", "Sequence_Protocol"),
    ],
)
def test_keys_without_a_sequence_key(field: str, key: str) -> None:
    """What makes sequences of a key does nothing at a door without one; a template may have it for others."""
    places = ((field, Place("/etc/knockd.conf", 3, key)),)
    assert warnings(a_door(places=places)) == [f"3: {key}: does nothing without Sequence_Key"]
    assert warnings(a_door(places=places, inherited=((key, "base"),))) == []
    assert warnings(a_door("", sequence_key="/k", places=places)) == []


def test_guards_of_a_door_with_a_key() -> None:
    """Guard_Ports of the door's own does nothing there; that of a template may be for other doors."""
    places = (("guard_ports", Place("/etc/knockd.conf", 3, "Guard_Ports")),)
    assert warnings(a_door("", sequence_key="/k", places=places)) == [
        "3: Guard_Ports: does nothing: the guard ports of this door are made of its keys"
    ]
    inherited = (("Guard_Ports", "base"),)
    assert warnings(a_door("", sequence_key="/k", places=places, inherited=inherited)) == []
    assert warnings(a_door(places=places)) == []


IDLE: dict[str, Any] = {"close_when_idle": 60.0, "service": parse_services("22/tcp,53/udp")}


def test_description_of_a_door_that_closes_when_idle() -> None:
    """The ports are named whose connections keep it open, and for how long they may."""
    one = a_door(**IDLE, open_max=3600.0)
    [_, line] = describe_door(one, None)
    assert "  closes after 60 s without a connection to 22/tcp, 53/udp, 10 to 3600 s after it opened" == line


@pytest.mark.parametrize(("longest", "expected"), [(10.0, True), (11.0, False)])
def test_open_max_that_is_no_longer(longest: float, expected: bool) -> None:
    """Close_When_Idle does nothing where Open_Max is over as soon as Cmd_Timeout is."""
    message = "does nothing: Open_Max (10 s) is not longer than Cmd_Timeout (10 s)"
    assert expected is any(message in note for note in warnings(a_door(**IDLE, open_max=longest)))


@pytest.mark.parametrize(("field", "key"), [("service", "Service"), ("open_max", "Open_Max")])
def test_keys_without_close_when_idle(field: str, key: str) -> None:
    """Service and Open_Max do nothing alone, unless a template gives them."""
    places = ((field, Place("x", 7, key)),)
    assert any("does nothing without Close_When_Idle" in note for note in warnings(a_door(places=places)))
    inherited = a_door(places=places, inherited=((key, "base"),))
    assert not any("does nothing" in note for note in warnings(inherited))
    assert not any("does nothing" in note for note in warnings(a_door(**IDLE, places=places)))
