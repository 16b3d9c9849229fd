"""All that is to be said of a good configuration, as this host is now.

The child that reads the configuration calls it, for the daemon's log and for ``-t``.

World: the kernel's sockets and clock, forwarded ports, one-time files, key files, directories.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from shlex import quote

from knockd.checks.access_notes import find_access_notes, find_shut_doors
from knockd.checks.command_notes import Circumstances, find_current_notes, is_elsewhere
from knockd.checks.doors import find_scan_openings, find_surprises
from knockd.checks.fleet_host import find_unusable_files
from knockd.checks.fleet_surprises import find_fleet_surprises
from knockd.checks.keys import ELSEWHERE, KeyFiles, find_clock_notes, find_key_notes
from knockd.checks.program_trust import find_replaceable_programs
from knockd.checks.signed_host import current_signed
from knockd.checks.signed_keys import SignedFiles, find_signed_notes
from knockd.checks.signed_surprises import find_shared_ports, find_signed_surprises
from knockd.checks.weak_doors import MOST_LINES, find_weak_doors, find_weak_lines
from knockd.knocks.guards import Guards, guard_rules, guards_of
from knockd.knocks.taken import Taken
from knockd.knocks.watch import watches_of
from knockd.net.forwarded_ports import read_forwarded_ports
from knockd.net.ports_in_use import ports_in_use
from knockd.sequences.kernel_clock import read_clock
from knockd.sequences.key_reader import read_key_file
from knockd.sequences.one_time_file import read_one_time, read_one_time_lines
from knockd_bpf.wire import UDP
from knockd_conf.command_words import numbers_named
from knockd_conf.errors import Note, Place, merge_notes
from knockd_conf.key_file import KeyFile
from knockd_conf.model import Config, Step
from knockd_conf.source import read_source
from knockd_conf.text import printable
from knockd_conf.trust import TrustPolicy

Sequences = tuple[tuple[Step, ...], ...]


def find_notes(
    config: Config,
    live: Sequences,
    guards: tuple[Guards, ...],
    files: KeyFiles,
    signed: SignedFiles | None,
    known: Circumstances,
    taken: Taken,
) -> tuple[Note, ...]:
    """Every note of a configuration whose doors have these steps, guards, key files and signed knocks.

    They come in the order of the files.
    """
    order = {path: index for index, path in enumerate(config.files)}
    found = [*config.notes, *find_surprises(config)]
    # What ports to choose is advice for who writes the file: no line at every start.
    opened = list(find_scan_openings(config.doors, live, guards, skipping=not known.starting))
    found += opened
    found += find_weak_doors(config.doors, live, taken.in_use, [Place(*note[:3]) for note in opened])
    found += find_signed_surprises(config, taken.in_use)
    found += find_fleet_surprises(config)
    found += find_shared_ports(config, live) if not known.starting else ()
    found += find_shut_doors(config, known.has_ipv6, known.days.today)
    found += find_access_notes(config, known.has_ipv6, known.days, versions=not known.starting)
    found += find_current_notes(config, known)
    if not known.starting:  # then the daemon says itself what it cannot read
        found += find_unusable_files(config)
    if not is_elsewhere(config):
        found += find_key_notes(config, files, known.days, starting=known.starting)
        found += _find_missing_folders(config)
        found += find_signed_notes(config, signed or SignedFiles(), starting=known.starting)
        found += find_replaceable_programs(config)
    found.sort(key=lambda note: (order.get(note.path, len(order)), note.line or 0))
    return merge_notes(found)


def _find_missing_folders(config: Config) -> Iterator[Note]:
    log = config.options.log_file
    if log is not None and os.path.isdir(log):
        yield config.note("log_file", "it is a directory: nothing is written there; name a file in it")
    elif log is not None and not os.path.isdir(folder := os.path.dirname(log)):
        yield config.note(
            "log_file", f"there is no directory {printable(folder)}: nothing is written until there is"
        )


def current_notes(config: Config, taken: Taken, known: Circumstances) -> tuple[Note, ...]:
    """Every note as this host is now, without those of one-time files: the daemon logs them itself."""
    live, _ = current_sequences(config)
    guards = current_guards(config, live, taken)
    return find_notes(config, live, guards, current_keys(config), current_signed(config), known, taken)


def current_sequences(config: Config) -> tuple[Sequences, list[Note]]:
    """The steps of every door now, and why some have none: such a one-time door is disabled."""
    live: list[tuple[Step, ...]] = []
    notes = []
    policy = TrustPolicy.current(allow_insecure=config.insecure)
    for door in config.doors:
        steps = door.steps
        if door.one_time_file is not None:
            try:
                held = read_one_time(door.one_time_file, policy)
            except OSError as error:
                cure = ""
                if error.errno == errno.ENOENT:
                    cure = f", make it with 'knockctl gen-sequences 100 --file {quote(door.one_time_file)}'"
                message = f"{door.one_time_file}: {error.strerror}{cure}: the door is disabled"
                notes.append(door.note("one_time_file", message))
            else:
                notes += [Note(door.one_time_file, None, None, problem) for problem in held.problems]
                steps = held.live.steps if held.live is not None else ()
                readable = read_source(door.one_time_file, policy).note
                notes += [readable] if readable is not None else []
        live.append(steps)
    return tuple(live), notes


def current_keys(config: Config) -> KeyFiles:
    """What the key file of each door holds; those of another host's configuration are not read."""
    paths = dict.fromkeys(door.sequence_key for door in config.doors if door.sequence_key is not None)
    if is_elsewhere(config):
        return dict.fromkeys(paths, ELSEWHERE)
    policy = TrustPolicy.current(allow_insecure=config.insecure)
    return {path: _read_keys(path, policy) for path in paths}


