"""What doors take of the store that gateways share, and what a fleet needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.load import load
from knockd_conf.model import Config, FleetEndpoint, FleetKind

FLEET = "[options]\nFleet = valkeys://h\nFleet_Key = /k\n"
DOOR = "[a]\nSequence = 1,2,3\nStart_Command = true\n"


def read(text: str, directory: Path, host: str | None = None) -> Config:
    """The configuration of a text."""
    path = directory / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    return load(str(path), host=host)


def problems(text: str, directory: Path) -> list[str]:
    """What is wrong with a text, without its path."""
    with pytest.raises(ConfigError) as caught:
        read(text, directory)
    return [str(one).removeprefix(f"{directory}/knockd.conf:") for one in caught.value.problems]


def settled(text: str, directory: Path) -> list[tuple[str, bool | None, bool | None]]:
    """The doors of a text, whether each needs the store, and whether it is shared."""
    return [(door.name, door.fleet_required, door.fleet_share) for door in read(text, directory).doors]


def test_options(tmp_path: Path) -> None:
    """Every key of [options], and what holds where it is not written."""
    options = read(FLEET + DOOR, tmp_path).options
    assert (FleetEndpoint(FleetKind.SINGLE, True, "h", 6379),) == options.fleet
    assert ("knockd", "/k", None, None) == (
        options.fleet_name,
        options.fleet_key,
        options.fleet_password,
        options.fleet_ca,
    )
    more = "Fleet_Name = east\nFleet_Password = /p\nFleet_CA = /c\n"
    options = read(FLEET + more + DOOR, tmp_path).options
    assert ("east", "/p", "/c") == (options.fleet_name, options.fleet_password, options.fleet_ca)


KINDS = (
    "[fixed]\nSequence = 1,2,3\n[once]\nOne_Time_Sequences = /o\n[turning]\nSequence_Key = /t\n"
    "[signed]\nSigned_Port = 47811\nAuthorized_Keys = /a\n"
)


def test_what_is_required(tmp_path: Path) -> None:
    """By default at doors whose knocks count once; a door's own word counts before that of [options]."""
    options = f"{FLEET}Knock_Secret = /s\n"
    by_default = [("fixed", False), ("once", True), ("turning", True), ("signed", True)]
    assert [(*one, False) for one in by_default] == settled(options + KINDS, tmp_path)
    none = [(name, False, False) for name, _ in by_default]
    assert none == settled(f"{options}Fleet_Required = no\n{KINDS}", tmp_path)
    every = [(name, name != "signed", False) for name, _ in by_default]
    text = f"{options}Fleet_Required = yes\n{KINDS}Fleet_Required = no\n"
    assert every == settled(text, tmp_path)


def test_what_is_shared(tmp_path: Path) -> None:
    """Nothing by default; a door's own word counts before that of [options]."""
    other = "[b]\nSequence = 4,5,6\nFleet_Share = no\n"
    assert [("a", False, True), ("b", False, False)] == settled(
        f"{FLEET}Fleet_Share = yes\n{DOOR}{other}", tmp_path
    )
    assert [("a", False, True)] == settled(f"{FLEET}{DOOR}Fleet_Share = yes\n", tmp_path)


def test_without_a_fleet(tmp_path: Path) -> None:
    """No door needs a store or is shared."""
    text = f"[options]\nKnock_Secret = /s\n{KINDS}"
    assert {(False, False)} == {one[1:] for one in settled(text, tmp_path)}


