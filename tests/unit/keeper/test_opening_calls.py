"""Open and Test: an opening by hand is one as by a knock, and a preview runs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.control.call import Caller
from knockd.keeper.control_values import RefusedError
from knockd.keeper.opening_calls import OpeningCalls
from knockd.log.logger import Logger
from knockd_conf.access import Access, make_networks
from knockd_conf.model import CommandFacts, Door, Reknock
from tests.support.doubles.lease_manager import DOOR, PLAIN, PlayedManager, knock, said
from tests.support.doubles.made_calls import MadeCalls

ALICE = "192.0.2.1"
SIX = "2001:db8::1"
PLACES = {
    "wan0": [bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1])],
    "lan0": [bytes([10, 9, 0, 1]), b"\xfe\x80" + bytes(13) + b"\1", b"\x20\x01\x0d\xb8" + bytes(11) + b"\2"],
}


class Opened:
    """Calls at a lease manager whose commands a test ends."""

    def __init__(
        self, *doors: Door, places: Mapping[str, Any] = PLACES, own: int = 0, **options: Any
    ) -> None:
        self.played = PlayedManager(**options)
        self.doors = doors or (DOOR,)
        self.shut: str | None = None
        self.made = MadeCalls()
        self.calls = OpeningCalls(
            Logger(structlog.get_logger()).log,
            self.played.manager,
            lambda: self.doors,
            lambda _: self.shut,
            lambda: places,
            own,
        )
        self.played.manager.answered = self.calls.answer

    def open(self, address: str = ALICE, **parameters: Any) -> None:
        """Somebody opens a door."""
        self.calls.open(self.made.make(**{"door": "ssh", "address": address, **parameters}))
        self.played.loop.turn()

    def test(self, address: str = ALICE, **parameters: Any) -> dict[str, Any]:
        """Somebody asks what an opening would run."""
        self.calls.test(self.made.make(**{"door": "ssh", "address": address, **parameters}))
        name, answer = self.made.take()
        assert name == "reply"
        return answer

    def knock_of_lease(self) -> Any:
        """The knock of the only lease."""
        (lease,) = self.played.manager.ask.all()
        return lease.knock


def test_answered_when_it_is_open() -> None:
    """The answer comes when the start command has ended, and has the lease."""
    opened = Opened()
    opened.open()
    assert opened.made.answers == []
    assert opened.played.runner.lines == ["open 192.0.2.1"]
    opened.played.end()
    name, answer = opened.made.take()
    assert name == "reply"
    assert answer["note"] is None
    lease = answer["lease"]
    assert lease["state"] == "open"
    assert lease["address"] == ALICE
    assert lease["by"] == "by hand, root"
    assert lease["seconds_left"] == 10.0
    assert lease["seconds_open"] == 0.0
    assert lease["destination"] == "10.0.0.1"
    assert lease["interface"] == "wan0"


def test_the_log_says_who() -> None:
    """The log names who asked, and does not speak of a knock."""
    with capture_logs() as log:
        opened = Opened()
        opened.open()
        opened.played.end()
    assert said(list(log)) == ["opened-by-hand", "command open 192.0.2.1"]
    assert log[0]["uid"] == 0
    assert log[0]["pid"] == 4711


def test_another_user() -> None:
    """Who is not root is named by number."""
    opened = Opened()
    call = opened.made.make(Caller(1_000, 1_000, 7), door="ssh", address=ALICE)
    opened.calls.open(call)
    assert opened.knock_of_lease().by == "by hand, uid 1000"


def test_a_door_that_nothing_closes() -> None:
    """Without a stop command there is no lease; the answer comes all the same when it is open."""
    opened = Opened(PLAIN)
    opened.open()
    assert opened.made.answers == []
    opened.played.end()
    assert opened.made.take() == ("reply", {"lease": None, "note": None})


@pytest.mark.parametrize("reknock", list(Reknock))
def test_again(reknock: Reknock) -> None:
    """A second opening is answered too, whatever a second knock does at this door."""
    opened = Opened(replace(DOOR, reknock=reknock))
    opened.open()
    opened.played.end()
    opened.made.take()
    opened.open()
    for _ in range(len(opened.played.runner.running)):
        opened.played.end()
    while opened.played.runner.running:  # after the stop command of a renewal its start command
        assert opened.made.answers == []
        opened.played.end()
    name, answer = opened.made.take()
    assert name == "reply"
    assert answer["lease"]["state"] == "open"


def test_seconds() -> None:
    """With seconds the door is open for so long, and the commands are told."""
    opened = Opened(replace(DOOR, start_command="open %IP% %TIMEOUT%"))
    opened.open(seconds=1_000_000)
    assert opened.played.runner.lines == ["open 192.0.2.1 1000000"]
    opened.played.end()
    assert opened.made.take()[1]["lease"]["seconds_left"] == 1_000_000.0


def test_seconds_for_a_door_that_nothing_closes() -> None:
    """A door that nothing closes cannot be opened for a time."""
    with pytest.raises(RefusedError, match="Refused"):
        Opened(PLAIN).open(seconds=5)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"door": "mail"}, "NoSuchDoor"),
        ({"address": "ssh.example"}, "BadValue"),
        ({"seconds": 0}, "BadValue"),
        ({"destination": "10.0.0.0/8"}, "BadValue"),
        ({"destination": SIX}, "BadValue"),
        ({"interface": ""}, "BadValue"),
        ({"interface": "../eth0"}, "BadValue"),
        ({"interface": "e" * 16}, "BadValue"),
        ({"interface": "e\n"}, "BadValue"),
        ({"interface": "\ud800"}, "BadValue"),
        ({"address": "\ud800"}, "BadValue"),
        ({"door": "\ud800"}, "NoSuchDoor"),
        ({"interface": "eth7"}, "Refused"),
    ],
)
def test_bad_input(parameters: dict[str, Any], error: str) -> None:
    """What cannot be is refused, and nothing is run or logged."""
    opened = Opened()
    with capture_logs() as log, pytest.raises(RefusedError) as refused:
        opened.open(**parameters)
    assert refused.value.error == error
    assert opened.played.runner.lines == []
    assert log == []


@pytest.mark.parametrize(
    ("address", "given", "interface", "destination"),
    [
        (ALICE, {}, "wan0", "10.0.0.1"),
        (SIX, {}, "lan0", "2001:db8::2"),
        (ALICE, {"interface": "lan0"}, "lan0", "10.9.0.1"),
        (ALICE, {"destination": "10.9.0.1"}, "lan0", "10.9.0.1"),
        (ALICE, {"destination": "10.77.0.1"}, "wan0", "10.77.0.1"),
        (ALICE, {"destination": "10.77.0.1", "interface": "eth7"}, "eth7", "10.77.0.1"),
        (ALICE, {"destination": "::ffff:10.9.0.1"}, "lan0", "10.9.0.1"),
    ],
)
def test_place(address: str, given: dict[str, Any], interface: str, destination: str) -> None:
    """What is not given is the first interface with an address of that version, and that address."""
    opened = Opened()
    opened.open(address, **given)
    assert opened.knock_of_lease().interface == interface
    assert opened.knock_of_lease().destination == destination


@pytest.mark.parametrize(
    ("address", "given", "destination"),
    [
        (ALICE, {}, "10.77.0.9"),
        (ALICE, {"destination": "10.0.0.1"}, "10.0.0.1"),
        (SIX, {}, "2001:db8::2"),
    ],
)
def test_target(address: str, given: dict[str, Any], destination: str) -> None:
    """A door with Target is knocked at there, where that has an address of the knocker's version."""
    at = replace(DOOR, target=(ip_address("10.77.0.9"), ip_address("10.77.0.8")), start_command="open %DST%")
    opened = Opened(at)
    opened.open(address, **given)
    assert opened.knock_of_lease().destination == destination
    if not given:
        assert opened.test(address)["start"]["command"] == f"open {destination}"


