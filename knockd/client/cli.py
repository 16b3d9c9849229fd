"""The knock command: arguments in, packets out, an exit status of sysexits.h.

Imports are inside the functions: what --help does not need takes no time, and ^C meanwhile ends it quietly.

World: the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from knockd.client import status
from knockd.client.output import say, tell

if TYPE_CHECKING:
    from knockd.client.options import Options
    from knockd.client.plan import Plan


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``knock`` with the arguments after its name (default: the process's own); the exit status.

    It is 0 when done, one of status.py when not, and that of the command where one was run.
    """
    try:
        return parse_and_run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return status.INTERRUPTED


def parse_and_run(argv: Sequence[str]) -> int:
    """Do what arguments ask for, or say why not; the exit status."""
    from knockd.client.options import SYNOPSIS, UsageError, parse_arguments

    try:
        return run(parse_arguments(argv))
    except UsageError as error:
        tell(f"{error}\n{SYNOPSIS}\ntry 'knock --help' for the options")
        return status.USAGE
    except status.Refused as refused:
        for message in refused.messages:
            tell(message)
        return refused.status


def run(options: Options) -> int:
    """Do what the options ask for; the exit status. Raises UsageError and Refused."""
    from knockd.client.options import HELP, UsageError

    match options.show:
        case "help":
            say(HELP)
            return status.OK
        case "version":
            say(version())
            return status.OK
        case "list":
            return list_profiles()
    if options.uri is not None:
        from knockd.client import import_uri, network, profiles

        path = profiles.profile_path()
        identity = options.choices.identity
        try:
            identity = identity and profiles.locate(identity, os.getcwd())
        except OSError as error:
            raise UsageError(f"-k: there is no working directory: {error.strerror}") from None
        import_uri.import_profile(options.uri, options.host, path, network.service_port, identity)
        return status.OK
    if not options.host:
        return mark_line(options)

    from knockd.client.knocking import run_knock

    result = run_knock(options, settle(options))
    if result == status.OK and options.command:
        from knockd.client.command import run_command

        return run_command(options.command)
    return result


def settle(options: Options) -> Plan:
    """The plan of a knock, with a profile where the host is given without ports."""
    from knockd.client.plan import make_plan

    if options.ports:
        return make_plan(options, None, "")

    from knockd.client import network, profiles

    path = profiles.profile_path()
    found = profiles.read_profiles(path, network.service_port)
    profile = found.profiles.get(options.host) if found is not None else None
    problems = profile.problems if profile is not None else ()
    if found is not None and profile is None and not options.choices.chosen("key", "sequence_file"):
        problems = found.problems
    if problems:
        raise status.Refused(status.CONFIG, *problems)
    plan = make_plan(options, profile, profiles.describe_profiles(found, path))
    if plan.ports and (warning := profiles.warn_of_readers(path)) is not None:
        tell(warning)
    return plan


def list_profiles() -> int:
    """Print a line for each profile, without its sequence, and what is wrong in the file."""
    from knockd.client import network, profiles

    path = profiles.profile_path()
    found = profiles.read_profiles(path, network.service_port)
    if found is None or not found.profiles:
        tell(profiles.describe_profiles(found, path))
    if found is None:
        return status.OK
    width = max(map(len, found.profiles), default=0)
    for one in found.profiles.values():
        say(f"{one.name:{width}}  {one.host}  {one.kind}")
    problems = (*found.problems, *(text for one in found.profiles.values() for text in one.problems))
    for problem in problems:
        tell(problem)
    return status.CONFIG if problems else status.OK


def mark_line(options: Options) -> int:
    """Strike out the next line of a one-time file, and knock nothing."""
    from knockd.client.one_time import read_next_line, strike_out

    line, _ = read_next_line(options.choices.sequence_file or "")
    strike_out(line)
    left = line.left - 1
    tell(f"line {line.number} of {line.path} is struck out, {left} {'is' if left == 1 else 'are'} left")
    return status.OK


def version() -> str:
    """The line of ``-V``, in 0.8's form."""
    from knockd import __version__

    return f"knock {__version__}"
