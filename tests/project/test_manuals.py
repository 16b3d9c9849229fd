"""Manual pages, --help and parsers say the same; examples of pages and guides are good."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from knockd.arguments import read_arguments
from knockd.client import options
from knockd.client.options import HELP, parse_arguments
from knockd.ctl import cli
from knockd_conf.keys import ALL_KEYS
from knockd_conf.load import load
from knockd_conf.trust import TrustPolicy
from tests.support.lab.tools import need
from tests.support.samples.manuals import (
    DOCS,
    GUIDES,
    PAGES,
    read_blocks,
    read_commands,
    read_sections,
    read_tags,
    read_typed,
)

COLUMNS, LINES = 80, 24
SECTIONS = {
    "log": {"Options of knockctl log"},
    "doctor": {"DOCTOR"},
    "keygen": {"knockctl keygen", "knockctl keygen --host", "knockctl keygen --fleet"},
}
"""Where options of a subcommand are, if not under ``knockctl NAME``."""

SHARED = ("Options of them all", "Options of these", "Doors, addresses and times")
"""Sections of knockctl(1) with options of several subcommands."""


class Captured(Exception):
    """Carries the parser that a program has made."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def make_parser(monkeypatch: pytest.MonkeyPatch, program: str) -> argparse.ArgumentParser:
    """The parser of knockd, or of a subcommand of knockctl."""

    def capture(parser: argparse.ArgumentParser, *_args: object, **_more: object) -> None:
        raise Captured(parser)

    run = read_arguments if program == "knockd" else import_module(cli.COMMANDS[program][0]).run_command
    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_known_args", capture)
        patch.setenv("COLUMNS", str(COLUMNS))
        with pytest.raises(Captured) as seen:
            run([])
    return seen.value.parser


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Every option that a parser knows."""
    return {name for action in parser._actions for name in action.option_strings}


def options_of_knock(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every option that the client asks getopt for; ``--d`` is 0.8's word for --delay, said nowhere."""
    seen: list[tuple[str, list[str]]] = []

    def capture(_argv: list[str], short: str, long: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
        seen.append((short, long))
        return [], ["host"]

    with monkeypatch.context() as patch:
        patch.setattr(options, "gnu_getopt", capture)
        parse_arguments(["host"])
    ((short, long),) = seen
    return {f"-{one}" for one in short.replace(":", "")} | {f"--{one.rstrip('=')}" for one in long} - {"--d"}


def options_in(text: str) -> set[str]:
    """Every option that a help names."""
    return set(re.findall(r"(?<![\w\[|-])--?[A-Za-z0-9][\w-]*", re.sub(r"<[^>]*>", "", text)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_mandoc_has_no_warning(page: Path) -> None:
    """mandoc reads a page without a warning."""
    lint = [need("mandoc"), "-T", "lint", "-W", "warning", str(page)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert ("", 0) == (done.stdout, done.returncode)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_examples(page: Path) -> None:
    """Every page has a section with examples."""
    assert read_blocks(read_sections(page)["EXAMPLES"])


def test_options_of_knockd(monkeypatch: pytest.MonkeyPatch) -> None:
    """knockd(8), --help and the parser have the same options."""
    parser = make_parser(monkeypatch, "knockd")
    assert options_of(parser) == read_tags(read_sections(DOCS / "knockd.8")["DESCRIPTION"])
    assert options_of(parser) == options_in(parser.format_help().partition("\n  -h")[2]) | {"-h"}


def test_options_of_knock(monkeypatch: pytest.MonkeyPatch) -> None:
    """knock(1), --help and the parser have the same options."""
    known = options_of_knock(monkeypatch)
    assert known == read_tags(read_sections(DOCS / "knock.1")["OPTIONS"])
    assert known == options_in(HELP.partition("options:")[2])


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_options_of_knockctl(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A subcommand knows what knockctl(1) has in its section, and nothing that the page lacks."""
    sections = read_sections(DOCS / "knockctl.1")
    parser = make_parser(monkeypatch, name)
    own = {
        option for title in SECTIONS.get(name, {f"knockctl {name}"}) for option in read_tags(sections[title])
    }
    shared = {option for title in SHARED for option in read_tags(sections[title])}
    titles = " ".join(SECTIONS.get(name, ()))
    known = options_of(parser)
    assert set() == own - known
    assert set() == known - own - shared - options_in(titles) - {"-h", "--help"}
    assert set() == known - options_in(parser.format_help())


def test_keys_of_the_configuration() -> None:
    """knockd.conf(5) has an entry for each key, and for nothing else."""
    sections = read_sections(DOCS / "knockd.conf.5")
    named = {
        word
        for title in ("OPTIONS", "DOORS", "Commands", "Networks")
        for word in re.findall(r"^\.It Cm (\w+) (?:Op|=)", sections[title], re.MULTILINE)
    }
    assert {key.name for key in ALL_KEYS} == named


@pytest.mark.parametrize("program", ["knockd", "knock", "knockctl", *cli.COMMANDS])
def test_help_fits_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str
) -> None:
    """--help has at most 24 lines of 80 columns."""
    if program == "knock":
        text = HELP
    elif program == "knockctl":
        assert cli.main(["--help"]) == 0
        text = capsys.readouterr().out
    else:
        text = make_parser(monkeypatch, program).format_help()
    assert len(text.splitlines()) <= LINES
    assert [] == [line for line in text.splitlines() if len(line) > COLUMNS]


COMMANDS = [command for page in PAGES for command in read_commands(read_sections(page)["EXAMPLES"])]
TYPED = [command for page in GUIDES for command in read_typed(page)]


@pytest.mark.parametrize("command", dict.fromkeys([*COMMANDS, *TYPED]))
def test_an_example_is_a_command(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """A command line of the examples, or one that a guide has typed, is one that the program takes."""
    program, *words = shlex.split(command)
    if program == "knock":
        parse_arguments(words)
    elif program == "knockd":
        read_arguments(words)
    else:
        parser = make_parser(monkeypatch, words[0])
        parser.parse_args(words[1:])


def test_examples_are_many() -> None:
    """The examples that are tried are of all three programs, so none was missed by its form."""
    assert {"knock", "knockd", "knockctl"} == {command.split()[0] for command in COMMANDS}
    assert len(COMMANDS) > 30
    assert len(TYPED) > 30


@pytest.mark.parametrize("number", range(4))
def test_an_example_is_a_configuration(tmp_path: Path, number: int) -> None:
    """A configuration of the examples is read without a complaint, and has doors that run something."""
    blocks = read_blocks(read_sections(DOCS / "knockd.conf.5")["EXAMPLES"])
    assert 4 == len(blocks)
    (tmp_path / "knockd.conf").write_text(blocks[number])
    config = load(str(tmp_path / "knockd.conf"), host="web1", trust=TrustPolicy(enforce=False))
    assert config.doors
    assert all(door.start_command for door in config.doors)
