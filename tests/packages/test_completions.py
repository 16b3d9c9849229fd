"""Completions have every option, and real shells complete by them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from knockd_packages.command_lines import CommandLine, read_knock, read_knockctl, read_knockd
from knockd_packages.completions import FOLDER, make_completions
from knockd_packages.completions_names import COMMANDS
from tests.support.lab.terminals import Terminal
from tests.support.lab.tools import need

DOORS = """
[options]
Interface = lo
[front]
Sequence = 1
 [ $(touch RUN) : front ]
[weird$(touch${IFS}RUN)door]
"""

CASES = [
    ("knockd --dry\t", ["knockd", "--dry-run"]),
    ("knockd --init=si\t", ["knockd", "--init=signed"]),
    ("knockd -c FOLDER/sam\t", ["knockd", "-c", "FOLDER/sample.conf"]),
    ("knockd -i l\t", ["knockd", "-i", "lo"]),
    ("knockd --state-dir FOLDER/sta\tx", ["knockd", "--state-dir", "FOLDER/state/x"]),
    ("knock ho\t", ["knock", "home"]),
    ("knock -d 5 ho\t", ["knock", "-d", "5", "home"]),
    ("knock --sequence-file FOLDER/sam\t", ["knock", "--sequence-file", "FOLDER/sample.conf"]),
    ("knock --if-n\thome", ["knock", "--if-needed", "home"]),
    ("knock home -- knockc\tkeys", ["knock", "home", "--", "knockctl", "keys"]),
    ("knockctl exte\tfro\t", ["knockctl", "extend", "front"]),
    ("knockctl status --door fro\t", ["knockctl", "status", "--door", "front"]),
    ("knockctl gen-sequences --protocol mi\t", ["knockctl", "gen-sequences", "--protocol", "mixed"]),
    ("knockctl log --fol\tFOLDER/sam\t", ["knockctl", "log", "--follow", "FOLDER/sample.conf"]),
    ("knockctl open wei\t", ["knockctl", "open", "weird$(touch${IFS}RUN)door"]),
]
"""What is typed, with TABs, and the words that the program gets. FOLDER is that of the test."""

STARTS = {
    "bash": "bash --norc --noprofile -i",
    "zsh": "zsh -f -i",
    "fish": "fish --no-config --interactive",
}
LOADS = {
    "bash": "PS1='ready''> '; for one in FOLDER/bash/*; do . $one; done",
    "zsh": "PS1='ready''> '; fpath=(FOLDER/zsh $fpath); autoload -Uz compinit; compinit -D -u",
    "fish": "function fish_prompt; echo -n ready'> '; end; for one in FOLDER/fish/*; source $one; end",
}


@pytest.mark.parametrize("line", [read_knockd(), read_knock(), read_knockctl()], ids=lambda line: line.name)
def test_every_option(line: CommandLine) -> None:
    """Each shell knows each option of a program and of its subcommands, with what is said of it."""
    bash, zsh = ((FOLDER / f"{name}").read_text() for name in (f"bash/{line.name}", f"zsh/_{line.name}"))
    fish = (FOLDER / f"fish/{line.name}.fish").read_text()
    for part in (line, *line.subcommands):
        assert f'options="{" ".join(name for one in part.options for name in one.names)}"' in bash
        for option in part.options:
            for name in option.names:
                assert f"{name}[" in zsh.replace("=[", "[").replace("+[", "[")
                flag = f"-l {name[2:]} " if name.startswith("--") else f"-s {name[1:]} "
                assert flag in fish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home with a profile, programs that print what they get, and completions that read doors here."""
    (tmp_path / "home/knock").mkdir(parents=True)
    (tmp_path / "home/knock/config").write_text("[home]\nhost = 192.0.2.1\n")
    (tmp_path / "bin").mkdir()
    for name in ("knockd", "knock", "knockctl"):
        program = tmp_path / "bin" / name
        program.write_text('#!/bin/sh\nprintf "<$(basename "$0")"; printf "|%s" "$@"; echo ">"\n')
        program.chmod(0o755)
    (tmp_path / "state").mkdir()
    (tmp_path / "sample.conf").touch()
    (tmp_path / "knockd.conf").write_text(DOORS)
    for path, text in make_completions().items():
        copy = tmp_path / path.relative_to(FOLDER)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text.replace("/etc/knockd.conf", str(tmp_path / "knockd.conf")))
    return tmp_path


@pytest.mark.parametrize("shell", STARTS)
def test_real_shell(shell: str, folder: Path) -> None:
    """Options, subcommands, values, files, doors and profiles are completed; nothing in a name is run."""
    need(shell)
    environment = {
        "PATH": f"{folder}/bin:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home"),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    with Terminal(shlex.split(STARTS[shell]), environment, columns=300) as terminal:
        terminal.write(f"cd {folder}\r{LOADS[shell].replace('FOLDER', str(folder))}\r")
        terminal.wait_for("ready> ")
        for typed, words in CASES:
            terminal.write(typed.replace("FOLDER", str(folder)) + "\r")
            terminal.wait_for(f"<{'|'.join(words)}>".replace("FOLDER", str(folder)))
    assert not (folder / "RUN").exists()


def test_names_of_doors() -> None:
    """The lines that print names start no Python: a TAB does not wait."""
    assert not [command for command in COMMANDS.values() if "knock -" in command or "python" in command]
