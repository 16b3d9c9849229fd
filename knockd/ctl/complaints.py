"""What a refusal of the daemon means: a sentence with what to do, and an exit status.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knockd.ctl.fields import Fields
from knockd.ctl.reply import read_problem
from knockd_conf.classes import NamedTuple

NOT_DONE = 1
"""Exit status: the daemon is there, but what was asked for was not done, or something is not well."""

EX_USAGE, EX_DATAERR, EX_CANTCREAT, EX_TEMPFAIL, EX_PROTOCOL, EX_NOPERM, EX_CONFIG = (
    64,
    65,
    73,
    75,
    76,
    77,
    78,
)
"""Exit statuses of sysexits.h."""

MOST_DOORS = 8
_NEAR = 0.5
"""How alike (by difflib's ratio) a door's name has to be to one that was asked for."""


class Complaint(NamedTuple):
    """``text``, and the exit status by sysexits.h."""

    text: str
    status: int


def explain_refusal(error: str, parameters: Mapping[str, Any], subcommand: str = "") -> Complaint:
    """What an error reply to a subcommand means, by its short name. The text is not escaped yet."""

    def said(name: str) -> str:
        return str(parameters.get(name) or "")

    if error == "NoSuchDoor":
        return Complaint(_explain_door(said("door"), parameters.get("doors")), EX_USAGE)
    if error == "NoSuchLease" and subcommand == "forget":
        text = f"there is no lease '{said('asked')}'; knockctl status names those that could not be closed"
        return Complaint(text, NOT_DONE)
    if error == "NoSuchLease":
        return Complaint(f"{said('asked') or 'nothing'} is not open; see: knockctl status", NOT_DONE)
    if error == "NoFleet":
        return Complaint("the configuration has no Fleet; see docs/fleet.md", NOT_DONE)
    if error == "BadValue":
        text = f"{said('parameter')}: expected {said('expected')}, got '{said('seen')}'"
        return Complaint(text, EX_USAGE)
    if error == "Refused":
        return Complaint(f"{said('reason')}; see: knockctl log --since today", NOT_DONE)
    if error == "ConfigRefused":
        return Complaint("the configuration is bad, the old one is kept", EX_CONFIG)
    if error == "NotAllowed":
        return Complaint(f"only {said('needed') or 'root'} may do this; try it with sudo", EX_NOPERM)
    if error == "NotNow":
        return Complaint(f"the daemon is {said('life')}; try again in a moment", EX_TEMPFAIL)
    if error == "Busy":
        text = f"{said('clients')} others ask the daemon already, as many as may; end one, or ask as root"
        return Complaint(text, EX_TEMPFAIL)
    return Complaint(
        f"the daemon says {error}, which this knockctl does not know: it is of another version;"
        " systemctl restart knockd starts the one that is installed",
        EX_PROTOCOL,
    )


def list_problems(parameters: Mapping[str, Any]) -> list[str]:
    """Each problem of a configuration that was refused, with its place. Raises UnknownReply."""
    if parameters.get("problems") is None:
        return []
    return [str(problem) for problem in Fields(parameters).items("problems", read_problem)]


def explain_version(what: str) -> Complaint:
    """What an answer means that is not as the interface has it."""
    return Complaint(
        f"the daemon's answer is not understood ({what}): it is of another version;"
        " systemctl restart knockd starts the one that is installed",
        EX_PROTOCOL,
    )


def _explain_door(asked: str, known: object) -> str:
    doors = [str(one) for one in known] if isinstance(known, list) else []
    if not doors:
        return f"there is no door '{asked}', nor any other; see Sequence in knockd.conf(5)"
    from difflib import get_close_matches

    nearest = get_close_matches(asked, doors, n=1, cutoff=_NEAR)
    if nearest:
        return f"there is no door '{asked}'; did you mean '{nearest[0]}'? All doors: {_list_some(doors)}"
    return f"there is no door '{asked}'; the doors are {_list_some(doors)}"


def _list_some(names: Sequence[str]) -> str:
    more = len(names) - MOST_DOORS
    return ", ".join(names[:MOST_DOORS]) + (f" and {more} more" if more > 0 else "")
