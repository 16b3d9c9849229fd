"""The command lines of the programs as values, read from their parsers.

World: the parsers of the programs.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple
from unittest import mock

from knockd import arguments
from knockd.client import options
from knockd.ctl import cli

KINDS = {
    **dict.fromkeys(("FILE", "PATH", "PAGE", "FILE.pub|-|KEY", "file", "key"), "file"),
    "DIR": "folder",
    "IF": "interface",
    **dict.fromkeys(("DOOR", "DOOR|IP", "DOOR|IP|all", "NAME[,NAME]"), "door"),
}
"""What a value is, by the word that stands for it in a help; all else is free text."""


class Option(NamedTuple):
    """An option or, without names, an operand. ``value`` is the word for its value, "" where it has none."""

    names: tuple[str, ...]
    help: str
    value: str = ""
    kind: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False
    repeated: bool = False


class CommandLine(NamedTuple):
    """A program or, in ``subcommands``, one of its subcommands."""

    name: str
    help: str
    options: tuple[Option, ...] = ()
    operands: tuple[Option, ...] = ()
    subcommands: tuple[CommandLine, ...] = ()
    runs: bool = False
    """Behind ``--`` a command follows."""


class _Captured(Exception):
    pass


def read_knockd() -> CommandLine:
    """The command line of knockd."""
    return _read_parser("knockd", "", arguments.read_arguments)


def read_knockctl() -> CommandLine:
    """The command line of knockctl, with its subcommands."""
    shown = (
        Option(("-h", "--help"), "list the subcommands"),
        Option(("-V", "--version"), "print the version"),
    )
    made = [
        _read_parser(name, what, import_module(module).run_command)
        for name, (module, what) in cli.COMMANDS.items()
    ]
    return CommandLine("knockctl", "", shown, (), tuple(made))


def read_knock() -> CommandLine:
    """The command line of knock, which asks getopt; what its help says is held to that by a test."""
    text = options.HELP.partition("options:\n")[2]
    lines = re.findall(r"^  +((?:-\w, )?--?[\w-]+(?: <\w+>)?)  +(.+)$", text, re.M)
    found = [_read_help(names, said) for names, said in lines]
    for heading, names in re.findall(
        r"^(\w[\w -]+): ([^\n]+(?:\n  [^\n]+)*)", text[text.index("rotating") :], re.M
    ):
        for one in re.findall(r"(?:-\w, )?--[\w-]+(?: <[\w<>-]+)?", names):
            found.append(_read_help(one, heading))
    operands = (Option((), "host or profile", "host", "profile"), Option((), "port", "port", repeated=True))
    return CommandLine("knock", "", tuple(found), operands, runs=True)


def _read_help(names: str, said: str) -> Option:
    spelled, _, value = names.partition(" <")
    value, said = (re.sub("[<>]", "", text) for text in (value, said))
    return Option(tuple(spelled.split(", ")), said, value, KINDS.get(value, ""))


def _read_parser(name: str, what: str, run: object) -> CommandLine:
    """What a function that parses arguments asks argparse for."""
    seen: list[argparse.ArgumentParser] = []

    def capture(parser: argparse.ArgumentParser, *_args: object, **_more: object) -> None:
        seen.append(parser)
        raise _Captured

    with mock.patch.object(argparse.ArgumentParser, "parse_known_args", capture):
        try:
            assert callable(run)
            run([])
        except _Captured:
            pass
    (parser,) = seen
    found = list(_read_actions(parser))
    operands = tuple(one for one in found if not one.names)
    return CommandLine(name, what, tuple(one for one in found if one.names), operands)


def _read_actions(parser: argparse.ArgumentParser) -> Iterator[Option]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        value = "" if action.nargs == 0 else str(action.metavar or action.dest)
        kind = "door" if "--door" in action.option_strings else KINDS.get(value, "")
        yield Option(
            tuple(action.option_strings),
            " ".join(formatter._expand_help(action).split()),
            value,
            kind,
            tuple(map(str, action.choices or ())),
            action.nargs == "?",
            isinstance(action, argparse._AppendAction) or action.nargs in ("*", "+"),
        )
