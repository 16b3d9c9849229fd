"""Whatever its files hold, a configuration loads as a Config within the documented limits, or ConfigError.

The input is the main file; a line ``#### name`` begins another one, that Include may name.
"""

from __future__ import annotations

import glob
import importlib
import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from unittest.mock import patch

from knockd_conf.errors import ConfigError, Problem
from knockd_conf.fields import MAX_INTERFACE_NAME
from knockd_conf.load import load
from knockd_conf.model import MAX_STEPS, Config, Door, Options, Reknock
from knockd_conf.rotating import rule_of
from knockd_conf.source import Source
from knockd_conf.timed import check_rule
from knockd_conf.trust import TrustPolicy

FOLDER = PurePosixPath("/etc/knockd")
HOST = "web1.example.org"
RESOLVER = {"router.example": ("198.51.100.7", "2001:db8:7::7"), "zone.example": ("fe80::1%eth0",)}

_FILE = re.compile(rb"^#### ?([^\n]*)\n", re.MULTILINE)
_LOADER = importlib.import_module("knockd_conf.load")  # the package gives this name to a function


class Memory:
    """Files in memory, as far as the loader asks for them: reading, listing, wildcards and existence."""

    def __init__(self, data: bytes) -> None:
        first, *rest = _FILE.split(data)
        named = zip(rest[::2], rest[1::2], strict=True)
        found = {str(FOLDER / name.decode("utf-8", "replace").strip()): text for name, text in named}
        self.files = {**found, str(FOLDER / "knockd.conf"): first}
        self.path = self

    def read_source(self, path: str, _policy: TrustPolicy) -> Source:
        """As knockd_conf.source.read_source."""
        plain = str(PurePosixPath(path))
        if plain not in self.files:
            return Source(path, None, (Problem(path, None, None, "expected a readable file, got none"),))
        return Source(path, self.files[plain], (), identity=(1, list(self.files).index(plain)))

    def judge_folder(self, _folder: str, _policy: TrustPolicy) -> tuple[Problem, ...]:
        """As knockd_conf.source.judge_folder: every folder may be searched."""
        return ()

    def glob(self, pattern: str) -> list[str]:
        """As glob.glob, but ``*`` crosses slashes."""
        return [name for name in self.files if fnmatchcase(name, pattern)]

    def escape(self, text: str) -> str:
        """As glob.escape."""
        return glob.escape(text)

    def fsdecode(self, path: bytes) -> str:
        """As os.fsdecode."""
        return os.fsdecode(path)

    isabs, join, dirname = (staticmethod(made) for made in (os.path.isabs, os.path.join, os.path.dirname))

    def lexists(self, path: str) -> bool:
        """As os.path.lexists."""
        return str(PurePosixPath(path)) in self.files


def resolve(name: str) -> Sequence[str]:
    """The addresses of two names; no other name has any."""
    if name not in RESOLVER:
        raise OSError(-2, f"no {name}")
    return RESOLVER[name]


def check(data: bytes) -> None:
    """Load these files and look at what came of it."""
    found = outcome(data)
    if isinstance(found, ConfigError):
        assert found.problems
        assert len(str(found).splitlines()) == len(found.problems), "a problem is not one line"
    else:
        _check(found)


def outcome(data: bytes) -> Config | ConfigError:
    """What comes of loading these files."""
    memory = Memory(data)
    with patch.multiple(_LOADER, source=memory, glob=memory, os=memory):
        try:
            return load(
                str(FOLDER / "knockd.conf"), host=HOST, trust=TrustPolicy(enforce=False), resolve=resolve
            )
        except ConfigError as error:
            return error


def _check(config: Config) -> None:
    assert 1 <= len(config.files) <= 256
    _check_options(config.options)
    for door in config.doors:
        _check_door(door)
    own = [door.one_time_file for door in config.doors if door.one_time_file is not None]
    assert len(set(own)) == len(
        {(door.one_time_file, door.name) for door in config.doors if door.one_time_file}
    )


def _check_options(options: Options) -> None:
    assert all(
        1 <= len(name.encode()) <= MAX_INTERFACE_NAME and name.isprintable() for name in options.interface
    )
    assert not any(c == "/" or c.isspace() for name in options.interface for c in name)
    assert 1 <= options.latency <= 1_000
    assert 64 <= options.buffer <= 1_048_576
    assert 1_024 <= options.max_attempts <= 1_048_576
    assert 1 <= options.max_leases <= 65_536
    assert options.log_file != ""
    assert options.pid_file != ""
    assert options.state_dir != ""
    assert bool(options.fleet_key) or not options.fleet
    assert len({(one.kind, one.service, one.database) for one in options.fleet}) <= 1
    assert all(one.host and "@" not in one.host and 1 <= one.port <= 65_535 for one in options.fleet)


def _check_door(door: Door) -> None:
    assert len(door.name.splitlines()) == 1
    assert 1 <= len(door.name.encode()) <= 128
    ways = sum(bool(kind) for kind in (door.steps, door.one_time_file, door.sequence_key))
    assert ways == 1 or (ways == 0 and door.is_signed_alone)
    assert not door.is_signed or (door.authorized_keys and 1 <= (door.signed_port or 0) <= 65_535)
    assert door.fleet_required is not None
    assert not door.fleet_share or door.reknock is not Reknock.REPEAT
    if door.sequence_key:
        check_rule(rule_of(door))
        assert door.sequence_period >= door.seq_timeout
    assert len(door.steps) <= MAX_STEPS
    assert all(0 <= step.port <= 65_535 for step in door.steps)
    assert all(0 <= step.port <= 65_535 for step in (door.guard_ports.ports if door.guard_ports else ()))
    assert door.flags is None or not door.flags.must_set & door.flags.must_clear
    times = (door.seq_timeout, door.cmd_timeout, door.command_deadline, door.seq_cooldown)
    assert all(0 <= time < 2**31 for time in times)
    assert 1 <= door.max_commands <= 256
    commands = (door.start_command, door.start_command_6, door.stop_command, door.stop_command_6)
    assert not any("\n" in one or "\0" in one for one in commands if one is not None)
    assert all(getattr(address, "scope_id", None) is None for address in door.target)
