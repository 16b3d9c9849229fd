"""What is said of a packet to a port of signed knocks, what to change, and that nothing is used by it."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from knockd.explanation.accounts import Account, Place, Sighting
from knockd.explanation.advice import Heard, advise
from knockd.explanation.as_json import account_json
from knockd.explanation.follower import Follower
from knockd.explanation.words import format_account
from knockd.knocks.kernel_view import show_frame
from knockd.knocks.prefilter import prefilter
from knockd.replay.rotating import RotatingWatches
from knockd.replay.signed_times import Means, SignedTimes
from knockd.worker.capture_file import Frame
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.access import Access, make_networks
from knockd_conf.model import Config, Door, Options
from tests.support.doubles.played import door
from tests.support.doubles.replays import ALICE, ALICE6, OURS, OURS6, asked, base_of, frame, on_link
from tests.support.doubles.signed_replays import (
    PORT,
    SSH,
    means_of,
    signed_door,
    signed_frame,
    signed_packet,
)
from tests.support.samples.headers import DESTINATION, UDP, extension, framed, ipv4, ipv6, udp
from tests.support.samples.signed_vectors import KEYS

LOCAL = frozenset(ip_address(one).packed for one in (OURS, OURS6))
KEY = f"key alice@laptop ({KEYS['alice'].fingerprint})"
NAMED = f"alice@laptop ({KEYS['alice'].fingerprint})"
GOOD = signed_packet()
HIM = "198.51.100.7"


class Explained:
    """Doors of signed knocks, and what is said of the frames of one source, with the daemon's filter."""

    def __init__(
        self,
        *doors: Door,
        means: Means | None = None,
        source: str = ALICE,
        is_ipv6: bool = True,
        alone: bool = True,
    ) -> None:
        made = doors or (SSH,)
        config = Config("/etc/knockd.conf", Options(), made, "host", ("/etc/knockd.conf",))
        self.rotating = RotatingWatches(base_of(*made), made, asked({}, *made))
        self.times = SignedTimes(made, means or means_of())
        source_ = ip_address(source).packed
        self.follower = Follower(source_, config, self.rotating, self.times, slack=0.0, ipv6=is_ipv6)
        self.accounts: list[Account] = []
        self._ipv6, self._alone = is_ipv6, alone

    def hear(self, one: Frame) -> list[str]:
        """The lines that are said of a frame, without times; all words on one."""
        self.times.move_to(one.stamp)
        made = prefilter(self.rotating.watches, LOCAL, DLT_EN10MB, ipv6=self._ipv6, signed=self.times.watch)
        passes = run_program(made.fitted.program.instructions, show_frame(DLT_EN10MB, one.data).filtered)
        sighting = Sighting(DLT_EN10MB, one.data, one.stamp, one.stamp / 1e6, passes.verdict > 0)
        account = self.follower.listener.hear(sighting, Place("", LOCAL, LOCAL))
        if account is None:
            return []
        self.accounts.append(account)
        if self._alone:
            self.follower.use(account)
        lines = format_account(account, self.follower.doors)
        return [" ".join(" ".join(line[43:].strip() for line in lines).split())]

    def advise(self) -> str:
        """The sentence at the end."""
        listener = self.follower.listener
        return advise(Heard(listener.packets, listener.other_ports, self.accounts), self.follower.doors)


@pytest.mark.parametrize(
    ("verb", "does"),
    [
        ("open", "the door would open"),
        ("renew", "what is open for its address would be renewed"),
        ("close", "what this key has opened would be closed"),
    ],
)
def test_counts(verb: str, does: str) -> None:
    """A packet that counts says whose it is, and what it would do."""
    explained = Explained()
    assert explained.hear(signed_frame(0, signed_packet(verb=verb))) == [f"ssh: signed by {NAMED}: {does}"]
    assert explained.advise().startswith(f"The signed knock at ssh counts at 22:13:20.000 (signed by {NAMED}")


def test_counts_once() -> None:
    """Where nobody else judges the source, what has counted is used."""
    explained = Explained()
    explained.hear(signed_frame(0, GOOD))
    again = f"ssh: a signed knock that does nothing (key {NAMED}): came before"
    assert explained.hear(signed_frame(1, GOOD)) == [again]
    assert explained.advise() == (
        "The signed knock at ssh at 22:13:21.000 does nothing: send a new one: each counts once."
    )