@pytest.mark.parametrize("given", [{}, {"destination": "10.0.0.1"}])
def test_no_place(given: dict[str, Any]) -> None:
    """Where nothing is listened on somebody has to say where it was knocked."""
    with pytest.raises(RefusedError) as refused:
        Opened(places={}).open(**given)
    assert refused.value.error == "Refused"
    assert "name" in str(refused.value.parameters["reason"])


def test_refused_as_a_knock() -> None:
    """What a knock would be refused for, an opening by hand is refused for: the reason is the answer."""
    only_four = replace(DOOR, facts=(CommandFacts(version=4), CommandFacts()))
    opened = Opened(only_four)
    opened.open(SIX)
    assert opened.made.take()[0] == "Refused"
    full = Opened(max_leases=1)
    full.open()
    full.open("192.0.2.9")
    assert full.made.take() == ("Refused", {"reason": "1 leases are open"})


def test_a_start_command_that_fails() -> None:
    """A start command that fails is the answer, and its stop command runs in its time."""
    opened = Opened()
    opened.open()
    opened.played.end(1)
    assert opened.made.take() == ("Refused", {"reason": "its start command failed"})


def test_a_door_without_command() -> None:
    """A door that has no command for an address is not opened for it."""
    with pytest.raises(RefusedError) as refused:
        Opened(replace(PLAIN, start_command=None, start_command_6="six")).open()
    assert refused.value.parameters["reason"] == "the door has no command for IPv4"


def test_a_knock_has_no_answer() -> None:
    """Knocks of others are nobody's call."""
    opened = Opened()
    opened.played.open(knock())
    opened.played.end()
    assert opened.made.answers == []


def test_end_of_the_daemon() -> None:
    """Who waits when the daemon ends is told so, once."""
    opened = Opened()
    opened.open()
    opened.calls.stop("ending")
    assert opened.made.take() == ("NotNow", {"life": "ending"})
    opened.played.end()
    assert opened.made.answers == []


