"""What becomes of signed knocks: openings, renewals, closes, and lines about all others."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.keeper.signed_knocks import SignedKnocks
from knockd.keeper.signed_setup import SignedSetup
from knockd.knocks.events import Discarded, Why
from knockd.leases.opened_by import by_key, by_signature
from knockd.process.verbs import Signed
from knockd.signed.values import Arrival, Granted, Reason, Refused, Verdict
from knockd_conf.model import Door
from knockd_conf.signed_packet import Verb
from tests.support.doubles.fleet import ToldFleet
from tests.support.doubles.lease_manager import DOOR, PlayedManager, knock
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import ALICE
from tests.support.doubles.signed import FINGERPRINT, LAPTOP, PORT, ToldDoors, ToldSetup

SERVER = bytes((10, 0, 0, 1))
NOON = 1_790_000_000_000_000
PACKET = Signed(ALICE, SERVER, 0, NOON, 17 << 16 | PORT, bytes(range(124)))
BY = by_signature("laptop", FINGERPRINT)
WHO = "192.0.2.1 ssh laptop"
OPEN, CLOSE = "open 192.0.2.1", "close 192.0.2.1; sync"


class Scene:
    """Signed knocks at a lease manager; ``said`` has the lines about them."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.fields: list[dict[str, Any]] = []
        self.doors, self.played, self.loop = ToldDoors(), PlayedManager(), ManualLoop()
        self.setup: SignedSetup = ToldSetup(self.loop.loop, self.log, self.doors)
        self.knocks = SignedKnocks(self.log, self.setup, self.played.manager, ToldFleet())

    def log(self, event: str, **fields: Any) -> None:
        """A line."""
        self.fields.append(fields)
        shown = (str(fields[name]) for name in ("ip", "door", "key", "reason") if fields.get(name))
        self.said.append(" ".join((event, *shown)))

    def hear(
        self,
        verdict: Verdict,
        message: Signed = PACKET,
        *,
        changing: bool = False,
        failures: bool = True,
    ) -> None:
        """A packet comes of which this is said."""
        self.doors.verdict = verdict
        self.knocks.hear(message, "eth0", changing=changing, failures=failures)
        self.played.loop.turn()

    def open(self, by: str, at: Door = DOOR, source: str = "192.0.2.1") -> None:
        """Somebody else opens a door."""
        self.played.open(knock(at, source)._replace(by=by))
        self.played.end()

    def ask_for(self, verb: Verb, at: Door = DOOR) -> list[str]:
        """What is said of a packet of the laptop that asks for this."""
        self.said.clear()
        self.hear(Granted(at, verb, LAPTOP))
        return self.said

    @property
    def lines(self) -> list[str]:
        """The commands that were run."""
        return self.played.runner.lines


@pytest.fixture
def scene() -> Scene:
    """Nothing is open."""
    return Scene()


def test_open(scene: Scene) -> None:
    """The door opens; the log has the line of 0.8, and then whose key it was."""
    assert scene.ask_for(Verb.OPEN) == ["open 192.0.2.1 ssh laptop", f"signed-opened {WHO}"]
    assert scene.fields[1]["fingerprint"] == FINGERPRINT
    assert scene.lines == [OPEN]
    (lease,) = scene.played.manager.ask.all()
    assert lease.knock == knock()._replace(by=BY)


def test_packet_as_it_came(scene: Scene) -> None:
    """What is judged is the packet with its source, destination, port and stamp."""
    scene.hear(Refused(Reason.KEY))
    assert scene.doors.arrivals == [Arrival(ALICE, SERVER, PORT, PACKET.packet, NOON)]


def test_ipv6(scene: Scene) -> None:
    """Over IPv6 as over IPv4."""
    source, destination = bytes.fromhex("20010db8" + "0" * 23 + "7"), bytes(15) + b"\1"
    scene.hear(Granted(DOOR, Verb.OPEN, LAPTOP), PACKET._replace(source=source, destination=destination))
    (lease,) = scene.played.manager.ask.all()
    assert (lease.knock.source, lease.knock.version, lease.knock.destination) == ("2001:db8::7", 6, "::1")


def test_renew(scene: Scene) -> None:
    """What is open for this address gets its time anew, whoever has opened it."""
    scene.open("")
    assert scene.ask_for(Verb.RENEW) == [f"signed-renewed {WHO}"]
    scene.played.end()
    scene.played.end()
    assert scene.lines == [OPEN, CLOSE, OPEN]


