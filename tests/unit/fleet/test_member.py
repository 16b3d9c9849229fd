"""A gateway of the fleet, among others: joins, openings, closes, and what the owner of the store can do."""

from __future__ import annotations

import pytest

from knockd.fleet.member import BEAT, EACH, WAIT, Used
from knockd.fleet.openings import MOST
from knockd.fleet.peers import LOST_AFTER, MAX_AGE
from knockd.fleet.records import MOST_ROWS, Kind, Row, Seal, Version
from knockd.fleet.verbs import Came, Closed, Left, Opened
from tests.support.doubles.fleet_network import KEY, SSH, TRIP, WEB, Gateway, Network, network

SOON = 0.1
"""Seconds in which a change is everywhere."""


def test_opened() -> None:
    """A knock at one opens at all, for the same time."""
    net, (a, b, c) = network(3)
    a.open(SSH, 60.0)
    net.run(SOON)
    for one in (b, c):
        (opened,) = one.heard(Opened)
        assert opened[:3] == ("a", *SSH)
        assert pytest.approx(net.now - SOON + 60.0, abs=3 * TRIP) == one.leases[SSH]
        assert one.leases[SSH] <= a.leases[SSH]


def test_nothing_closes_it() -> None:
    """An opening that nothing closes is told once, and not taken over."""
    net, (a, b) = network()
    a.open(SSH, None)
    net.run(SOON)
    assert [Opened("a", *SSH, None)] == b.told
    c = net.add("c")
    c.connect()
    net.run(10)
    assert [] == c.heard(Opened)


def test_more_time() -> None:
    """A renewal at another gateway gives it more time at all."""
    net, (a, b) = network()
    a.open(SSH, 60.0)
    net.run(30)
    b.open(SSH, 60.0)
    net.run(SOON)
    assert pytest.approx(net.now + 60.0, abs=0.2) == a.leases[SSH]


def test_closed() -> None:
    """A close at one closes at all, whoever has opened it and whatever the clocks say."""
    net, (a, b, c) = network(3)
    a.open()
    net.run(SOON)
    c.close()
    net.run(SOON)
    assert [Closed("c", *SSH)] == a.told
    assert [Closed("c", *SSH)] == b.told[1:]


def test_used() -> None:
    """What is used up at one is told to all."""
    net, (a, b, c) = network(3)
    a.use("ab" * 32)
    net.run(SOON)
    assert [Used("ab" * 32)] == b.told == c.told


def test_at_the_same_time() -> None:
    """Of an opening and a close at the same time one holds, and it is the same at all."""
    for seed in range(10):
        net = Network(3, seed=seed)
        a, b, c = net.gateways
        a.open()
        b.close()
        net.run(20)
        assert len({SSH in one.leases for one in (a, b, c)}) == 1


def test_list_openings() -> None:
    """The overview says who has opened what, and leaves the name out of who is gone."""
    net, (a, b) = network()
    a.open()
    b.open(WEB)
    net.run(SOON)
    rows = {(door, by): left for door, _, left, by in b.member.list_openings(b.now)}
    assert {("ssh", "a"), ("web", "b")} == rows.keys()
    a.die()
    net.run(LOST_AFTER * BEAT + 1)
    assert {"", "b"} == {by for *_, by in b.member.list_openings(b.now)}


# Joins.


def test_two_come() -> None:
    """Two that start at the same time know each other at once."""
    net = Network(2, joined=False)
    for one in net.gateways:
        one.connect()
    net.run(SOON)
    a, b = net.gateways
    assert [Came("b")] == a.told
    assert [Came("a")] == b.told


def test_joins() -> None:
    """Who comes later takes over what is open, in no time, with the time that is left."""
    net, (a, b) = network()
    a.open(SSH, 60.0)
    b.open(WEB, 60.0)
    net.run(10)
    c = net.add("c", boot=-50.0)
    c.connect()
    net.run(SOON)
    assert {SSH, WEB} == c.leases.keys()
    assert pytest.approx(net.now + 50.0, abs=0.2) == c.leases[SSH]