BOTH = "Fleet_Required = no\nFleet_Share = no\n"
KEY = "expected Fleet_Key = FILE too, got none: knockctl keygen --fleet makes one"
NO_FLEET = "expected Fleet = URL in [options] too, got none"
REPEAT = (
    "expected renew or extend where the fleet shares openings (Fleet_Share = yes), got repeat: several"
    " openings for one address are the same to it"
)
CA = "expected valkeys:// in Fleet, for certificates are of TLS alone; got no such URL"
REPLICAS = "expected 0 with cluster+ in Fleet: it waits for replicas of one server alone; got 1"
SHARED = (
    "expected another name than that of a door with Fleet_Share = yes before it: gateways say no more than"
    " the name; got 'a', as in line 5"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"[options]\nFleet = valkey://h\n{DOOR}", [f"2: Fleet: {KEY}"]),
        (
            f"[options]\nFleet_Key = /k\nfleet_name = a\nFleet_Password = /p\nFleet_CA = /c\n{DOOR}",
            [
                f"2: Fleet_Key: {NO_FLEET}",
                f"3: fleet_name: {NO_FLEET}",
                f"4: Fleet_Password: {NO_FLEET}",
                f"5: Fleet_CA: {NO_FLEET}",
            ],
        ),
        (
            f"[options]\n{BOTH}{DOOR}{BOTH}",
            [f"{line}: {key}: {NO_FLEET}" for line, key in enumerate(("Fleet_Required", "Fleet_Share"), 2)]
            + [f"{line}: {key}: {NO_FLEET}" for line, key in enumerate(("Fleet_Required", "Fleet_Share"), 7)],
        ),
        (
            f"[options]\nFleet = valkey://h, valkey://g\nFleet_CA = /c\nFleet_Key = /k\n{DOOR}",
            [f"3: Fleet_CA: {CA}"],
        ),
        (
            f"[options]\nFleet = cluster+valkey://h\nFleet_Key = /k\nFleet_Replicas = 1\n{DOOR}",
            [f"4: Fleet_Replicas: {REPLICAS}"],
        ),
        (f"{FLEET}{DOOR}Fleet_Share = yes\nReknock = repeat\n", [f"8: Reknock: {REPEAT}"]),
        (
            f"{FLEET}Fleet_Share = yes\n{DOOR}[a]\nSequence = 4,5\n[a]\nSequence = 7,8\nFleet_Share = no\n",
            [f"8: [a]: {SHARED}"],
        ),
    ],
)
def test_what_is_wrong(text: str, expected: list[str], tmp_path: Path) -> None:
    """A fleet has a key, certificates are of TLS, and openings that are shared have one address and name."""
    assert expected == problems(text, tmp_path)


def test_replicas(tmp_path: Path) -> None:
    """How many of them have a used knock is a number."""
    text = f"[options]\nFleet = valkey://h\nFleet_Key = /k\nFleet_Replicas = 2\n{DOOR}"
    assert read(text, tmp_path).options.fleet_replicas == 2


def test_one_of_several_with_tls(tmp_path: Path) -> None:
    """Certificates may be named as soon as one server is asked with TLS."""
    text = f"[options]\nFleet = valkey://h, valkeys://g\nFleet_CA = /c\nFleet_Key = /k\n{DOOR}"
    assert "/c" == read(text, tmp_path).options.fleet_ca


def test_one_template_for_doors_without_a_fleet(tmp_path: Path) -> None:
    """A mistake that several doors inherit is told once."""
    text = f"[t]\nFleet_Share = yes\n{DOOR.replace('[a]', '[a : t]')}[b : t]\nSequence = 4,5,6\n"
    assert [f"2: Fleet_Share: {NO_FLEET}"] == problems(text, tmp_path)


def test_a_fleet_of_other_hosts(tmp_path: Path) -> None:
    """A file may be that of hosts with a fleet and of hosts without, where its keys mean nothing."""
    text = f"[options]\nFleet[gate] = valkeys://h\nFleet_Key = /k\nFleet_Share = yes\n{DOOR}"
    there, here = (read(text, tmp_path, host).doors[0] for host in ("gate", "home"))
    assert there.fleet_share is True
    assert here.fleet_share is False


def test_a_bad_fleet(tmp_path: Path) -> None:
    """What is wrong with it is the only mistake; no other key is blamed for it."""
    text = f"[options]\nFleet = valkey://h/x\nFleet_Key = /k\nFleet_Share = yes\n{DOOR}"
    expected = ["2: Fleet: expected the number of a database behind the host, got 'x'"]
    assert expected == problems(text, tmp_path)


def test_places_of_keys(tmp_path: Path) -> None:
    """What is in [options] has a name that notes may say."""
    note = read(FLEET + DOOR, tmp_path).note("fleet_key", "odd")
    assert str(note) == f"{tmp_path}/knockd.conf:3: Fleet_Key: odd"
