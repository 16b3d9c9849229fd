"""Knocking until a port answers."""

from __future__ import annotations

import pytest

from knockd.client.hits import Hit
from knockd.client.plan import CLOSE, RENEW, Keyed, Plan, Signed
from knockd.client.status import IO_ERROR, OK, TEMPORARY
from knockd.client.tries import Hands, Outcome, knock_until_open
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Rule

HITS = (Hit("1", 1, Protocol.TCP),)
PLAIN = Plan("home.example", ("1",))
VERIFIED = PLAIN._replace(verify=22, tries=3)
SIGNED = VERIFIED._replace(ports=(), signed=Signed(47811, "secret", "ssh"))
RENEWS = SIGNED._replace(signed=Signed(47811, "secret", "ssh", verb=RENEW))
CLOSES = SIGNED._replace(signed=Signed(47811, "secret", "ssh", verb=CLOSE))
KEYED = VERIFIED._replace(ports=(), keyed=Keyed("file", None, "ssh", Rule()), delay=200)


class Played:
    """What a knock does, in order; the port answers at the look of this number (0: before the knock)."""

    def __init__(
        self,
        plan: Plan,
        opens: int | None = None,
        left: tuple[int, ...] = (1, 1),
        *,
        addresses: int = 1,
        used: bool = False,
        if_needed: bool = False,
    ) -> None:
        self.trace: list[str] = []
        self.told: list[str] = []
        self._opens = opens
        self._left = left
        self._looks = 0
        hands = Hands(self._hits, self._send, lambda: used, self._glance, self._look, self.told.append)
        self.outcome = knock_until_open(plan, hands, addresses, if_needed=if_needed)

    def _hits(self, number: int, fresh: bool) -> tuple[Hit, ...]:
        self.trace.append(f"hits {number}{' fresh' if fresh else ''}")
        return HITS

    def _send(self, hits: object, delay: int, which: int | None) -> int:
        assert HITS == hits
        self.trace.append(f"send {delay}{'' if which is None else f' to {which}'}")
        return self._left[0 if which is None else which]

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
    assert ["glance", "hits 1", "send 0", "look", "hits 2", "send 200", "look"] == played.trace
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
    """With a key, the sentence names what a sequence is made of, too."""
    played = Played(KEYED)
    expected = "else look at this machine's clock, and at key, door, steps, period and ports"
    assert played.told[0].endswith(f"whether the knock arrived; {expected}")


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
    played = Played(plan, left=(0,))
    assert 1 == sum(one.startswith("send") for one in played.trace)
    assert ["nothing could be sent, so nothing was knocked"] == played.told
    assert Outcome(IO_ERROR) == played.outcome


def test_a_sequence_that_has_opened_the_door() -> None:
    """Where the port is open and the present sequence of the key has opened it, nothing is left to send."""
    played = Played(KEYED, opens=0, used=True)
    assert ["glance"] == played.trace
    expected = "port 22 of home.example answers before the knock; the present sequence has opened it"
    assert [expected] == played.told
    assert Outcome(OK) == played.outcome


def test_a_port_that_may_be_of_the_sequence() -> None:
    """It is not looked at before the knock, as that would spoil it."""
    played = Played(KEYED._replace(verify=20_000), opens=1)
    assert ["hits 1", "send 200", "look"] == played.trace
    assert Outcome(OK, knocked=True, opened=True) == played.outcome


def test_one_address_a_try() -> None:
    """A sequence of a key opens once, so with --verify the tries go to one address after the other."""
    played = Played(KEYED, opens=3, addresses=2)
    sent = [one for one in played.trace if one != "look"]
    assert ["glance", "hits 1", "send 200 to 0", "hits 2", "send 200 to 1", "hits 3", "send 200 to 0"] == sent
    assert Outcome(OK, knocked=True, opened=True) == played.outcome


def test_one_sequence_an_address() -> None:
    """Without --verify each address has a sequence of its own."""
    played = Played(KEYED._replace(verify=None, tries=1), addresses=2)
    assert ["hits 1", "send 200 to 0", "hits 2 fresh", "send 200 to 1"] == played.trace
    assert Outcome(OK, knocked=True) == played.outcome


def test_a_plain_knock_goes_to_all_addresses_at_once() -> None:
    """It may open as often as it is sent."""
    assert ["hits 1", "send 0"] == Played(PLAIN, addresses=2).trace


@pytest.mark.parametrize("verify", [None, 22])
@pytest.mark.parametrize(("left", "status"), [((0, 1), OK), ((0, 0), IO_ERROR)])
def test_an_address_that_cannot_be_reached(verify: int | None, left: tuple[int, int], status: int) -> None:
    """The other one is knocked at; only where none can be reached the status is 74."""
    played = Played(KEYED._replace(verify=verify, tries=2), opens=1, left=left, addresses=2)
    sent = [one for one in played.trace if one.startswith("send")]
    assert ["send 200 to 0", "send 200 to 1"] == sent
    assert status == played.outcome.status


def test_signed_packets_go_to_all_addresses() -> None:
    """Each try has a packet for each address."""
    played = Played(SIGNED, opens=2, addresses=2)
    assert ["glance", "hits 1", "send 0", "look", "hits 2", "send 200", "look"] == played.trace
    assert Outcome(OK, knocked=True, opened=True) == played.outcome
    assert ["hits 1", "send 0"] == Played(SIGNED._replace(verify=None), addresses=2).trace


def test_renewing() -> None:
    """That the port answers is no news then; where it does not, that is said, as renewing opens nothing."""
    played = Played(RENEWS, opens=0)
    assert ["glance", "hits 1", "send 0", "look"] == played.trace
    assert [] == played.told
    assert OK == played.outcome.status
    failed = Played(RENEWS._replace(tries=1))
    expected = "port 22 of home.example does not answer after 1 knock (no answer); --renew opens nothing"
    assert [expected] == [text[: len(expected)] for text in failed.told]
    assert TEMPORARY == failed.outcome.status


def test_closing() -> None:
    """A port that answered is knocked at until it does no more."""
    played = Played(CLOSES, opens=0)
    assert ["glance", "hits 1", "send 0", "look"] == played.trace
    assert [] == played.told
    assert Outcome(OK, knocked=True, opened=True) == played.outcome


def test_closing_what_is_closed() -> None:
    """That is said, and knocked all the same, or with --if-needed not."""
    port = "port 22 of home.example does not answer before the knock"
    played = Played(CLOSES, opens=1)
    assert ["glance", "hits 1", "send 0", "look"] == played.trace
    assert [f"{port}; closing all the same"] == played.told
    assert Outcome(OK, knocked=True, opened=False) == played.outcome
    needed = Played(CLOSES, if_needed=True)
    assert ["glance"] == needed.trace
    assert [f"{port}; nothing is to be closed"] == needed.told
    assert Outcome(OK) == needed.outcome


def test_what_does_not_close() -> None:
    """After the last try the status is 75, and it is said what a key cannot close."""
    played = Played(CLOSES)
    assert 3 == played.trace.count("look")
    assert (
        "port 22 of home.example did not close after 3 knocks (no answer); what this key" in played.told[-1]
    )
    assert TEMPORARY == played.outcome.status