def test_takes_over_from_one_that_knows() -> None:
    """Of two that come at the same time none believes the other one to know all."""
    net, (a, _) = network()
    a.open()
    net.run(SOON)
    c, d = net.add("c"), net.add("d")
    c.connect()
    d.connect()
    net.run(SOON)
    assert {SSH} == c.leases.keys() == d.leases.keys()


def test_takes_over_what_is_left_of_another() -> None:
    """What a gateway has opened that is gone is taken over from another one."""
    net, (a, _b) = network()
    a.open(SSH, 600.0)
    net.run(SOON)
    a.leave()
    c = net.add("c")
    c.connect()
    net.run(SOON)
    assert {SSH} == c.leases.keys()
    assert {"b"} == {name for name, *_ in c.heard(Opened)}


def test_takes_over_many() -> None:
    """More than fits into one message is taken over in parts, asked for one by one."""
    net, (a, _b) = network()
    for number in range(3 * MOST_ROWS + 1):
        a.open(("ssh", f"192.0.{number // 200}.{number % 200}"), 600.0)
    net.run(SOON)
    c = net.add("c")
    c.connect()
    net.run(1)
    assert 3 * MOST_ROWS + 1 == len(c.leases)
    wants = [one for one in net.messages("c") if one.kind is Kind.WANT and not one.body.own]
    assert 4 == len(wants)


def test_part_is_lost() -> None:
    """A part that does not come is asked for again; another gateway is asked, if there is one."""
    net, (a, _b) = network()
    for number in range(2 * MOST_ROWS):
        a.open(("ssh", f"192.0.{number // 200}.{number % 200}"), 600.0)
    net.run(SOON)
    lost = list[bytes]()

    def lose_first(_by: Gateway, to: Gateway, data: bytes) -> tuple[float, ...]:
        if to.name == "c" and Seal(KEY, "lab").unseal(data).kind is Kind.STATE and len(lost) < 3:
            lost.append(data)
            return ()
        return (TRIP,)

    net.fate = lose_first
    c = net.add("c")
    c.connect()
    net.run(5 * WAIT)
    assert 3 == len(lost)
    assert 2 * MOST_ROWS == len(c.leases)
    assert len({to for _, to, data in net.said if data in lost}) == 1
    assert len({Seal(KEY, "lab").unseal(data).gateway for data in lost}) == 2


def test_restart() -> None:
    """A gateway that starts anew holds what its keeper has; it is told no more than what is different."""
    net, (a, b) = network()
    a.open(SSH, 60.0)
    a.open(WEB, 60.0)
    net.run(SOON)
    b.start()
    a.close(WEB)
    net.run(1)
    b.hold(SSH, 59.0)
    b.hold(WEB, 59.0)
    b.told.clear()
    b.connect()
    net.run(WAIT)
    assert [Came("a"), Closed("a", *WEB)] == b.told
    assert {SSH} == b.leases.keys()


def test_held_alone() -> None:
    """What nobody else knows, as it was opened while the store was away before a restart, is told to all."""
    net, (a, b) = network()
    b.disconnect()
    b.open(SSH, 600.0)
    b.start()
    b.hold(SSH, 590.0)
    b.connect()
    net.run(WAIT + 1)
    assert {SSH} == a.leases.keys()


def test_knock_before_it_has_joined() -> None:
    """A knock at a gateway that has just started is newer than what was closed before."""
    net, (a, b) = network()
    for _ in range(20):
        a.open()
        net.run(1)
        a.close()
    net.run(41)
    b.start()
    b.open()
    b.connect()
    net.run(WAIT + 1)
    assert {SSH} == a.leases.keys() == b.leases.keys()


# The store is away.


