"""``knockd --explain IP`` from the command line to the exit status: out of a capture file, or live.

World: standard output, standard error.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.arguments import Replay
from knockd.explanation.accounts import Place, Sighting
from knockd.explanation.first_seen import FirstSeen
from knockd.explanation.follower import Follower
from knockd.explanation.live import explain_live
from knockd.explanation.teller import Teller
from knockd.keeper.settings import Settings
from knockd.knocks.decode import decode
from knockd.replay.command import play_file, say
from knockd.replay.judge import Basis
from knockd.replay.outcome import Outcome, Timeline
from knockd.replay.player import Rules, Seen
from knockd_bpf.wire import DLT_LINUX_SLL2
from knockd_conf.text import address_text


def explain(settings: Settings, capture: Replay | None, source: bytes, *, as_json: bool) -> int:
    """Prints a line for each packet of a packed address, then what to change; returns the exit status.

    Raises ConfigError, and OSError when it cannot be printed.
    """
    if capture is None:
        return explain_live(settings, source, as_json=as_json)
    tellers: list[Teller] = []

    def make_observer(by: Basis, rules: Rules, timeline: Timeline) -> Callable[[Seen], None]:
        follower = Follower(
            source, by.config, rules.rotating, rules.signed, slack=rules.slack, ipv6=rules.ipv6
        )
        listener = follower.listener
        tellers.append(Teller(listener, follower.doors, as_json=as_json))
        place = Place("", rules.local, rules.own)
        if by.local is None and rules.local:
            named = ", ".join(sorted(map(address_text, rules.local)))
            say(f"most knocks here go to {named}: taken for this host's; name its own with --local ADDR,...")
        first = FirstSeen()

        def observe(seen: Seen) -> None:
            follower.follow(seen.now)
            for door in timeline.used:
                listener.use_up(door)
            sighting = Sighting(
                seen.linktype,
                seen.frame,
                seen.stamp,
                seen.now,
                seen.passes,
                _find_other(seen, first),
                seen.here,
            )
            tellers[0].tell_packet(sighting, place)

        return observe

    def report(_outcome: Outcome) -> None:
        tellers[0].tell_advice()

    return play_file(settings, capture, report, make_observer)


def _find_other(seen: Seen, first: FirstSeen) -> str:
    """The other interface that has seen a packet: only ``tcpdump -i any`` says by which ones packets came."""
    packet = decode(seen.linktype, seen.frame) if seen.linktype == DLT_LINUX_SLL2 else None
    if packet is None:
        return ""
    return first.find_other(seen.stamp, packet, f"interface {int.from_bytes(seen.frame[4:8], 'big')}")