def _read_keys(path: str, policy: TrustPolicy) -> KeyFile | str:
    try:
        return read_key_file(path, policy)
    except OSError as error:
        hint = " to who is not root" if error.errno == errno.EACCES and os.geteuid() else ""
        return f"{error.strerror}{hint}"


def current_clock(config: Config) -> list[Note]:
    """Whether doors with keys wait for the clock, as it is now."""
    return [*find_clock_notes(config, read_clock().loose)]


def find_weak_one_time(config: Config) -> Iterator[Note]:
    """Yields a note for each one-time file whose next lines hold weak sequences."""
    policy = TrustPolicy.current(allow_insecure=config.insecure)
    for path in dict.fromkeys(door.one_time_file for door in config.doors if door.one_time_file is not None):
        with suppress(OSError):  # why it cannot be read is another note
            note = find_weak_lines(path, read_one_time_lines(path, MOST_LINES, policy))
            if note is not None:
                yield note


def current_taken(config: Config) -> tuple[Taken, list[Note]]:
    """The ports that can be no automatic guards, as this host is now, and what is not known of them.

    The firewall is not asked where there are no automatic guards, nobody for another host's configuration.
    """
    named = frozenset[int]().union(*(numbers_named(one) for door in config.doors for one in door.commands()))
    signed = frozenset(UDP << 16 | door.signed_port for door in config.doors if door.signed_port)
    taken = Taken(named, signed=signed)
    if is_elsewhere(config):
        return taken, []
    taken = taken.with_sockets(ports_in_use())
    if not any(rule.auto for rule in guard_rules(config.doors, config.options.guard_ports)):
        return taken, []
    ranges, reasons = read_forwarded_ports()
    return taken._replace(forwarded=ranges), [config.note("guard_ports", reason) for reason in reasons]


def current_guards(config: Config, live: Sequences, taken: Taken) -> tuple[Guards, ...]:
    """The guards of every door."""
    rules = guard_rules(config.doors, config.options.guard_ports)
    return guards_of(watches_of(config.doors, live), rules, taken)