def test_store_is_away() -> None:
    """What each opens while the store is away is open at all when it is back, and closes likewise."""
    net, (a, b) = network()
    a.open(("ftp", "192.0.2.1"), 600.0)
    net.run(SOON)
    a.disconnect()
    b.disconnect()
    a.open(SSH, 600.0)
    b.open(WEB, 600.0)
    b.close(("ftp", "192.0.2.1"))
    net.run(60)
    a.connect()
    net.run(5)
    b.connect()
    net.run(SOON)
    assert {SSH, WEB} == a.leases.keys() == b.leases.keys()


def test_cut_off() -> None:
    """What happens while one is cut off it learns afterwards, also of gateways that are gone then."""
    net, (a, b, c) = network(3)
    net.run(20)
    c.cut()
    a.open(SSH, 600.0)
    b.open(WEB, 600.0)
    net.run(4)
    a.leave()
    net.run(3)
    c.disconnect()
    net.run(60)
    c.connect()
    net.run(SOON)
    assert {SSH, WEB} == c.leases.keys()


def test_cut_off_and_over() -> None:
    """One that is cut off closes by its own clock, and gets no time that is over when it comes back."""
    net, (a, b) = network()
    a.open(SSH, 30.0)
    net.run(SOON)
    b.disconnect()
    net.run(31)
    assert {} == b.leases
    b.told.clear()
    b.connect()
    net.run(10)
    assert [] == b.heard(Opened)


def test_lost_change() -> None:
    """A change that is lost is known a beat later, and only what the sender has changed is asked for."""
    net, (a, b, c) = network(3)
    c.open(WEB, 600.0)
    net.run(SOON)
    net.fate = lambda _by, to, _data: () if to is b else (TRIP,)
    a.open(SSH, 600.0)
    net.run(SOON)
    net.fate = lambda _by, _to, _data: (TRIP,)
    assert SSH not in b.leases
    net.said.clear()
    net.run(BEAT + 0.5)
    assert SSH in b.leases
    assert [1] == [len(one.body.rows) for one in net.messages("a") if one.kind is Kind.STATE]
    assert [] == [one for one in net.messages("c") if one.kind is Kind.STATE]


def test_stood_still() -> None:
    """A gateway that was stopped for a while takes nothing for fresh, and asks for what it has missed."""
    net, (a, b) = network()
    net.run(10)
    real = b.boot
    a.open(SSH, 10.0)
    a.open(WEB, 600.0)
    b.cut()
    net.run(4)
    b.boot -= 60.0  # its clock stood still, too
    net.run(60)
    b.online = True
    net.run(20)
    assert {WEB} == b.leases.keys()
    assert pytest.approx(a.leases[WEB], abs=1) == b.leases[WEB]
    assert real != b.boot


# Who is there.


def test_silent() -> None:
    """Who is killed is missed after some beats; who ends says so."""
    net, (a, b, c) = network(3)
    b.die()
    net.run(LOST_AFTER * BEAT - BEAT)
    assert [] == a.told
    net.run(2 * BEAT)
    assert [Left("b", silent=True)] == a.told
    c.leave()
    net.run(SOON)
    assert [Left("b", silent=True), Left("c", silent=False)] == a.told


def test_beat() -> None:
    """In a large fleet each says less often that it is here."""
    net, (a, _b) = network()
    assert BEAT == a.member.beat
    for number in range(98):
        net.add(f"gw{number}").connect()
    net.run(1)
    assert 100 * EACH == a.member.beat


def test_proofs_go_on() -> None:
    """After hours the gateways still hear each other, and clocks that have drifted are compared anew."""
    net, (a, b) = network()
    for _ in range(40):
        net.run(300)
        b.boot += 0.03
    b.open()
    net.run(SOON)
    assert {SSH} == a.leases.keys()
    assert 0 == a.member.dropped


# Who owns the store.


def test_forged() -> None:
    """Without the key nothing is made that counts, whatever of a message is changed."""
    net, (a, b) = network()
    a.open()
    net.run(SOON)
    data = net.said[-1][2]
    b.told.clear()
    for text in (data[:32] + data[32:].replace(b"192.0.2.1", b"192.0.2.9"), data[:-1], b"", data + b"]"):
        b.hear(text)
    forger = Gateway(net, "a")
    forger.member = type(forger.member)(Seal(b"guess", "lab"), "a", net.make_nonce)
    forger.connect()
    forger.open(WEB)
    net.run(10)
    assert [] == b.told
    assert b.member.forged >= 6


