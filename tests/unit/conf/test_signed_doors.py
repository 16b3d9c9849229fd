"""Doors with a port of signed knocks: what they take of [options], and what they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.load import load
from knockd_conf.model import Config, Door, Options
from knockd_conf.signed_doors import settle_signed

DOOR = Door("ssh", "knockd.conf", 3, ())
OPTIONS = "[options]\nSigned_Port = 47811\nKnock_Secret = /s\nAuthorized_Keys = /k\n"
START = "Start_Command = true\n"


def test_settled() -> None:
    """A door that says nothing takes what [options] say, also that there is no port."""
    options = Options(signed_port=47811, authorized_keys="keys")
    assert settle_signed(DOOR, options).signed_port == 47811
    assert settle_signed(DOOR, options).authorized_keys == "keys"
    assert settle_signed(DOOR, Options()).signed_port is None


def read(text: str, directory: Path) -> Config:
    """The configuration of a text."""
    path = directory / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    return load(str(path))


def problems(text: str, directory: Path) -> list[str]:
    """What is wrong with a text, without its path."""
    with pytest.raises(ConfigError) as caught:
        read(text, directory)
    return [str(one).removeprefix(f"{directory}/knockd.conf:") for one in caught.value.problems]


def test_good(tmp_path: Path) -> None:
    """A door without a sequence, one with, one that opts out, and one with a port and keys of its own."""
    ours = "Signed_Port = 40001\nAuthorized_Keys = /w\n"
    doors = (
        f"[a]\n{START}[b]\nSequence = 1,2,3\n{START}"
        f"[c]\nSequence = 4,5,6\nSigned_Port = none\n{START}[d]\n{ours}{START}"
    )
    config = read(OPTIONS + doors, tmp_path)
    assert [("a", 47811, "/k"), ("b", 47811, "/k"), ("c", 0, "/k"), ("d", 40001, "/w")] == [
        (door.name, door.signed_port, door.authorized_keys) for door in config.doors
    ]
    assert [True, True, False, True] == [door.is_signed for door in config.doors]


SECRET = "expected Knock_Secret = FILE in [options] too, got none: knockctl keygen --host makes one"
KEYS = (
    "expected Authorized_Keys = FILE too, in the door or in [options], got none: knockctl authorize FILE.pub"
    " adds keys to it"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"[options]\nSigned_Port = 7\n[a]\n{START}[b]\n{START}", [f"3: [a]: {SECRET}", f"3: [a]: {KEYS}"]),
        (
            f"[a]\nSigned_Port = 7\n{START}[b]\nSigned_Port = 7\n{START}",
            [f"2: Signed_Port: {SECRET}", f"2: Signed_Port: {KEYS}", f"5: Signed_Port: {KEYS}"],
        ),
        (
            f"[options]\nKnock_Secret = /s\n[a]\nSigned_Port = 7\nAuthorized_Keys = /k\n{START}[b]\n"
            f"Signed_Port = 7\n{START}",
            [f"8: Signed_Port: {KEYS}"],
        ),
        (
            f"{OPTIONS}[a]\n{START}[a]\nSigned_Port = 8\n{START}",
            [
                "8: Signed_Port: expected another name than that of a door with a Signed_Port before it:"
                " knocks say no more than the name; got 'a', as in line 5"
            ],
        ),
    ],
)
def test_what_is_missing(text: str, expected: list[str], tmp_path: Path) -> None:
    """A signed door needs a knock secret, keys and a name of its own; of [options] it is told once."""
    assert expected == problems(text, tmp_path)


SHARED = "that take no signed knocks, got 47811:udp, the Signed_Port of"


@pytest.mark.parametrize(
    ("doors", "expected"),
    [
        (
            f"[a]\nSequence = 1,47811:udp,2,47811:udp\n{START}",
            [f"6: Sequence: expected steps {SHARED} 'a': choose another port"],
        ),
        (
            f"[a]\n{START}[b]\nSequence = 47811:udp,2\nSigned_Port = none\n{START}",
            [f"8: Sequence: expected steps {SHARED} 'a': choose another port"],
        ),
        (
            f"[b]\nSequence = 1:udp,2\n{START}[a]\nSigned_Port = 1\n{START}",
            [
                "6: Sequence: expected steps that take no signed knocks, got 1:udp, the Signed_Port of 'a':"
                " choose another port"
            ],
        ),
        (
            f"[a]\nSequence = 1,2\nGuard_Ports = 3,47811:udp\n{START}",
            [f"7: Guard_Ports: expected guard ports {SHARED} 'a': choose another port"],
        ),
    ],
)
def test_ports_for_something_else(doors: str, expected: list[str], tmp_path: Path) -> None:
    """No step and no guard port of any door may be a port of signed knocks."""
    assert expected == problems(OPTIONS + doors, tmp_path)


def test_guard_ports_of_options(tmp_path: Path) -> None:
    """Guard ports in [options] are told once, at the first door that has none of its own."""
    options = OPTIONS + "Guard_Ports = 47811:udp\n"
    doors = f"[a]\nGuard_Ports = none\n{START}[b]\n{START}[c]\n{START}"
    assert [f"9: [b]: expected guard ports {SHARED} 'a': choose another port"] == problems(
        options + doors, tmp_path
    )


def test_other_ports(tmp_path: Path) -> None:
    """The same port of TCP is another one, and so are those beside it."""
    doors = f"[a]\nSequence = 47811,47810:udp,47812:udp\nGuard_Ports = 47813:udp\n{START}"
    assert 1 == len(read(OPTIONS + doors, tmp_path).doors)


def test_two_doors_of_a_name_of_which_one_is_signed(tmp_path: Path) -> None:
    """A knock means the one that has a port."""
    text = f"{OPTIONS}[a]\n{START}[a]\nSequence = 1,2,3\nSigned_Port = none\n{START}"
    assert 2 == len(read(text, tmp_path).doors)


@pytest.mark.parametrize("port", ["0", "65536", "47811:udp", "any", "-1", ""])
@pytest.mark.parametrize("section", ["options", "a"])
def test_ports(port: str, section: str, tmp_path: Path) -> None:
    """From 1 to 65535, or none."""
    text = f"[{section}]\nSigned_Port = {port}\n"
    text += "Sequence = 1,2,3\n" if section == "a" else "[b]\nSequence = 1,2,3\n"
    found = problems(text, tmp_path)
    assert f"2: Signed_Port: expected a whole number from 1 to 65535, got '{port}'" in found


def names(config: Config) -> list[str]:
    """The doors, those that signed knocks open with their ports."""
    return [f"{door.name} {door.signed_port or ''}".rstrip() for door in config.doors]


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (f"[a]\n{START}", ["a 47811"]),
        (f"[a]\nSigned_Port = 5\n{START}", ["a 5"]),
        (f"[t]\n{START}[a : t]\n", ["a 47811"]),
        (f"[t]\n{START}Signed_Port = 5\n[a : t]\n[b : t]\nSequence = 1,2\n", ["a 5", "b 5"]),
        (f"[t]\nSigned_Port = none\n[a : t]\nSigned_Port = 6\n{START}", ["a 6"]),
        (f"[t]\n{START}[m : t]\nSigned_Port = 6\n[a : m]\n", ["a 6"]),
        (f"[a]\nSequence = 1,2\n{START}[b]\n{START}", ["a 47811", "b 47811"]),
    ],
)
def test_doors_without_a_sequence(sections: str, expected: list[str], tmp_path: Path) -> None:
    """A section from which none inherits is a door where it, a template or [options] has a port."""
    assert expected == names(read(OPTIONS + sections, tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        f"{OPTIONS}[a]\nSigned_Port = none\n{START}",
        f"{OPTIONS}[t]\nSigned_Port = none\n[a : t]\n{START}",
        f"[a]\n{START}",
        f"[options]\nSigned_Port = none\n[a]\n{START}",
    ],
)
def test_doors_that_nothing_opens(text: str, tmp_path: Path) -> None:
    """The message names what a door may have."""
    assert (
        "expected a Sequence, One_Time_Sequences, Sequence_Key or Signed_Port" in problems(text, tmp_path)[0]
    )


def test_doors_of_other_hosts(tmp_path: Path) -> None:
    """Where the port is for another host, a door without a sequence is none here, and a note says so."""
    text = f"[options]\nSigned_Port[gate] = 7\nKnock_Secret = /s\nAuthorized_Keys = /k\n[a]\n{START}"
    path = tmp_path / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    there, here = load(str(path), host="gate"), load(str(path), host="home")
    assert ["a 7"] == names(there)
    assert [] == names(here)
    assert ["not a door on this host (home): Signed_Port is for others"] == [
        one.message for one in here.notes
    ]


def test_options_that_are_misnamed(tmp_path: Path) -> None:
    """Keys that doors have too make no door of a section that has others."""
    text = OPTIONS.replace("[options]", "[option]") + f"[a]\n{START}"
    assert "1: expected [options], in lower case, got '[option]'" in problems(text, tmp_path)
