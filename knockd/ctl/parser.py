"""A parser of a command line whose mistakes are raised, not printed.

World: the process.
"""

from __future__ import annotations

from typing import NoReturn

from knockd.ctl.terminal import find_columns
from knockd.option_parser import OptionParser


class UsageError(Exception):
    """What is wrong with the command line; its text says so."""


class Parser(OptionParser):
    """A parser whose mistakes are raised. Its help is as wide as the terminal."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(prog, usage, description, epilog, find_columns())

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        raise UsageError(message)