def test_uses_nothing_in_a_capture() -> None:
    """Where a replay judges the same packets, the explanation uses none."""
    explained = Explained(alone=False)
    for at in (0, 1):
        assert "the door would open" in explained.hear(signed_frame(at, GOOD))[0]


LATE = (
    "a signed knock for 30 minutes earlier: the clock of the knocker is behind, or somebody sends again what"
    " he has heard"
)


@pytest.mark.parametrize(
    ("packet", "said", "cure"),
    [
        (
            signed_packet(minute=-30),
            f"ssh: does nothing (key {NAMED}): {LATE}",
            "set the clock of the client, which is about 30 minutes behind, and let NTP keep it",
        ),
        (
            signed_packet(minute=3),
            f"ssh: does nothing ({KEY}): a signed knock for 3 minutes later: the clock of the knocker is"
            " ahead",
            "set the clock of the client, which is about 3 minutes ahead, and let NTP keep it",
        ),
        (
            signed_packet(minute=3, wrong=True),
            f"ssh: does nothing ({KEY}): a signed knock for 3 minutes later: the clock of the knocker is"
            " ahead; it would do nothing at its time, either: wrong signature",
            "set the clock of the client, which is about 3 minutes ahead, and let NTP keep it",
        ),
        (
            signed_packet(secret=bytes(32)),
            "does nothing: no signed knock for this host: made with another knock secret, or days ago, or"
            " none at all",
            "compare the knock secret of the client with this host's (knockctl export), and the port",
        ),
        (
            signed_packet("mallory"),
            "a signed knock that does nothing: of no key that may knock here, or changed on the way",
            "let the key in (knockctl authorize FILE.pub), or have the client sign with one that is in (knock"
            " --identity)",
        ),
        (
            signed_packet(name="cellar"),
            f"a signed knock that does nothing (key {NAMED}): no such door at this port",
            "compare the name of the door and the port that the client has with those here",
        ),
        (
            signed_packet(name="old"),
            f"old: a signed knock that does nothing (key {NAMED}): the door has expired",
            "change Expires of the door",
        ),
        (
            signed_packet(name="inside"),
            f"inside: a signed knock that does nothing ({KEY}): this address may not knock at this door",
            "knock from an address that Allow and Deny of the door admit, or change them",
        ),
        (
            signed_packet(bound=HIM),
            f"ssh: a signed knock that does nothing (key {NAMED}): bound to another address",
            "let the client bind no address (knock --bind none): a NAT changes the one that it has",
        ),
        (
            signed_packet(wrong=True),
            f"ssh: a signed knock that does nothing (key {NAMED}): wrong signature",
            "look at the client, and at who has the knock secret: its key has not signed this",
        ),
    ],
)
def test_does_nothing(packet: bytes, said: str, cure: str) -> None:
    """What does nothing says why, with key and door as far as they are known, and what to change."""
    inside = signed_door("inside", access=Access(make_networks([ip_network("203.0.113.0/24")]), ()))
    explained = Explained(SSH, signed_door("old", expires="2020-01-01"), inside)
    assert explained.hear(signed_frame(0, packet)) == [said]
    assert explained.advise().endswith(f" at 22:13:20.000 does nothing: {cure}.")


@pytest.mark.parametrize(
    ("options", "said", "cure"),
    [
        ('knock-doors="web"', "its key may not use this door", "name the door in knock-doors="),
        ('expiry-time="20200101"', "its key has expired", "change expiry-time= of the key's line"),
        (
            'from="203.0.113.0/24"',
            "its key may not be used from this address",
            "knock from an address that from=",
        ),
    ],
)
def test_options_of_a_key(options: str, said: str, cure: str) -> None:
    """What a key's line keeps it from is told as that."""
    explained = Explained(means=means_of(f"{options} {KEYS['alice'].line}"))
    assert explained.hear(signed_frame(0, GOOD))[0].endswith(f": {said}")
    assert f"does nothing: {cure}" in explained.advise()


def test_too_many() -> None:
    """The sixth packet in a second is one too many."""
    explained = Explained()
    said = [explained.hear(signed_frame(0, signed_packet(nonce=number)))[0] for number in range(6)]
    assert said[5].endswith("too many come to look at every signature")
    assert "five in a second" in explained.advise()


