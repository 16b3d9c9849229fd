"""Frames of one source in a few letters, and what is said of them: for tests of explanations."""

from __future__ import annotations

from ipaddress import ip_address

from knockd.explanation.accounts import Account, Listener, Place, Sighting
from knockd.explanation.advice import Heard, advise
from knockd.explanation.signed_accounts import SignedExplainer
from knockd.explanation.words import Doors, format_account
from knockd.knocks.watch import Watch
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Door
from tests.support.doubles.played import ALICE, LOCAL, OURS, steps, watched
from tests.support.samples.headers import framed, ipv4, tcp, udp

HERE = Place("", LOCAL, LOCAL)
BEGIN = 1_700_000_000_000_000
"""The stamp of second 0, in microseconds since the epoch: 22:13:20 UTC."""


def frame(
    word: str, *, source: bytes = ALICE, destination: bytes = OURS, flags: int = 2, tag: bytes = b""
) -> bytes:
    """``"7"`` to a frame with a packet to TCP port 7, ``"7u"`` to one to UDP port 7."""
    (step,) = steps(word)
    segment = udp(step.port) if word.endswith("u") else tcp(step.port, flags)
    who, where = str(ip_address(source)), str(ip_address(destination))
    return framed(DLT_EN10MB, ipv4(segment, int(step.protocol), source=who, destination=where), tag=tag)


class Listened:
    """Doors that listen to one source, all packets of which pass the filter unless a test says otherwise."""

    def __init__(
        self,
        *doors: Door,
        guards: tuple[str, ...] = (),
        watches: tuple[Watch, ...] = (),
        signed: SignedExplainer | None = None,
    ) -> None:
        made = watches or watched(*doors, guards=guards)
        self.listener = Listener(ALICE, made, signed=signed)
        self.doors = Doors([door.name for door in doors], self.listener.known, ALICE)
        self.accounts: list[Account] = []

    def sight(
        self, data: bytes, at: float, *, passes: bool = True, seen_at: str = "", place: Place = HERE
    ) -> list[str]:
        """A frame after so many seconds; the lines that are said of it."""
        sighting = Sighting(DLT_EN10MB, data, BEGIN + round(at * 1e6), at, passes, seen_at)
        account = self.listener.hear(sighting, place)
        if account is None:
            return []
        self.accounts.append(account)
        return list(format_account(account, self.doors))

    def hear(self, trace: str, *, at: float = 0.0, gap: float = 0.001) -> list[str]:
        """A packet a word, one after the other; the lines that are said of them, without times."""
        said = []
        for word in trace.split():
            said += [line[23:] for line in self.sight(frame(word), at)]
            at += gap
        return said

    def advise(self) -> str:
        """The sentence at the end."""
        return advise(Heard(self.listener.packets, self.listener.other_ports, self.accounts), self.doors)
