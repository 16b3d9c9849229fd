"""Reading a configuration is total: a Config or a ConfigError, and a good text means what it says."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from knockd_conf.errors import ConfigError
from knockd_conf.load import load
from knockd_conf.model import MAX_STEPS, Config, Door, FlagRule, Reknock, Step
from knockd_conf.protocol import Protocol
from knockd_conf.trust import TrustPolicy

BOUNDED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg")

FRAGMENTS = (
    *(
        "[options]",
        "[a]",
        "[a : b]",
        "[b : a]",
        "[b]",
        "[",
        "]",
        "[]",
        ":",
        "=",
        ",",
        "#",
        "\n",
        "\r\n",
        " ",
        "\t",
    ),
    *("Sequence", "One_Time_Sequences", "Timeout", "TCPFlags", "Target", "Command", "Include", "UseSyslog"),
    *(
        "Interface",
        "Reknock",
        "Max_Commands",
        "[web1]",
        "[web2]",
        "knockd.conf",
        "*",
        "/",
        "..",
        "syn",
        "!syn",
    ),
    *(
        "7",
        "-1",
        "65536",
        "9" * 5_000,
        "tcp",
        ":udp",
        "10.0.0.1",
        "::1%x",
        "x.example",
        "\0",
        "\x85",
        "\u2028",
    ),
    *("\ud7ff", "\ufeff", "\u202e", "\x1c", "k" * 400, "v" * 9_000),
)


def refuse(name: str) -> Sequence[str]:
    """A resolver that knows no name."""
    raise OSError(-2, f"no {name}")


def read(folder: Path, data: bytes) -> Config:
    """What a file of these bytes says."""
    path = folder / "knockd.conf"
    path.write_bytes(data)
    return load(str(path), host="web1.example.org", trust=TrustPolicy(enforce=False), resolve=refuse)


def check_total(folder: Path, data: bytes) -> None:
    """The invariant: no exception but ConfigError, with at least one problem that prints on one line."""
    try:
        read(folder, data)
        messages = None
    except ConfigError as error:
        messages = str(error).splitlines(), error.problems
    assert messages is None or 1 <= len(messages[0]) == len(messages[1])


@BOUNDED
@given(data=st.binary(max_size=400))
@example(data=b"\xef\xbb\xbf")
@example(data=b"[a]\n\x1c\n")
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    """Whatever bytes a file holds, reading it ends in a Config or a ConfigError."""
    check_total(tmp_path, data)


@BOUNDED
@given(parts=st.lists(st.sampled_from(FRAGMENTS), max_size=60))
def test_any_fragments(tmp_path: Path, parts: list[str]) -> None:
    """So does any jumble of the grammar's own words."""
    check_total(tmp_path, "".join(parts).encode())


@BOUNDED
@given(lines=st.lists(st.tuples(st.sampled_from(FRAGMENTS), st.text(max_size=30)), max_size=20))
def test_any_values(tmp_path: Path, lines: list[tuple[str, str]]) -> None:
    """So does any text as the value of any key."""
    text = "\n".join(f"{key} = {value}" for key, value in lines)
    check_total(tmp_path, f"[options]\n[a]\n{text}".encode())


steps = st.builds(Step, st.integers(0, 65_535), st.sampled_from(Protocol))
addresses = st.one_of(st.ip_addresses(v=4), st.builds(IPv6Address, st.integers(0, 2**128 - 1)))
printed = st.characters(min_codepoint=0x20, blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cf"))
names = st.text(printed, min_size=1, max_size=20).filter(lambda name: ":" not in name and name != "options")
commands = st.one_of(st.none(), st.text(printed, max_size=40))
seconds = st.integers(0, 2**31 - 1).map(float)


@st.composite
def flag_rules(draw: st.DrawFn) -> FlagRule | None:
    """Any rule that a packet can satisfy, or none."""
    bits = draw(st.integers(0, 63))
    must_set = draw(st.integers(0, 63)) & bits
    return FlagRule(must_set, bits & ~must_set) if bits else None


@st.composite
def doors(draw: st.DrawFn) -> Door:
    """Any door with a sequence of its own; its path and line are filled in later."""
    return Door(
        name=draw(names),
        path="",
        line=0,
        steps=tuple(draw(st.lists(steps, min_size=1, max_size=MAX_STEPS))),
        seq_timeout=draw(seconds),
        flags=draw(flag_rules()),
        target=tuple(dict.fromkeys(draw(st.lists(addresses, max_size=3)))),
        start_command=draw(commands),
        start_command_6=draw(commands),
        stop_command=draw(commands),
        stop_command_6=draw(commands),
        cmd_timeout=draw(seconds),
        reknock=draw(st.sampled_from(Reknock)),
        command_deadline=draw(seconds),
        max_commands=draw(st.integers(1, 256)),
        fleet_required=False,  # there is no fleet
        fleet_share=False,
    )


def text_of(door: Door) -> list[str]:
    """The lines of a door's section, without the header."""
    lines = [
        "sequence = " + " , ".join(str(step) for step in door.steps),
        f"Seq_Timeout={door.seq_timeout:.0f}",
        f"cmd_timeout = {door.cmd_timeout:.0f}",
        f"reknock = {door.reknock.value}",
        f"command_deadline = {door.command_deadline:.0f}",
        f"max_commands = {door.max_commands}",
    ]
    if door.flags is not None:
        words = [
            mark + flag
            for bit, flag in enumerate(FLAGS)
            for mark, bits in (("", door.flags.must_set), ("!", door.flags.must_clear))
            if bits >> bit & 1
        ]
        lines.append("TCPFlags = " + ", ".join(words))
    if door.target:
        lines.append("target = " + ",".join(str(address) for address in door.target))
    for key in ("start_command", "start_command_6", "stop_command", "stop_command_6"):
        value = getattr(door, key)
        lines += [] if value is None else [f"  {key} =\t{value}  "]
    return lines


def fields_of(door: Door, *left_out: str) -> dict[str, object]:
    """The fields of a door but for those left out."""
    return {name: getattr(door, name) for name in Door.__slots__ if name not in left_out}


@BOUNDED
@given(expected=st.lists(doors(), max_size=4), in_template=st.booleans())
def test_good_text(tmp_path: Path, expected: list[Door], in_template: bool) -> None:
    """A text made from doors is read as those doors, also when a template holds all but the sequence."""
    lines: list[str] = []
    for number, door in enumerate(expected):
        sequence, *rest = text_of(door)
        if in_template:
            lines += [f"[base{number}]", *rest, f"[{door.name}:base{number}]", sequence]
        else:
            lines += [f"[{door.name}]", *rest, sequence]
    found = read(tmp_path, "\n".join(lines).encode()).doors
    place = ("path", "line", "inherited", "occurrence", "places")
    assert [fields_of(door, *place) for door in expected] == [fields_of(door, *place) for door in found]
    names = [door.name for door in expected]
    assert [names[:before].count(name) for before, name in enumerate(names)] == [d.occurrence for d in found]


@BOUNDED
@given(low=st.integers(0, 2**32 - 1))
def test_ipv4_text(tmp_path: Path, low: int) -> None:
    """Any IPv4 address is its own Target."""
    address = IPv4Address(low)
    [door] = read(tmp_path, f"[a]\nsequence=1\ntarget={address}".encode()).doors
    assert (address,) == door.target


def test_long_line_without_a_value_is_quick(tmp_path: Path) -> None:
    """A file full of lines of white space and no '=' is refused line by line, not searched without end."""
    line = "k" + " " * 8_000 + "v\n"
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, ("[a]\nsequence=1\n" + line * 120).encode())
    assert len(refused.value.problems) == 120