@pytest.mark.parametrize(
    ("packet", "said", "cure"),
    [
        (
            ipv4(udp(PORT, GOOD[:-1]), UDP),
            "123 bytes of UDP: a signed knock has 124",
            "look at the client, and",
        ),
        (ipv4(udp(PORT, b""), UDP), "0 bytes of UDP: a signed knock has 124", "look at the client"),
        (
            ipv4(udp(PORT, GOOD), UDP, fragment=0x2000),
            "a fragment: a signed knock comes in one piece",
            "send packets that need not be cut into fragments",
        ),
        (
            ipv4(udp(PORT, GOOD), UDP)[:-9],
            "cut short: 115 of 124 bytes were captured",
            "capture whole packets",
        ),
    ],
)
def test_form(packet: bytes, said: str, cure: str) -> None:
    """What has not the form says what it has instead."""
    packet = packet[:16] + ip_address(OURS).packed + packet[20:]
    explained = Explained()
    assert explained.hear(on_link(0, framed(DLT_EN10MB, packet))) == [said]
    assert f"to {PORT}:udp cannot count ({said}): {cure}" in explained.advise()


def test_extension_headers() -> None:
    """Over IPv6 the datagram has to come right behind the fixed header."""
    data = ipv6(udp(PORT, GOOD), UDP, source=ALICE6, destination=OURS6, extensions=(extension(DESTINATION),))
    explained = Explained(source=ALICE6)
    assert explained.hear(on_link(0, framed(DLT_EN10MB, data))) == [
        "extension header 60 in front of UDP: a signed knock has none"
    ]


def test_later_fragments() -> None:
    """A fragment that names no port is told of, and where it has one its port."""
    explained = Explained()
    data = ipv4(udp(PORT, GOOD), UDP, fragment=0x0010, destination=OURS)
    assert explained.hear(on_link(0, framed(DLT_EN10MB, data)))[0].startswith(
        "a later fragment (at byte 128)"
    )


def test_elsewhere() -> None:
    """A packet to an address that is not watched says where it should go."""
    explained = Explained()
    assert explained.hear(signed_frame(0, GOOD, to=HIM)) == [f"does not count: goes to {HIM}, not to {OURS}"]
    assert f"send it to {OURS}, or watch {HIM} (Target = {HIM})" in explained.advise()


def test_by_ipv6() -> None:
    """Over IPv6 as well, unless the daemon does not listen to it."""
    knock = signed_frame(0, GOOD, ALICE6, to=OURS6)
    assert "the door would open" in Explained(source=ALICE6).hear(knock)[0]
    assert Explained(source=ALICE6, is_ipv6=False).hear(knock) == ["knockd does not listen to IPv6 here (-4)"]


def test_nobody_can_judge() -> None:
    """Where the secret is not to be had, that is said of each packet."""
    explained = Explained()
    explained.times = SignedTimes([SSH], None)
    explained.follower._signed._times = explained.times
    assert explained.hear(signed_frame(0, GOOD)) == ["does not count: no signed knock can be judged now"]
    assert "see above what is left out" in explained.advise()


def test_nothing_came() -> None:
    """Ports of signed knocks are among those that packets could have gone to."""
    explained = Explained()
    assert explained.hear(frame(0, 22)) == []
    assert explained.advise() == (
        f"1 packet of {ALICE} arrived, none at a port of a door (22:tcp): compare what the client sends with"
        f" the ports of the doors ({PORT}:udp)."
    )


def test_beside_a_sequence() -> None:
    """A door with both: the steps and the port are told of, each as what it is."""
    both = replace(door("7 8", "ssh"), signed_port=PORT, authorized_keys=SSH.authorized_keys)
    explained = Explained(both)
    assert explained.hear(frame(0, 7)) == ["ssh: step 1 of 2"]
    assert "the door would open" in explained.hear(signed_frame(1, GOOD))[0]
    assert explained.advise().startswith("The signed knock at ssh counts")


def test_json() -> None:
    """The door's object has the word for what a packet does, and the key."""
    explained = Explained()
    for packet in (GOOD, GOOD, signed_packet(minute=9), signed_packet("mallory"), GOOD[:-1]):
        explained.hear(signed_frame(0, packet))
    told = [json.loads(account_json(one, explained.follower.doors)) for one in explained.accounts]
    assert [[(it["door"], it["verdict"], it["key"]) for it in one["doors"]] for one in told] == [
        [("ssh", "signed-opens", NAMED)],
        [("ssh", "signed-repeated", NAMED)],
        [("ssh", "signed-minute", NAMED)],
        [(None, "signed-key", None)],
        [],
    ]
    assert [(one["port"], one["cause"]) for one in told] == [(PORT, None)] * 4 + [(PORT, "length")]
