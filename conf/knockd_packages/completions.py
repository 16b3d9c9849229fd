"""Completions of knockd, knock and knockctl for bash, zsh and fish, made from the programs' parsers.

``python -m knockd_packages.completions`` writes conf/completions anew. Not by shtab: it knows no getopt, as
knock has, its bash functions have names that others' overwrite, and bash gets no ``--option=value``.

World: files of the checkout.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from knockd_packages import completions_bash, completions_fish, completions_zsh
from knockd_packages.command_lines import CommandLine, read_knock, read_knockctl, read_knockd
from knockd_packages.file_list import ROOT

FOLDER = ROOT / "conf/completions"

SHELLS: dict[str, Callable[[CommandLine], str]] = {
    "bash": completions_bash.format_completion,
    "zsh": completions_zsh.format_completion,
    "fish": completions_fish.format_completion,
}

NAMES = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}
"""How each shell finds the file of a program."""


def make_completions() -> dict[Path, str]:
    """The text of each file."""
    lines = (read_knockd(), read_knock(), read_knockctl())
    return {
        FOLDER / shell / NAMES[shell].format(line.name): format_completion(line)
        for line in lines
        for shell, format_completion in SHELLS.items()
    }


def main() -> int:
    """Writes conf/completions anew."""
    argparse.ArgumentParser(
        prog="python -m knockd_packages.completions", description=main.__doc__
    ).parse_args()
    for path, text in make_completions().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
