"""``knockctl gen-sequences``: random sequences for the file of a one-time door.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence

from knockd.checks.weak_doors import find_reasons
from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.keygen import explain
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.random_sequences import choose_sequences
from knockd.ctl.terminal import complain, prepare_output
from knockd.sequences.one_time_file import add_one_time
from knockd_conf.model import Step
from knockd_conf.one_time import line_of
from knockd_conf.text import printable
from knockd_conf.timed import KINDS, MAX_STEPS, MIN_STEPS, Rule, check_rule

SUBCOMMAND = "gen-sequences"
MOST = 10_000
"""Sequences at once: a file of them is well below what is read."""

_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl gen-sequences`` with the arguments after its name; the exit status.

    1: the file is none of sequences; 64 usage; 73 the file cannot be written.
    """
    prepare_output()
    try:
        found = _parser().parse_args(list(arguments))
        return _make(found.file, _read_count(found.number), _read_rule(found))
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl gen-sequences --help'", SUBCOMMAND)
        return os.EX_USAGE


def _make(path: str | None, count: int, rule: Rule) -> int:
    from secrets import randbelow

    def choose(known: Sequence[Sequence[Step]]) -> tuple[tuple[Step, ...], ...]:
        return choose_sequences(count, rule, randbelow, lambda steps: any(find_reasons(steps)), known)

    if path is None:
        for steps in choose(()):
            print(line_of(steps))
        return os.EX_OK
    path = os.path.abspath(path)
    try:
        left = add_one_time(path, choose)
    except ValueError as error:
        complain(f"{printable(path)}: {error}", SUBCOMMAND)
        return NOT_DONE
    except OSError as error:
        complain(f"{printable(path)}: {explain(error, path)}", SUBCOMMAND)
        return os.EX_CANTCREAT
    print(f"{printable(path)} has {left} sequence{'' if left == 1 else 's'} now.")
    print("The door in /etc/knockd.conf needs this line, in place of its Sequence:")
    print()
    print(f"    One_Time_Sequences = {printable(path)}")
    print()
    print("Then, as root: knockd -t && knockctl reload")
    print("Give the client a copy of the file: knock --sequence-file COPY THIS.SERVER")
    return os.EX_OK


def _read_count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 9 or not 1 <= int(text) <= MOST:
        raise UsageError(f"N: expected a number from 1 to {MOST}, got '{text}'")
    return int(text)


def _read_rule(found: argparse.Namespace) -> Rule:
    steps: str = found.steps
    if not steps.isascii() or not steps.isdigit() or not MIN_STEPS <= int(steps[:9]) <= MAX_STEPS:
        raise UsageError(f"--steps: expected a number from {MIN_STEPS} to {MAX_STEPS}, got '{steps}'")
    ports = _RANGE.fullmatch(found.ports)
    if ports is None:
        raise UsageError(
            f"--ports: expected the lowest and the highest port, as in 20000-60000, got '{found.ports}'"
        )
    rule = Rule(int(steps), low=int(ports[1]), high=int(ports[2]), protocol=found.protocol)
    try:
        check_rule(rule)
    except ValueError as error:
        raise UsageError(f"--ports: {error}") from None
    return rule


def _parser() -> Parser:
    usual = Rule()
    parser = Parser(
        prog="knockctl gen-sequences",
        usage="knockctl gen-sequences [OPTION...] N",
        description="Makes N random sequences for a door with One_Time_Sequences, and prints them, or"
        " adds them to its file, also while the daemon uses it. No two are alike, and none is found soon.",
        epilog="See knockctl(1), and One-time files in knockd.conf(5).",
    )
    add = parser.add_argument
    add("number", metavar="N", help="how many")
    add("--steps", metavar="N", default=str(usual.steps), help="packets of a sequence; default: %(default)s")
    add(
        "--ports",
        metavar="LOW-HIGH",
        default=f"{usual.low}-{usual.high}",
        help="range of ports; default: %(default)s",
    )
    add(
        "--protocol",
        choices=KINDS,
        metavar="|".join(KINDS),
        default=usual.protocol,
        help="protocol of the packets; default: %(default)s",
    )
    add(
        "--file",
        metavar="FILE",
        help="add them to this file, which is made when there is none; default: print them",
    )
    return parser
