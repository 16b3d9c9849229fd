"""What would be run for openings, by the table of leases."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from knockd.knocks.events import Opened
from knockd.replay.openings import Action, Openings
from knockd.signed.values import Arrival, Granted
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.model import Door, Reknock
from knockd_conf.services import parse_services
from knockd_conf.signed_packet import Verb
from tests.support.doubles.played import door

ALICE, OURS = ip_address("192.0.2.1").packed, ip_address("10.0.0.1").packed
ALICE6, OURS6 = ip_address("2001:db8::1").packed, ip_address("fd00::1").packed
KNOCK, KNOCK6 = Opened(0, ALICE, OURS, 3), Opened(0, ALICE6, OURS6, 3)
SECOND = 1_000_000
PLAIN = door("1 2 3", "ssh", start_command="open %IP% %DST% %IFACE%", stop_command="close %IP%")


def openings(one: Door, most: int = 10) -> Openings:
    """The openings of a door."""
    return Openings((one,), "eth0", most)


def test_start() -> None:
    """The start command is filled in as the daemon does it."""
    assert [Action(5, "start", "ssh", "192.0.2.1", "open 192.0.2.1 10.0.0.1 eth0")] == openings(PLAIN).open(
        KNOCK, 5
    )


def test_unknown_interface() -> None:
    """An interface that is not known stays a placeholder."""
    (action,) = Openings((PLAIN,), "%IFACE%", 10).open(KNOCK, 5)
    assert "open 192.0.2.1 10.0.0.1 %IFACE%" == action.text


def test_stop() -> None:
    """The stop command is due Cmd_Timeout after the start, not before, and once."""
    made = openings(PLAIN)
    made.open(KNOCK, SECOND)
    assert [] == list(made.close_due(11 * SECOND - 1))
    stop = Action(11 * SECOND, "stop", "ssh", "192.0.2.1", "close 192.0.2.1")
    assert [stop] == list(made.close_due(11 * SECOND))
    assert [] == list(made.close_due(None))


def test_stop_after_the_end() -> None:
    """Without a time everything is closed that is still open."""
    made = openings(PLAIN)
    made.open(KNOCK, 0)
    assert [10 * SECOND] == [action.steady for action in made.close_due(None)]


def test_close_when_idle() -> None:
    """A capture does not say who stayed connected: Cmd_Timeout alone counts."""
    made = openings(replace(PLAIN, close_when_idle=60.0, service=parse_services("22/tcp")))
    made.open(KNOCK, 0)
    assert [10 * SECOND] == [action.steady for action in made.close_due(None)]


def test_again() -> None:
    """With Reknock = renew an open door is closed and opened again."""
    made = openings(PLAIN)
    made.open(KNOCK, 0)
    assert ["stop", "start"] == [action.kind for action in made.open(KNOCK, SECOND)]


def test_more_time() -> None:
    """With Reknock = extend nothing is run for an open door, and it closes later."""
    made = openings(door("1", start_command="a", stop_command="b", reknock=Reknock.EXTEND))
    made.open(KNOCK, 0)
    (action,) = made.open(KNOCK, 5 * SECOND)
    assert action.kind == "nothing"
    assert "stays so for 10 s from now" in action.text
    assert [15 * SECOND] == [one.steady for one in made.close_due(None)]


def test_no_command() -> None:
    """A door that has nothing for a version of IP says so."""
    (action,) = openings(door("1", start_command="a", start_command_6="", stop_command_6="")).open(KNOCK6, 0)
    assert ("nothing", "the door has no command for IPv6") == (action.kind, action.text)


def test_commands_of_a_version() -> None:
    """Each version of IP has its command."""
    both = door("1", start_command="four", start_command_6="six", reknock=Reknock.REPEAT)
    texts = [openings(both).open(knock, 0)[0].text for knock in (KNOCK, KNOCK6)]
    assert ["four", "six"] == texts


def test_longest() -> None:
    """A command line of the longest length is run."""
    assert "start" == openings(door("1", start_command="a" * 4_096)).open(KNOCK, 0)[0].kind


def test_too_many() -> None:
    """Max_Leases refuses as in the daemon."""
    made = openings(PLAIN, most=1)
    made.open(KNOCK, 0)
    (action,) = made.open(KNOCK6, 0)
    assert "refused" == action.kind


def test_too_long() -> None:
    """A command line that is too long would not be run."""
    (action,) = openings(door("1", start_command="a" * 4_097)).open(KNOCK, 0)
    assert ("refused", "its start command is longer than 4096 bytes") == (action.kind, action.text)


def test_expired() -> None:
    """The day of the capture counts, not today."""
    made = openings(replace(PLAIN, expires="2026-12-31"))
    assert "start" == made.open(KNOCK, 0, "2026-12-31")[0].kind
    refused = Action(5, "refused", "ssh", "192.0.2.1", "it has expired: its last day was 2026-12-31")
    assert [refused] == made.open(KNOCK, 5, "2027-01-01")


SIGNED = replace(PLAIN, signed_port=4711, authorized_keys="/keys")
KEY = AuthorizedKey(bytes(32), "laptop", "SHA256:" + "x" * 43)
OTHER = KEY._replace(public=bytes([1]) * 32, fingerprint="SHA256:" + "y" * 43)


def sign(
    made: Openings, verb: Verb, steady: int, *, key: AuthorizedKey = KEY, source: bytes = ALICE
) -> object:
    """What a signed knock leads to: kinds of actions, or None."""
    done = made.do_signed(Arrival(source, OURS, 4711, b""), Granted(SIGNED, verb, key), steady)
    return None if done is None else [action.kind for action in done]


def test_signed_knocks() -> None:
    """To open is as any knock; to renew and to close does something as long as there is something."""
    made = openings(SIGNED)
    assert sign(made, Verb.RENEW, 0) is None
    assert sign(made, Verb.CLOSE, 0) is None
    assert sign(made, Verb.OPEN, 0) == ["start"]
    assert sign(made, Verb.RENEW, SECOND, source=OURS) is None
    assert sign(made, Verb.RENEW, SECOND, key=OTHER) == ["stop", "start"]
    assert [action.steady for action in made.close_due(10 * SECOND)] == []
    assert sign(made, Verb.OPEN, 2 * SECOND, source=OURS) == ["start"]
    assert sign(made, Verb.CLOSE, 3 * SECOND, source=bytes(4)) == ["stop"]
    assert sign(made, Verb.CLOSE, 3 * SECOND, key=OTHER) == ["stop"]
    assert sign(made, Verb.CLOSE, 3 * SECOND) is None


def test_signed_knock_that_gives_time() -> None:
    """Where a knock only gives more time a renewal does, too; Reknock is not the reason."""
    made = openings(replace(SIGNED, reknock=Reknock.EXTEND))
    sign(made, Verb.OPEN, 0)
    texts = []
    for verb in (Verb.OPEN, Verb.RENEW):
        granted = Granted(SIGNED, verb, KEY)
        done = made.do_signed(Arrival(ALICE, OURS, 4711, b""), granted, SECOND)
        assert done is not None
        texts += [action.text for action in done]
    stays = "the door is open already and stays so for 10 s from now"
    assert texts == [f"{stays} (Reknock = extend)", stays]
