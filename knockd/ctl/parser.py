"""A parser of a command line whose mistakes are raised, not printed.

World: the process.
"""

from __future__ import annotations

import argparse
from typing import NoReturn

from knockd.ctl.terminal import find_columns


class UsageError(Exception):
    """What is wrong with the command line; its text says so."""


class _Formatter(argparse.HelpFormatter):
    """argparse's own would import shutil, and that zlib, bz2 and lzma, to know the width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=find_columns() - 2)


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are raised."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(prog, usage, description, epilog, formatter_class=_Formatter, allow_abbrev=True)

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        raise UsageError(message)
