"""Where the hits of a knock come from: the command line, a one-time file, a key and the time, or who signs.

World: the time of day and files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from knockd.client import network
from knockd.client.hits import Hit, parse_hit
from knockd.client.knock import Send
from knockd.client.network import Destination
from knockd.client.options import Options
from knockd.client.output import announcer, tell
from knockd.client.plan import Keyed, Plan, Signed
from knockd.client.status import BAD_DATA, CONFIG, Refused
from knockd_conf.classes import NamedTuple
from knockd_conf.protocol import Protocol

if TYPE_CHECKING:
    from knockd.client.one_time import NextLine
    from knockd_conf.key_file import NamedKey


class Source(NamedTuple):
    """Hits by the number of the try.

    ``hits`` takes it, from 1, and whether a sequence that a try had before will not do; it may wait.
    ``udp``: no TCP packet is ever among them. ``line`` is the line of a one-time file that they are of.
    ``is_used`` says whether the present sequence has opened the door already, ``note`` notes that the
    last one did. ``sender`` is what sends hits to an address where they are no ordinary ones. ``advice`` is
    told when the knock did not help.
    """

    hits: Callable[[int, bool], Sequence[Hit]]
    udp: bool
    line: NextLine | None = None
    is_used: Callable[[], bool] = lambda: False
    note: Callable[[], None] = lambda: None
    sender: Callable[[Destination], Send] | None = None
    advice: tuple[str, ...] = ()


def open_source(options: Options, plan: Plan) -> Source:
    """The hits that a plan asks for. Raises Refused when there are none to be had."""
    if plan.keyed is not None:
        return _rotating(plan.host, plan.keyed, wait=options.wait, udp=options.udp)
    if plan.signed is not None:
        return _signed(
            plan.host, plan.signed, announcer(verbose=options.verbose, command=bool(options.command))
        )
    if plan.sequence_file is None:
        return _fixed(read_hits(plan.ports, udp=options.udp))
    from knockd.client.one_time import read_next_line

    line, problems = read_next_line(plan.sequence_file)
    for problem in problems:
        tell(problem)
    return _fixed(_as_udp(line.hits) if options.udp else line.hits)._replace(line=line)


def read_hits(texts: Sequence[str], *, udp: bool) -> tuple[Hit, ...]:
    """The hits of ``port[:tcp|udp]`` texts. Raises Refused, with a message for each that is none."""
    hits: list[Hit] = []
    problems: list[str] = []
    for text in texts:
        try:
            hits.append(parse_hit(text, network.service_port, udp=udp))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise Refused(BAD_DATA, *problems)
    return tuple(hits)


def _fixed(hits: tuple[Hit, ...]) -> Source:
    return Source(lambda _number, _fresh: hits, all(hit.protocol is Protocol.UDP for hit in hits))


def _signed(host: str, signed: Signed, announce: Callable[[str], None]) -> Source:
    """One packet at each try, made when it is sent."""
    from knockd.client.signed_sender import open_signed

    found = open_signed(host, signed, announce)
    hit = Hit(str(signed.port), signed.port, Protocol.UDP)
    return _fixed((hit,))._replace(sender=found.sender, advice=found.advice)


def _rotating(host: str, keyed: Keyed, *, wait: bool, udp: bool) -> Source:
    """The sequence of the present period at each try, or of a later one after waiting for it."""
    from knockd.client.keyed import choose_period, keyed_hits
    from knockd.client.opened import note_opened, note_path, read_opened

    key = _read_key(keyed)
    rule, path = keyed.rule, note_path(host, keyed)
    opened = read_opened(path)
    used: list[int] = []

    def is_used() -> bool:
        return opened == rule.period_at(time.time())

    def hits(number: int, fresh: bool) -> Sequence[Hit]:
        now = time.time()
        if number == 1 and (wait or is_used()):
            used.append(rule.period_at(now))
            fresh = True
        period, seconds = choose_period(rule, used, now, fresh=fresh)
        if seconds:
            tell(f"next sequence in {-int(-seconds // 1)} s")
            time.sleep(seconds)
        used.append(period)
        made = keyed_hits(key.key, keyed.door, period, rule)
        return _as_udp(made) if udp else made

    def note() -> None:
        try:
            note_opened(path, used[-1])
        except OSError as error:
            tell(f"{path}: {error.strerror}; so the next knock may use this sequence again, in vain")

    return Source(hits, udp or rule.protocol == "udp", None, is_used, note)


def _read_key(keyed: Keyed) -> NamedKey:
    """The key to use. Raises Refused."""
    from knockd.client.keyed import choose_key
    from knockd.client.private_file import read_private
    from knockd_conf.key_file import MAX_SIZE, parse_keys
    from knockd_conf.text import printable

    found = parse_keys(read_private(keyed.path, MAX_SIZE, "key file"))
    place = f"key file {printable(keyed.path)}"
    if found.problems:
        raise Refused(CONFIG, *(f"{place}: {problem}" for problem in found.problems))
    try:
        key = choose_key(found, keyed.name)
    except ValueError as error:
        raise Refused(CONFIG, f"{place}: {error}") from None
    if key.expires and key.expires < time.strftime("%Y-%m-%d"):
        tell(f"{place}: key {key.name} opens nothing any more: its last day was {key.expires}")
    return key


def _as_udp(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    return tuple(hit._replace(protocol=Protocol.UDP) for hit in hits)
