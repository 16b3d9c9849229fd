"""A source that is followed through the periods of keys: what is said of its packets, and what to change."""

from __future__ import annotations

import json
from base64 import b64encode

from knockd.explanation.accounts import Account, Place, Sighting
from knockd.explanation.advice import Heard, advise
from knockd.explanation.as_json import account_json
from knockd.explanation.follower import Follower
from knockd.explanation.words import describe, format_account
from knockd.replay.rotating import RotatingWatches
from knockd.replay.signed_times import SignedTimes
from knockd.worker.capture_file import Frame
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Config, Options
from knockd_conf.rotating import rule_of
from knockd_conf.timed import derive_ports
from tests.support.doubles.played import ALICE, LOCAL, door
from tests.support.doubles.replays import HOME, KEYS, STAMP, asked, base_of, frame, keyed_knock

SSH = door("7 8", "ssh")
PERIOD = 30 - STAMP / 1e6 % 30
"""The second at which the period after that of second 0 begins."""


class Followed:
    """A door with a key beside one without, and what is said of Alice's frames."""

    def __init__(self) -> None:
        config = Config("/etc/knockd.conf", Options(), (SSH, HOME), "host", ("/etc/knockd.conf",))
        self.rotating = RotatingWatches(base_of(*config.doors), config.doors, asked(KEYS, *config.doors))
        self.rotating.move_to(STAMP)
        signed = SignedTimes(config.doors, None)
        self.follower = Follower(ALICE, config, self.rotating, signed, slack=0.0, ipv6=True)
        self.accounts: list[Account] = []

    def hear(self, *frames: Frame) -> list[str]:
        """What is said of each frame."""
        said = []
        for stamp, data, _ in frames:
            now = stamp / 1e6
            self.rotating.move_to(stamp)
            self.follower.follow(now)
            sighting = Sighting(DLT_EN10MB, data, stamp, now, passes=True)
            account = self.follower.listener.hear(sighting, Place("", LOCAL, LOCAL))
            if account is not None:
                self.accounts.append(account)
                said += [describe(one, account, self.follower.doors) for one in account.verdicts]
                self.follower.use(account)
        return said

    def advise(self) -> str:
        """The sentence at the end."""
        listener = self.follower.listener
        return advise(Heard(listener.packets, listener.other_ports, self.accounts), self.follower.doors)


STEPS = [f"step {number} of 4 with key ann" for number in (1, 2, 3)]
OPENS = "step 4 of 4 with key ann: the door would open"


def test_opens() -> None:
    """Each step is told with its key and nothing of the other sequences, in each period anew."""
    followed = Followed()
    assert followed.hear(*keyed_knock(0)) == [*STEPS, OPENS]
    assert followed.hear(*keyed_knock(PERIOD + 3_000, period=101)) == [*STEPS, OPENS]
    assert followed.advise().startswith("The knock opens home at ")


def test_across_a_boundary() -> None:
    """A knock goes on when a period begins in the middle of it."""
    assert Followed().hear(*keyed_knock(PERIOD - 0.15)) == [*STEPS, OPENS]


def test_stale() -> None:
    """A knock whose time is over is told step by step, with what the clock of the knocker is wrong by."""
    followed = Followed()
    behind = "opens nothing: clock of the knocker is 55 s behind"
    assert followed.hear(*keyed_knock(PERIOD + 9.7, period=-1)) == [
        *(f"{step} of a sequence that {behind}" for step in STEPS),
        f"step 4 of 4 with key ann: the whole sequence, but it {behind}",
    ]
    assert followed.advise() == (
        "The sequence of key ann opens nothing at home (clock of the knocker is 55 s behind):"
        " set that clock, and let NTP keep it."
    )


def test_used() -> None:
    """What has opened opens nothing any more, in its own period and in the next one."""
    followed = Followed()
    followed.hear(*keyed_knock(PERIOD, period=1))
    for at, seconds in ((5, 25), (35, 0)):
        assert followed.hear(*keyed_knock(PERIOD + at - 0.3, period=1))[-1] == (
            "step 4 of 4 with key ann: the whole sequence, but it opens nothing:"
            f" sequence used already, the next sequence in {seconds} s"
        )
    assert followed.advise().endswith("in 0 s): knock with the next sequence.")


def test_guard() -> None:
    """A guard port closes the sequences of now to the source."""
    followed = Followed()
    number = STAMP // 30_000_000 + 1
    guard = derive_ports(KEYS["ann"], "home", number, rule_of(HOME)).guards[0]
    frames = keyed_knock(PERIOD + 1, period=1)
    touch = frame(PERIOD + 1.05, guard.port, protocol=int(guard.protocol))
    said = followed.hear(frames[0], touch, *frames[1:])
    assert said[:2] == [
        STEPS[0],
        "guard port: ends the attempt at step 1 of 4, the sequences of now are closed to it",
    ]
    assert "it has touched a guard port: the sequences of now are closed to it" in said[2:]
    assert "a guard port: send nothing but the sequence that the client makes" in followed.advise()
    assert followed.hear(*keyed_knock(PERIOD + 125, period=5))[-1] == OPENS


def test_no_port_is_told() -> None:
    """Nothing that is said names a port of a key that the source has not sent to."""
    followed = Followed()
    frames = keyed_knock(PERIOD + 1, period=1)
    followed.hear(frames[0], frames[2], frames[0], frames[1])
    sent = {account.port for account in followed.accounts}
    number, rule, doors = STAMP // 30_000_000, rule_of(HOME), followed.follower.doors
    made = [derive_ports(key, "home", number + at, rule) for key in KEYS.values() for at in range(-3, 6)]
    others = {port.port for one in made for port in (*one.steps, *one.guards)} - sent
    lines = [
        *(line for account in followed.accounts for line in format_account(account, doors)),
        *(account_json(account, doors) for account in followed.accounts),
        followed.advise(),
    ]
    text = " ".join(lines)
    assert not any(str(port) in text for port in others)
    assert not any(b64encode(key).decode() in text for key in KEYS.values())
    assert "wrong step: step 2 was due" in text


def test_silence() -> None:
    """Where nothing fits the key, the client's key, its name of the door and the clocks are worth a look."""
    followed = Followed()
    followed.hear(*keyed_knock(0, period=500))
    ports = ", ".join(followed.follower.listener.other_ports)
    assert followed.advise() == (
        f"4 packets of 192.0.2.1 arrived, none at a port of a door now ({ports}): compare what the client"
        " sends with Sequence (7:tcp, 8:tcp), and look whether the client has the key and the name of home,"
        " and whether its clock and this one are right."
    )


def test_json() -> None:
    """Programs get the name of the key with each verdict."""
    followed = Followed()
    followed.hear(*keyed_knock(0))
    (verdict,) = json.loads(account_json(followed.accounts[-1], followed.follower.doors))["doors"]
    assert (verdict["verdict"], verdict["key"], verdict["stage"], verdict["steps"]) == ("opens", "ann", 4, 4)


def test_plain_door_beside_it() -> None:
    """A door without a key is told of as ever."""
    assert Followed().hear(frame(0, 7), frame(1, 22), frame(2, 8)) == [
        "step 1 of 2",
        "step 2 of 2: the door would open",
    ]
