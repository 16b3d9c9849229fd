"""What of a configuration with a Fleet will surprise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.checks.fleet_surprises import find_fleet_surprises
from knockd_conf.load import load

Said = Callable[..., list[str]]

SHARED = "[a]\nSequence = 1,2,3\nFleet_Share = yes\n"


@pytest.fixture
def said(tmp_path: Path) -> Said:
    """The notes about a Fleet, further lines of its [options] and the doors, without the path."""

    def find(urls: str, more: str = "", doors: str = SHARED) -> list[str]:
        path = tmp_path / "knockd.conf"
        path.write_text(f"[options]\nFleet = {urls}\nFleet_Key = /k\n{more}{doors}")
        path.chmod(0o600)
        return [str(note).removeprefix(f"{path}:") for note in find_fleet_surprises(load(str(path)))]

    return find


PASSWORD = "Fleet_Password = /p\n"


def heard(hosts: str) -> list[str]:
    """The note about a password that goes to hosts."""
    text = f"the password goes to {hosts} without TLS: who listens on the way has it; write valkeys://"
    return [f"2: Fleet: {text}"]


@pytest.mark.parametrize(
    "urls",
    [
        "valkeys://h",
        "valkey://127.0.0.1, valkey://127.9.9.9:1",
        "redis://[::1]",
        "valkey://localhost, rediss://h",
        "cluster+valkeys://h",
    ],
)
def test_a_password_that_nobody_hears(said: Said, urls: str) -> None:
    """With TLS, or on this machine."""
    assert [] == said(urls, PASSWORD)


@pytest.mark.parametrize(
    ("urls", "hosts"),
    [
        ("valkey://h", "h"),
        ("valkeys://g, redis://h, valkey://192.0.2.1, valkey://h:1", "h, 192.0.2.1"),
        ("sentinel+valkey://localhost/one", "localhost"),
        ("cluster+valkey://127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_password_that_is_heard(said: Said, urls: str, hosts: str) -> None:
    """Each host once; sentinels and nodes on this machine name servers on others."""
    assert heard(hosts) == said(urls, PASSWORD)
    assert [] == said(urls)


def test_a_user_without_a_password(said: Said) -> None:
    """Nobody is let in by a name alone."""
    expected = ["2: Fleet: a user without a password: name its file with Fleet_Password"]
    assert expected == said("valkeys://g, valkeys://ann@h")
    assert [] == said("valkeys://ann@h", PASSWORD)


NOTHING = ["2: Fleet: does nothing: no door's knocks count once, and none has Fleet_Share = yes"]


@pytest.mark.parametrize(
    ("doors", "expected"),
    [
        ("[a]\nSequence = 1,2,3\n", NOTHING),
        ("[a]\nSequence = 1,2,3\nFleet_Required = yes\n", []),
        ("[a]\nSequence_Key = /t\nFleet_Required = no\n", []),
        ("[a]\nOne_Time_Sequences = /t\nFleet_Required = no\n[b]\nSequence = 1,2,3\n", []),
    ],
)
def test_a_store_that_no_door_needs(said: Said, doors: str, expected: list[str]) -> None:
    """Doors of plain sequences use nothing up, and share nothing by themselves."""
    assert expected == said("valkeys://h", "", doors)


def test_without_a_fleet(tmp_path: Path) -> None:
    """There is nothing to say, also where other hosts have one."""
    path = tmp_path / "knockd.conf"
    path.write_text(f"[options]\nFleet[gate] = valkey://h\nFleet_Key = /k\n{PASSWORD}{SHARED}")
    path.chmod(0o600)
    assert [] == list(find_fleet_surprises(load(str(path), host="home")))
