"""Sequences that are easier to find than their length says, each with what to do.

A door has one note at most, which names the worst reason first.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from knockd.checks.printed_sequences import OUR_EXAMPLES, where_printed
from knockd.knocks.taken import number_of
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note, Place
from knockd_conf.model import Door, Step
from knockd_conf.protocol import Protocol

LEAST_STEPS = 3
WELL_KNOWN = 1_024
"""Ports below it are those of well-known services (RFC 6335): scans begin with them."""

MOST_LINES = 1_000
"""Lines of a one-time file that are judged, at most."""

CHOOSE = "use Sequence_Key, or random ports: knockctl gen-sequences 1"


ONE_CONNECTION = "one connection whose first packet is sent again knocks"


class Reason(NamedTuple):
    """Why a sequence is weak, and what to do."""

    text: str
    cure: str = CHOOSE


def find_weak_doors(
    doors: Sequence[Door],
    live: Sequence[Sequence[Step]],
    in_use: Collection[int] = (),
    told: Collection[Place] = (),
) -> Iterator[Note]:
    """Yields a note for each door whose sequence is weak; ``live`` has those that open now.

    ``in_use`` are ports of this host as ``number_of`` says; at the places ``told`` it is said already that
    scans in order open the door.
    """
    for door, steps in zip(doors, live, strict=True):
        if steps:
            field = "steps" if door.one_time_file is None else "one_time_file"
            ordered = door.place(field) not in told
            used = () if door.target else in_use
            reasons = list(find_reasons(steps, used, ordered=ordered))
            if reasons:
                yield door.note(field, describe_weakness(reasons))


def find_weak_lines(path: str, lines: Sequence[Sequence[Step]]) -> Note | None:
    """A note if lines of a one-time file behind the live one, which the door's note is about, are weak."""
    found = [reasons for steps in lines[1:] if (reasons := list(find_reasons(steps)))]
    if not found:
        return None
    said = "the next line is" if len(found) == 1 else f"{len(found)} of the next lines are"
    return Note(path, None, None, f"{said} weak, as {found[0][0].text}: {CHOOSE}")


def describe_weakness(reasons: Sequence[Reason]) -> str:
    """All reasons in one note; what to do is said of the worst, which is the first."""
    *some, last = (reason.text for reason in reasons)
    count = f" for {len(reasons)} reasons" if some else ""
    return f"weak{count}, as {', '.join(some)}{' and ' if some else ''}{last}: {reasons[0].cure}"


def find_reasons(
    steps: Sequence[Step], in_use: Collection[int] = (), *, ordered: bool = True
) -> Iterator[Reason]:
    """Yields why a sequence is weak, the worst first; ``ordered``: also that its ports are in order."""
    ports = [step.port for step in steps]
    if (place := where_printed(ports)) is not None:
        yield Reason(
            f"it is printed in {place}", f"choose your own: {CHOOSE}" if place == OUR_EXAMPLES else CHOOSE
        )
    if len(steps) > 1 and len(set(steps)) == 1:
        yield Reason(
            "its steps are all one port" + (f", so {ONE_CONNECTION} it" if _is_tcp(steps[0]) else "")
        )
    if len(steps) < LEAST_STEPS:
        yield Reason(f"it has {'one step' if len(steps) == 1 else f'{len(steps)} steps'} only")
    if used := [place for place, step in enumerate(steps, 1) if number_of(step) in in_use]:
        yield Reason(_say_in_use(used), "choose a port that nobody serves")
    if ordered and (order := _find_order(ports)) is not None:
        yield Reason(order)
    if 1 < len(set(steps)) < len(steps):
        yield Reason(_say_repeated(steps))
    if max(ports) < WELL_KNOWN:
        yield Reason(f"its ports are all below {WELL_KNOWN}")


def _say_repeated(steps: Sequence[Step]) -> str:
    for place, (one, other) in enumerate(pairwise(steps), 1):
        if one == other and _is_tcp(one):
            return f"steps {place} and {place + 1} are the same, so {ONE_CONNECTION} both"
    return "it asks for a port more than once"


def _is_tcp(step: Step) -> bool:
    return step.protocol is Protocol.TCP


def _say_in_use(used: Sequence[int]) -> str:
    if len(used) == 1:
        return f"step {used[0]} has a listening socket on this host, whose visitors make that step"
    *some, last = map(str, used)
    return f"steps {', '.join(some)} and {last} have listening sockets on this host"


def _find_order(ports: Sequence[int]) -> str | None:
    """In which order the ports are; None: in none that says more than that there are two of them."""
    if len(ports) < LEAST_STEPS:
        return None
    distances = {high - low for low, high in pairwise(ports)}
    if min(distances) <= 0 <= max(distances):
        return None
    order = "ascend" if min(distances) > 0 else "descend"
    return f"its ports {order}" + (f" by {abs(distances.pop())} each" if len(distances) == 1 else "")
