"""A question at the terminal before something changes.

World: the terminal.
"""

from __future__ import annotations

import os

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.door_config import RefusedError


def ask_yes_no(question: str) -> bool | None:
    """Whether the person at the terminal says yes; None: there is no terminal to ask at.

    Standard input and output may be something else: a key may come by one, and a log be made of the other.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    with open(terminal, "r+b", buffering=0) as file:
        file.write(f"{question} [y/N] ".encode(errors="backslashreplace"))
        answer = file.readline(100)
        if not answer.endswith(b"\n"):
            file.write(b"\n")
    return answer.strip().lower() in {b"y", b"yes"}


def insist_on_yes(question: str, outcome: str) -> None:
    """Asks; raises RefusedError with ``outcome`` unless the answer is yes."""
    answer = ask_yes_no(question)
    if answer is None:
        raise RefusedError(
            f"{outcome}: expected a terminal to ask at, got none; --yes asks nothing", os.EX_USAGE
        )
    if not answer:
        raise RefusedError(outcome, NOT_DONE)
