"""What -t and --dry-run say about who may knock."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.checks.doors import describe_door
from knockd.dryrun import build_filters, format_text
from knockd.knocks.guards import Guards
from knockd.knocks.watch import watches_of
from knockd_conf.load import load
from knockd_conf.model import Config
from knockd_conf.trust import TrustPolicy

MANY = ", ".join(f"10.{n}.0.0/24" for n in range(150))
MERGED = (
    "  widened to fit the kernel: networks of Allow and Deny are merged;"
    " who may knock is judged once more by the daemon"
)


def configured(tmp_path: Path, keys: str) -> Config:
    """A door with these keys."""
    path = tmp_path / "knockd.conf"
    path.write_text(f"[ssh]\nSequence = 7000,8000\nTCPFlags = syn\n{keys}\n")
    return load(str(path), host="here", trust=TrustPolicy(enforce=False))


def dry_run(config: Config) -> list[str]:
    """The lines of --dry-run for an interface that is not here."""
    made = build_filters(watches_of(config.doors), ["eth9"], ipv6=True)
    return format_text(made, config, [Guards()]).splitlines()


def test_the_filter_says_who_may_knock(tmp_path: Path) -> None:
    """The text names the networks, and what is not allowed in either version is not in it."""
    lines = dry_run(configured(tmp_path, "Allow = 192.0.2.0/24"))
    at = lines.index("  ip src net 192.0.2.0/24")
    assert lines[at + 1].startswith("  and (ip and tcp[13] & 2 = 2")
    assert not any("ip6" in line for line in lines)
    assert MERGED not in lines


def test_merged_networks_are_told(tmp_path: Path) -> None:
    """More networks than are told apart are merged, and a line says so."""
    assert MERGED in dry_run(configured(tmp_path, f"Allow = {MANY}"))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", []),
        ("Allow = all\nDeny = none", []),
        ("Allow = 192.0.2.0/24", ["  opens for knocks from 192.0.2.0/24"]),
        ("Deny = 192.0.2.0/24, ::1", ["  opens for knocks from everywhere but 192.0.2.0/24, ::1"]),
        (
            "Allow = 10.0.0.0/8\nDeny = 10.1.1.1",
            ["  opens for knocks from 10.0.0.0/8 but 10.1.1.1"],
        ),
        (
            f"Allow = {MANY}",
            ["  opens for knocks from 10.0.0.0/24, 10.1.0.0/24, 10.2.0.0/24, 10.3.0.0/24 and 146 more"],
        ),
    ],
)
def test_a_door_says_who_may_knock(tmp_path: Path, keys: str, expected: list[str]) -> None:
    """-t names the first networks of a door, and counts the rest."""
    [door] = configured(tmp_path, keys).doors
    assert expected == list(describe_door(door, None))[1:]


def test_a_door_says_its_last_day(tmp_path: Path) -> None:
    """-t names the last day."""
    [door] = configured(tmp_path, "Expires = 2026-12-31").doors
    assert ["  opens until 2026-12-31, all of that day"] == list(describe_door(door, None))[1:]
