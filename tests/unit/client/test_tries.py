"""Knocking until a port answers."""

from __future__ import annotations

import pytest

from knockd.client.hits import Hit
from knockd.client.plan import Keyed, Plan
from knockd.client.status import IO_ERROR, OK, TEMPORARY
from knockd.client.tries import Hands, Outcome, knock_until_open
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Rule

HITS = (Hit("1", 1, Protocol.TCP),)
PLAIN = Plan("home.example", ("1",))
VERIFIED = PLAIN._replace(verify=22, tries=3)


class Played:
    """What a knock does, in order; the port answers at the look of this number (0: before the knock)."""

    def __init__(
        self, plan: Plan, opens: int | None = None, left: int = 1, *, if_needed: bool = False
    ) -> None:
        self.trace: list[str] = []
        self.told: list[str] = []
        self._opens = opens
        self._left = left
        self._looks = 0
        hands = Hands(self._hits, self._send, self._glance, self._look, self.told.append)
        self.outcome = knock_until_open(plan, hands, if_needed=if_needed)

    def _hits(self, number: int) -> tuple[Hit, ...]:
        self.trace.append(f"hits {number}")
        return HITS

    def _send(self, hits: object, delay: int) -> int:
        assert HITS == hits
        self.trace.append(f"send {delay}")
        return self._left

    def _glance(self) -> str:
        self.trace.append("glance")
        return "" if self._opens == 0 else "no answer"

    def _look(self) -> str:
        self._looks += 1
        self.trace.append("look")
        return "" if self._opens is not None and self._looks >= self._opens else "no answer"


def test_a_knock_alone() -> None:
    """Without --verify there is one knock, and nothing is looked at or said."""
    played = Played(PLAIN._replace(delay=20))
    assert ["hits 1", "send 20"] == played.trace
    assert Outcome(OK, knocked=True) == played.outcome
    assert [] == played.told


def test_a_port_that_opens() -> None:
    """The port is looked at before the knock and after it."""
    played = Played(VERIFIED, opens=1)
    assert ["glance", "hits 1", "send 0", "look"] == played.trace
    assert Outcome(OK, knocked=True, opened=True) == played.outcome
    assert [] == played.told


def test_a_second_knock_takes_its_time() -> None:
    """A knock that did not help is repeated with a delay, for packets may have overtaken each other."""
    played = Played(VERIFIED, opens=2)
    assert ["glance", "hits 1", "send 0", "look", "hits 2", "send 100", "look"] == played.trace
    assert OK == played.outcome.status
    slow = Played(VERIFIED._replace(delay=300), opens=2)
    assert ["send 300", "send 300"] == [one for one in slow.trace if one.startswith("send")]


@pytest.mark.parametrize(("tries", "times"), [(1, "1 knock"), (3, "3 knocks")])
def test_a_port_that_stays_closed(tries: int, times: str) -> None:
    """After the last try the status is 75, and a sentence says what was seen and where to look."""
    played = Played(VERIFIED._replace(tries=tries))
    assert tries == played.trace.count("look")
    assert Outcome(TEMPORARY, knocked=True) == played.outcome
    expected = (
        f"port 22 of home.example did not open after {times} (no answer); the log of knockd there says "
    )
    assert [f"{expected}whether the knock arrived"] == played.told


def test_the_clock_may_be_wrong() -> None:
    """With a key, the sentence names the clock too."""
    played = Played(VERIFIED._replace(keyed=Keyed("file", None, "ssh", Rule())))
    assert played.told[0].endswith("whether the knock arrived, and whether this machine's clock is right")


def test_a_port_that_is_open_already() -> None:
    """It is knocked all the same, which renews the opening; that it answers then proves nothing."""
    played = Played(VERIFIED, opens=0)
    assert ["glance", "hits 1", "send 0", "look"] == played.trace
    assert ["port 22 of home.example answers before the knock; knocking all the same"] == played.told
    assert Outcome(OK, knocked=True, opened=False) == played.outcome


def test_no_knock_where_none_is_needed() -> None:
    """With --if-needed an open port is left alone; a closed one is knocked at."""
    played = Played(VERIFIED, opens=0, if_needed=True)
    assert ["glance"] == played.trace
    assert ["port 22 of home.example answers before the knock; no knock is needed"] == played.told
    assert Outcome(OK) == played.outcome
    assert "send 0" in Played(VERIFIED, opens=1, if_needed=True).trace


@pytest.mark.parametrize("plan", [PLAIN, VERIFIED])
def test_nothing_left(plan: Plan) -> None:
    """Where no packet could be sent, nothing more is tried, and the status is 74."""
    played = Played(plan, left=0)
    assert 1 == sum(one.startswith("send") for one in played.trace)
    assert ["nothing could be sent, so nothing was knocked"] == played.told
    assert Outcome(IO_ERROR) == played.outcome
