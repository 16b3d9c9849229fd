"""A parser of options whose --help fits a terminal of 24 lines and 80 columns.

World: the command line.
"""

from __future__ import annotations

import argparse

COLUMNS = 80
"""Width of the help where nothing else is asked for, in characters."""


class _Formatter(argparse.HelpFormatter):
    """argparse's own would import shutil, and that zlib, bz2 and lzma, to know the width."""

    def __init__(self, prog: str, columns: int) -> None:
        super().__init__(prog, max_help_position=30, width=columns - 2)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """``-c, --config FILE``, as from Python 3.13 on: the value once."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        names = ", ".join(action.option_strings)
        return f"{names} {self._format_args(action, self._get_default_metavar_for_optional(action))}"


class OptionParser(argparse.ArgumentParser):
    """argparse's parser with a short help: a line an option, and groups of rare options by name alone.

    ``usage`` is all of it, without the word; ``columns`` is the width of the help.
    """

    def __init__(
        self, prog: str, usage: str, description: str, epilog: str = "", columns: int = COLUMNS
    ) -> None:
        super().__init__(
            *(prog, usage, description, epilog),
            formatter_class=lambda prog: _Formatter(prog, columns),
            allow_abbrev=True,
        )

    def format_help(self) -> str:
        """Usage, description, operands and options, groups added by ``add_argument_group``, epilog."""
        made = self._get_formatter()
        made.add_usage(self.usage, self._actions, [])
        made.add_text(self.description)
        operands, options, *others = self._action_groups
        made.start_section(None)
        made.add_arguments([*operands._group_actions, *options._group_actions])
        made.end_section()
        for group in others:
            names = [made._format_action_invocation(one) for one in group._group_actions]
            made.add_text(f"{group.title}: {'; '.join(names)}.")
        made.add_text(self.epilog)
        return made.format_help()
