"""``knockctl reload``: has the configuration read anew, waits, and says what is wrong with it.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from knockd.ctl.asking import PATIENCE, ask, print_json, run_asking
from knockd.ctl.fields import Fields
from knockd.ctl.options import Asking, make_parser
from knockd.ctl.parser import Parser
from knockd.review.cells import count_of
from knockd_conf.text import printable


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl reload`` with the arguments after its name; the exit status."""
    return run_asking("reload", arguments, _parser(), _reload)


def _parser() -> Parser:
    return make_parser(
        "reload",
        "",
        "Has the daemon read its configuration anew, and waits until it is in effect. When it is bad every"
        " problem is printed, the old one stays in effect, and the exit status is 78.",
    )


def _reload(_found: argparse.Namespace, asking: Asking) -> int:
    reply = ask(asking, "Reload", patience=PATIENCE)
    fields = Fields(reply)
    doors, notes = fields.count("doors"), fields.texts("notes")
    if asking.json:
        print_json(reply)
        return 0
    for note in notes:
        print(f"note: {printable(note)}")
    print(f"in effect: {count_of(doors, 'door', 'doors')}")
    return 0