def test_a_client_that_leaves() -> None:
    """What somebody began goes on without them."""
    opened = Opened()
    call = opened.made.make(door="ssh", address=ALICE)
    opened.calls.open(call)
    opened.played.loop.turn()
    call.leave()
    opened.played.end()
    assert opened.made.answers == []
    assert opened.played.manager.counts == (1, 0)


def test_preview() -> None:
    """A preview has both commands as they would be run, and by whom; nothing is run or logged."""
    at = replace(DOOR, name="a b", start_command="open %IP% %DST% %IFACE%", stop_command="close %DOOR%; sync")
    opened = Opened(at)
    with capture_logs() as log:
        answer = opened.test(door="a b")
    assert log == []
    assert opened.played.runner.lines == []
    start, stop = answer["start"], answer["stop"]
    assert start["command"] == "open 192.0.2.1 10.0.0.1 wan0"
    assert start["words"] == ["open", "192.0.2.1", "10.0.0.1", "wan0"]
    assert start["environment"]["KNOCKD_DOOR"] == "a b"
    assert start["environment"]["KNOCKD_TIMEOUT"] == "10"
    assert start["deadline"] == 7.0
    assert start["user"] == stop["user"] == "root"
    assert stop["command"] == "close 'a b'; sync"
    assert stop["words"] is None
    assert answer["seconds"] == 10.0
    assert answer["obstacle"] is None
    names = ("IP", "NET", "DOOR", "DST", "IFACE", "TIMEOUT")
    assert set(start["environment"]) == {f"KNOCKD_{name}" for name in names}


def test_preview_where_we_are_not_root() -> None:
    """Commands are run as who the daemon is."""
    assert Opened(own=103).test()["start"]["user"] == "uid 103"


def test_preview_is_what_is_run() -> None:
    """An opening runs what its preview has said, in that environment."""
    opened = Opened()
    expected = opened.test()["start"]
    opened.open()
    (command,) = opened.played.runner.commands
    assert command.line == expected["command"]
    assert command.words == expected["words"]
    assert command.deadline == expected["deadline"]
    found = command.environment()
    assert {name: found[name] for name in expected["environment"]} == expected["environment"]


def test_preview_for_ipv6() -> None:
    """The commands for the address's IP version are shown; what the door does not have is null."""
    at = replace(DOOR, start_command_6="six %IP%", stop_command_6="")
    answer = Opened(at).test("2001:DB8::1")
    assert answer["start"]["command"] == "six 2001:db8::1"
    assert answer["stop"] is None


def test_preview_of_what_cannot_be() -> None:
    """A preview says why an opening would be refused."""
    only_four = replace(DOOR, facts=(CommandFacts(version=4), CommandFacts()))
    answer = Opened(only_four).test(SIX)
    assert "IPv4 knockers only" in answer["obstacle"]
    assert "IPv4 knockers only" in answer["start"]["obstacle"]
    assert answer["stop"]["obstacle"] is None


def test_preview_where_nothing_is_listened_on() -> None:
    """Where no knock could come a preview says so, with an address that is none."""
    answer = Opened(places={}).test()
    assert "no interface that is listened on" in answer["obstacle"]
    assert answer["start"]["environment"]["KNOCKD_DST"] == "0.0.0.0"
    json.dumps(answer)


def test_preview_of_a_door_that_no_knock_opens() -> None:
    """Where a door waits, as for a key, a preview says so and what would be run; by hand it opens."""
    opened = Opened()
    opened.shut = "no knock opens it now: the clock is not synchronised"
    answer = opened.test()
    assert answer["obstacle"] == opened.shut
    assert answer["start"]["command"] == "open 192.0.2.1"
    opened.open()
    opened.played.end()
    assert opened.made.take()[0] == "reply"


EXPIRED = replace(DOOR, expires="2020-01-31")


def test_by_hand_a_door_opens_that_has_expired() -> None:
    """A door whose last day is over opens by hand, and the answer says so; a knock there is refused."""
    opened = Opened(EXPIRED)
    why = "it has expired: its last day was 2020-01-31"
    assert opened.test()["obstacle"] == why
    opened.open()
    opened.played.end()
    _, answer = opened.made.take()
    assert answer["lease"]["state"] == "open"
    assert answer["note"] == f"a knock would not have opened it: {why}"
    with capture_logs() as logs:
        opened.played.manager.open(knock(EXPIRED, "192.0.2.9"))
    assert [why] == [line["reason"] for line in logs if line["event"] == "refused"]
    assert opened.played.runner.lines == ["open 192.0.2.1"]


def test_by_hand_a_door_opens_for_who_may_not_knock() -> None:
    """Root lets in whom it likes, and hears that a knock of that address opens nothing."""
    opened = Opened(replace(DOOR, access=Access(make_networks([ip_network("198.51.100.0/24")]))))
    opened.open()
    opened.played.end()
    _, answer = opened.made.take()
    assert answer["note"] == "a knock would not have opened it: Allow and Deny keep this address out"
