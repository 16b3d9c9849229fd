"""Programs that run as root and that somebody else can replace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.checks.program_trust import find_replaceable_programs
from knockd_conf.model import Config, Options
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import door


@pytest.fixture(autouse=True)
def _as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule for root, whoever runs the tests."""
    policy = TrustPolicy(enforce=True, owners=frozenset({0, os.getuid()}) | TrustPolicy.current().owners)
    monkeypatch.setattr(
        TrustPolicy, "current", lambda *, allow_insecure=False: TrustPolicy(not allow_insecure, policy.owners)
    )


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A script in a directory that others can write, below one of ours."""
    made = tmp_path / "open" / "ours" / "script"
    made.parent.mkdir(parents=True, mode=0o755)
    made.touch(0o755)
    (tmp_path / "open").chmod(0o777)
    return made


def said(command: str, *, insecure: bool = False) -> list[str]:
    """What is said of a command."""
    one = door("1", name="a", start_command=command)
    config = Config("/k", Options(), (one,), "host", ("/k",), insecure=insecure)
    return [note.message for note in find_replaceable_programs(config)]


@pytest.mark.parametrize("command", ["{} %IP%", "sh {}", "true; sudo {} x", "python3 {}"])
def test_replaceable(program: Path, command: str) -> None:
    """Each directory above a program counts, also above a script that an interpreter is given."""
    [message] = said(command.format(program))
    assert message.startswith(
        f"others can replace {program}, which runs as root:"
        f" {program.parents[1]}: expected a directory that only its owner can write, got mode 0777"
    )


def test_a_program_that_others_can_write(program: Path) -> None:
    """So does the program itself."""
    program.parents[1].chmod(0o755)
    assert [] == said(str(program))
    program.chmod(0o777)
    [message] = said(str(program))
    assert f"{program}: expected a file that only its owner can write, got mode 0777" in message


@pytest.mark.parametrize("command", ["/bin/sh -c true", "cat {}", "iptables -A x", "/nowhere/x", "script"])
def test_nothing_to_say(program: Path, command: str) -> None:
    """Programs of the system, files that are only read, and names without a directory are no matter."""
    assert [] == said(command.format(program))


def test_allowed(program: Path) -> None:
    """With --allow-insecure-config nothing is said."""
    assert [] == said(str(program), insecure=True)