def test_another_s_proof() -> None:
    """A message for one gateway says nothing to another one."""
    net, (_a, b, c) = network(3)
    dropped, told = c.member.dropped, list(c.told)
    for one in [data for _, to, data in net.said if to == b.member.run]:
        c.hear(one)
    assert told == c.told
    assert dropped == c.member.dropped


def test_repeated() -> None:
    """What was said once, said again at any time, changes nothing."""
    net, (a, b, _c) = network(3)
    a.open(SSH, 600.0)
    net.run(SOON)
    a.close()
    net.run(SOON)
    b.told.clear()
    for wait in (0.0, 1.0, MAX_AGE, 60.0):
        net.run(wait)
        for _, _, data in list(net.said):
            b.hear(data)
    assert [] == b.told
    assert {} == b.leases


@pytest.mark.parametrize("seconds", [MAX_AGE + 1, 300.0])
def test_kept_back(seconds: float) -> None:
    """What was kept back opens nothing: it is asked for, and the answer says how much time is left."""
    net, (a, b) = network()
    net.run(3)
    net.fate = lambda _by, _to, _data: (seconds,)
    a.open(SSH, 20.0)
    net.fate = lambda _by, _to, data: (TRIP,) if Seal(KEY, "lab").unseal(data).kind is not Kind.CHANGE else ()
    net.run(seconds + 3)
    assert b.leases.get(SSH, 0.0) <= a.leases.get(SSH, 0.0)


def test_kept_back_for_a_moment() -> None:
    """What comes late, but not too late, has less time left."""
    net, (a, b) = network()
    net.fate = lambda _by, _to, _data: (MAX_AGE - 0.1,)
    a.open(SSH, 20.0)
    net.fate = lambda _by, _to, _data: (TRIP,)
    net.run(MAX_AGE)
    assert b.leases[SSH] <= a.leases[SSH]


def test_older_runs() -> None:
    """All that an earlier run of a gateway has said says nothing to one that joins."""
    net, (a, b) = network()
    a.open(SSH, 3600.0)
    net.run(SOON)
    a.leave()
    b.close()
    net.run(SOON)
    b.die()
    old = [data for _, _, data in net.said]
    net.run(1)
    c = net.add("c")
    c.connect()
    for _ in range(3):
        for data in old:
            c.hear(data)
        net.run(3)
    assert [] == c.told
    assert 0 == len(c.member.peers)


def test_repeated_questions() -> None:
    """Who repeats old questions to a gateway has it answer each once at most, and asks it seldom."""
    net, (a, b) = network()
    old = [data for _, _, data in net.said]
    a.die()
    net.run(60)
    net.said.clear()
    for _ in range(100):
        for data in old:
            b.hear(data)
    kinds = [one.kind for one in net.messages("b")]
    assert kinds.count(Kind.PROOF) <= len(old)
    assert kinds.count(Kind.ASK) <= 1


def test_bound() -> None:
    """One that opens without end fills no memory, and the last openings are known."""
    _, (a, _) = network()
    for number in range(MOST + 10):
        list(a.member.open(("ssh", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), 600.0, a.now))
    assert MOST == len(a.member.list_openings(a.now))


def test_a_change_from_the_far_future() -> None:
    """A wall clock that is years ahead does no harm: later changes are greater still."""
    net, (a, b) = network()
    row = Row(*SSH, 600.0, Version(1 << 50, a.member.run))
    a.do([a.member._say(Kind.CHANGE, row, a.now)])
    net.run(SOON)
    b.close()
    net.run(SOON)
    assert SSH not in b.knows_open()
    a.open(SSH, 60.0)
    net.run(SOON)
    assert SSH in b.leases