def test_renew_opens_nothing(scene: Scene) -> None:
    """Where nothing is open for this address nothing is opened."""
    scene.open(BY, source="192.0.2.2")
    nothing = f"signed-refused {WHO} nothing is open that it may renew or close"
    assert scene.ask_for(Verb.RENEW) == [nothing]
    assert len(scene.lines) == 1


def test_close(scene: Scene) -> None:
    """What this key has opened at the door closes, from every address; nothing of others."""
    scene.open(BY)
    scene.open(BY, source="192.0.2.2")
    scene.open("", source="192.0.2.3")
    scene.open(by_key("anne"), source="192.0.2.4")
    assert scene.ask_for(Verb.CLOSE) == [f"signed-closed {WHO}"]
    assert scene.lines[4:] == [CLOSE, "close 192.0.2.2; sync"]
    nothing = f"signed-refused {WHO} nothing is open that it may renew or close"
    assert scene.ask_for(Verb.CLOSE) == [nothing]


def test_close_by_another_comment(scene: Scene) -> None:
    """It is the key that counts: a comment may have changed since."""
    scene.open(by_signature("old laptop", FINGERPRINT))
    assert scene.ask_for(Verb.CLOSE) == [f"signed-closed {WHO}"]


@pytest.mark.parametrize("reason", Reason)
def test_refused(scene: Scene, reason: Reason) -> None:
    """Each reason is a line with the address, and with door and key where they are known."""
    scene.hear(Refused(reason, DOOR, LAPTOP))
    scene.hear(Refused(reason, DOOR))
    scene.hear(Refused(reason, None, LAPTOP))
    scene.hear(Refused(reason))
    assert scene.said == [
        f"signed-refused {WHO} {reason.value}",
        f"signed-refused 192.0.2.1 ssh {reason.value}",
        f"signed-unread 192.0.2.1 laptop {reason.value}",
        f"signed-unread 192.0.2.1 {reason.value}",
    ]
    assert [one["fingerprint"] for one in scene.fields] == [FINGERPRINT, "", FINGERPRINT, ""]
    assert scene.lines == []
    assert scene.setup.refused == {reason.name.lower(): 4}


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (Why.UNKNOWN_KEY, Reason.KEY),
        (Why.REPEATED, Reason.REPEATED),
        (Why.TOO_MANY, Reason.TOO_MANY),
    ],
)
def test_discarded(scene: Scene, why: Why, reason: Reason) -> None:
    """What the packet process has not handed over is a line and a count."""
    scene.knocks.discard(Discarded(ALICE, PACKET.port, why), failures=True)
    assert scene.said == [f"signed-unread 192.0.2.1 {reason.value}"]
    assert scene.setup.refused == {reason.name.lower(): 1}


def test_without_failures(scene: Scene) -> None:
    """Log_Failures = no leaves the lines out; they are counted all the same."""
    scene.hear(Refused(Reason.SIGNATURE, DOOR, LAPTOP), failures=False)
    scene.knocks.discard(Discarded(ALICE, PACKET.port, Why.REPEATED), failures=False)
    assert scene.said == []
    assert scene.setup.refused == {"signature": 1, "repeated": 1}


def test_limit(scene: Scene) -> None:
    """Of very many some are lines, and the others a number."""
    for number in range(500):
        scene.hear(Refused(Reason.SIGNATURE, DOOR, LAPTOP), PACKET._replace(stamp=NOON + number))
    assert 50 < len(scene.said) < 200
    lines = len(scene.said)
    scene.loop.fire()
    assert scene.said[lines:] == ["held-back"]
    assert scene.fields[-1] == {"count": 500 - lines}
    assert scene.setup.refused["signature"] == 500


def test_long_comment(scene: Scene) -> None:
    """A comment of any length and kind is a short printable text."""
    key = LAPTOP._replace(comment="\x1b[2J" + "x" * 500)
    scene.hear(Granted(DOOR, Verb.OPEN, key))
    assert scene.fields[1]["key"] == "\\x1b[2J" + "x" * 53


def test_duplicates(scene: Scene) -> None:
    """What two packet processes have seen is judged once; the same packet that comes later is another one."""
    granted = Granted(DOOR, Verb.OPEN, LAPTOP)
    scene.hear(granted, changing=True)
    scene.knocks.take_over()
    scene.hear(Refused(Reason.REPEATED), PACKET._replace(stamp=NOON + 300))
    assert len(scene.doors.arrivals) == 1
    scene.hear(Refused(Reason.REPEATED), PACKET._replace(stamp=NOON + 2_000))
    scene.hear(granted, PACKET._replace(packet=bytes(124), stamp=NOON + 300))
    assert len(scene.doors.arrivals) == 3
