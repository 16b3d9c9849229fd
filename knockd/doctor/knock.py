"""``knockctl doctor --knock DOOR``: a client knocks in a network of its own, and each step is shown.

It changes nothing on this host and runs no command of the door.

World: standard output, standard error.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pwd import getpwuid
from typing import Any

from knockd.doctor.knock_plan import Untried, Way, find_door, plan_signed, plan_ways
from knockd.doctor.knock_walk import Knocked, Outcome, walk
from knockd.doctor.knock_words import (
    OTHERWISE,
    compare_with_daemon,
    describe_actions,
    describe_door,
    describe_signed,
    explain_flags,
)
from knockd.doctor.lab import LabError, Peer, run_in_lab
from knockd.doctor.lab_client import run_client
from knockd.doctor.signed_profile import find_signed
from knockd.keeper.settings import Settings, find_directory, wanted_interfaces
from knockd.knocks.watch import Watch
from knockd.leases.obstacles import find_bar, find_obstacle
from knockd.leases.runner import search_path
from knockd.leases.values import Knock
from knockd.replay.command import load_base
from knockd.replay.keys import find_watches_now
from knockd.replay.openings import Openings
from knockd.replay.signed_means import SignedMeans
from knockd.replay.signed_times import SignedTimes
from knockd.replay.text import wrap
from knockd.worker.capture import CaptureError
from knockd_conf.command_facts import find_facts
from knockd_conf.errors import ConfigError
from knockd_conf.text import address_text, printable

MOST_NAMED = 20
UNSIGNED = (
    "signed knocks: not tried, {}. Knock from another host: 'knockctl keys' says whose keys open the door,"
    " and 'knockctl log' why a knock was refused"
)
NOT_OPENED = 1
"""Exit status when the door would not open."""


def run_knock(
    path: str, name: str, asked: Mapping[str, Any] | str, *, delay: int = 0, columns: int = 80
) -> int:
    """Knocks at the door ``name`` of the configuration ``path`` and prints its way.

    ``delay``: milliseconds between packets.

    ``asked`` is the reply of Status, or why there is none. Returns the exit status: 0 when the door would
    open, 1 when it would not, else one of sysexits.h: nothing was tried.
    """
    if os.geteuid() != 0:
        again = f"sudo knockctl doctor --knock {printable(name)}"
        _complain(f"--knock makes a network of its own, which needs root: {again}")
        return os.EX_NOPERM
    settings = Settings(os.path.abspath(path), directory=find_directory())
    try:
        config, base = load_base(settings)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return os.EX_TEMPFAIL if error.passing else os.EX_CONFIG
    door = find_door(config, name)
    if door is None:
        named = ", ".join(printable(one.name) for one in config.doors[:MOST_NAMED])
        _complain(f"there is no door {printable(name)} in {printable(config.path)}; expected one of {named}")
        return os.EX_USAGE
    config = replace(config, doors=tuple(replace(one, facts=find_facts(one)) for one in config.doors))
    today = settings.find_circumstances(config).days.today
    rotating = find_watches_now(config, base, _complain)
    # A knock takes a moment, and sequences open for a period before and after their own.
    at = Knocked(config, rotating.watches, door, settings.ipv6)
    script = _Script(at, rotating.find_current(door), delay, columns, today)
    status = script.play()
    changed = _find_changed(config.files, asked)
    lines = [*compare_with_daemon(asked, settings.config_path, config.doors[door], changed)]
    differs = any(line.startswith(OTHERWISE) for line in lines)
    script.say_all(["", *lines, "", script.sum_up(status, differs=differs)])
    return status


class _Script:
    """What is done and printed."""

    def __init__(self, at: Knocked, watch: Watch | None, delay: int, columns: int, today: str) -> None:
        self._at = at
        self._delay = delay
        self._columns = columns
        self._today = today
        self._door = at.config.doors[at.door]
        self._watch = watch
        wanted = wanted_interfaces(at.config)
        self._interface = wanted[0] if wanted else "eth0"
        """What stands for %IFACE%."""

    def play(self) -> int:
        """Knocks by each IP version that the door serves; returns the exit status."""
        planned: list[Way | Untried] = []
        if self._watch is not None:
            self.say_all([describe_door(self._door, self._watch)])
            planned += plan_ways(self._door, self._watch, ipv6=self._at.ipv6)
        elif not self._door.is_signed_alone:
            what = "waits for a key" if self._door.sequence_key is not None else "is disabled"
            self.say_all([f"door {printable(self._door.name)} has no sequence that can be used: it {what}"])
        if self._door.is_signed:
            self.say_all([describe_signed(self._door)])
            signed = find_signed(self._door)
            if isinstance(signed, str):
                self.say_all([UNSIGNED.format(signed)])
                if self._door.is_signed_alone:
                    return os.EX_UNAVAILABLE
            else:
                planned += plan_signed(self._door, signed, ipv6=self._at.ipv6)
        ways = [one for one in planned if isinstance(one, Way)]
        for one in planned:
            if isinstance(one, Untried):
                self.say_all([f"IPv{one.version}: not tried, {one.reason}"])
        if not ways:
            return NOT_OPENED
        return run_in_lab(partial(self._walk_all, ways), run_client, _complain)

    def sum_up(self, status: int, *, differs: bool) -> str:
        """The last line; ``differs``: whether the daemon that runs does something otherwise."""
        name = printable(self._door.name)
        match status:
            case os.EX_OK if differs:
                return f"door {name} would open, but the running daemon differs, as said above"
            case os.EX_OK:
                return f"door {name} would open"
            case 1:
                return f"door {name} would not open"
            case _:
                return f"door {name}: nothing is known, the knock could not be tried"

    def say_all(self, lines: Iterable[str]) -> None:
        """Prints texts."""
        for line in lines:
            self._tell("", line)

    def _tell(self, head: str, text: str) -> None:
        lines = wrap(text, self._columns, head) if head else wrap(text, self._columns, indent="    ")
        print("\n".join(lines or [""]), flush=True)

    def _walk_all(self, ways: Sequence[Way], peer: Peer) -> int:
        """In the lab; the exit status."""
        with SignedMeans(self._at.config, _complain) as means:
            signed = SignedTimes(self._at.config.doors, means.means)
            signed.move_to(int(time.time() * 1_000_000))
            return self._walk_each(ways, peer, self._at._replace(signed=signed))

    def _walk_each(self, ways: Sequence[Way], peer: Peer, at: Knocked) -> int:
        opened = []
        for way in ways:
            client = f", from {way.link.client}, who may knock" if self._door.access is not None else ""
            self.say_all(["", f"IPv{way.link.version}: {way.command}{client}"])
            try:
                outcome = walk(peer, way, at, self._delay, self._tell)
            except LabError as error:
                self.say_all([f"not tried: {error}"])
                continue
            except CaptureError as error:
                outcome = Outcome(
                    None, f"No filter could be attached, which the daemon cannot do either: {error}"
                )
            opened.append(self._tell_outcome(way, outcome))
        if not opened:
            return os.EX_UNAVAILABLE
        return os.EX_OK if all(opened) else NOT_OPENED

    def _tell_outcome(self, way: Way, outcome: Outcome) -> bool:
        """Tells what comes of a knock; returns whether the door would open."""
        if not outcome.tried:
            signed = way.signed is not None
            self.say_all(
                [f"could not be sent: {outcome.advice}" if signed else explain_flags(way, outcome.advice)]
            )
            return False
        if outcome.opened is None:
            self.say_all([outcome.advice])
            return False
        version = way.link.version
        knock = Knock(
            self._door, way.link.client, version, address_text(outcome.opened.destination), self._interface
        )
        obstacle = find_bar(knock, self._today) or find_obstacle(knock, search_path())
        openings = Openings(self._at.config.doors, self._interface, self._at.config.options.max_leases)
        actions = [*openings.open(outcome.opened, 0, self._today), *openings.close_due(None)]
        self.say_all(describe_actions(actions, obstacle, _find_user()))
        return obstacle is None and any(action.kind == "start" for action in actions)


def _find_user() -> str:
    """Who we are, as the daemon is."""
    try:
        return getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _find_changed(files: Iterable[str], asked: Mapping[str, Any] | str) -> list[str]:
    """The files that have changed since the daemon read them, as far as that is known."""
    if isinstance(asked, str) or asked.get("config_age") is None:
        return []
    try:
        read = time.time() - float(asked["config_age"])
    except (TypeError, ValueError):  # of another version
        return []
    return [path for path in files if os.path.exists(path) and os.stat(path).st_mtime > read]


def _complain(text: str) -> None:
    print(f"knockctl doctor: {text}", file=sys.stderr, flush=True)
