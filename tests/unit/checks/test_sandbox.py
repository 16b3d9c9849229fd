"""What a unit keeps from commands, read from its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.checks.sandbox import Sandbox, read_sandbox

OURS = Path(__file__).parents[3] / "conf" / "systemd" / "knockd.service"
HOME_OF_ROOT = "/root"


def test_our_unit() -> None:
    """The facts of the unit that is shipped."""
    ours = read_sandbox("/etc/systemd/system/knockd.service", [OURS.read_text()])
    assert ("yes", True, True, "strict") == ours[1:5]
    assert {"/var/log", "/etc/ufw", "/var/lib/knockd", "/run/knockd", "/run/xtables.lock"} <= set(
        ours.writable
    )


@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("/home/bob/open.sh", "ProtectHome=yes"),
        (f"{HOME_OF_ROOT}/open.sh", "ProtectHome=yes"),
        ("/tmp/open.sh", "PrivateTmp=yes"),
        ("/var/tmp/x", "PrivateTmp=yes"),
        ("/usr/local/sbin/open", None),
        ("/homes/bob", None),
    ],
)
def test_what_our_unit_hides(path: str, setting: str | None) -> None:
    """Homes and temporary files."""
    assert setting == read_sandbox("x", [OURS.read_text()]).hides(path)


@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("/etc/hosts.allow", "ProtectSystem=strict"),
        (f"{HOME_OF_ROOT}/log", "ProtectHome=yes"),
        ("/var/log/knock.log", None),
        ("/etc/ufw/user.rules", None),
        ("/tmp/x", None),
        ("/dev/tty", None),
        ("/proc/sys/net/ipv4/ip_forward", "ProtectKernelTunables=yes"),
        ("/run/other", "ProtectSystem=strict"),
    ],
)
def test_what_our_unit_keeps_from_being_written(path: str, setting: str | None) -> None:
    """All but logs, the firewall's files, the state and devices."""
    assert setting == read_sandbox("x", [OURS.read_text()]).keeps_from_writing(path)


def test_a_drop_in_has_the_last_word() -> None:
    """Later files win; an empty list is begun anew."""
    unit = "[Service]\nProtectHome=yes\nReadWritePaths=/a\n"
    drop_in = "ProtectHome = false\nReadWritePaths=\nReadWritePaths=/b \\\n -/c\n"
    assert Sandbox("x", writable=("/b", "/c")) == read_sandbox("x", [unit, drop_in])


def test_no_sandbox() -> None:
    """A unit that says nothing keeps nothing; comments and sections say nothing."""
    plain = read_sandbox("x", ["[Service]\n# ProtectHome=yes\n;PrivateTmp=yes\nExecStart=knockd\n"])
    assert Sandbox("x") == plain
    assert plain.keeps_from_writing("/etc/x") is None
    assert plain.hides(f"{HOME_OF_ROOT}/x") is None


def test_homes_that_can_be_read() -> None:
    """ProtectHome=read-only hides nothing, and keeps homes from being written."""
    read_only = read_sandbox("x", ["ProtectHome=read-only\nProtectSystem=full"])
    assert read_only.hides(f"{HOME_OF_ROOT}/x") is None
    assert "ProtectHome=read-only" == read_only.keeps_from_writing(f"{HOME_OF_ROOT}/x")
    assert "ProtectSystem=full" == read_only.keeps_from_writing("/etc/x")
    assert read_only.keeps_from_writing("/srv/x") is None
