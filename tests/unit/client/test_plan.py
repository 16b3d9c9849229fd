"""A command line and a profile together."""

from __future__ import annotations

import pytest

from knockd.client.choices import Choices
from knockd.client.options import Options, UsageError
from knockd.client.plan import CLOSE, OPEN, RENEW, Keyed, Plan, Signed, make_plan
from knockd.client.profile_file import Profile
from knockd_conf.timed import Rule

PLAIN = Profile("home", "home.example", ("7000", "8000"), Choices(delay=50, verify=22, tries=5, both=True))
KEYED = Profile("work", "work.example", (), Choices(key="k", door="ssh", name="alice", steps=5, verify=443))
ONCE = Profile("once", "once.example", (), Choices(sequence_file="f"))
SIGNED = Profile(
    "lap",
    "lap.example",
    (),
    Choices(signed=47811, secret="s", door="ssh", identity="id", bind="auto", verify=22),
)
NONE = "there are no profiles (F does not exist)"


def plan(profile: Profile | None = None, host: str = "host", *, ports: str = "", **more: object) -> Plan:
    """The plan of a command line: choices by their names, other options as Options has them."""
    chosen = {name: more.pop(name) for name in list(more) if name in Choices._fields}
    options = Options(host, tuple(ports.split()), Choices(**chosen), **more)  # type: ignore[arg-type]
    return make_plan(options, profile, NONE)


def test_ports_of_the_command_line() -> None:
    """A host and ports are a plain knock, once, without delay."""
    assert Plan("host", ("1", "2")) == plan(ports="1 2")
    assert Plan("host", ("1",), delay=20, verify=22, tries=3) == plan(ports="1", delay=20, verify=22)


def test_a_profile() -> None:
    """All that a profile says is in the plan."""
    assert Plan("home.example", ("7000", "8000"), None, None, 50, 22, 5, True) == plan(PLAIN)
    keyed = Keyed("k", "alice", "ssh", Rule(steps=5))
    assert Plan("work.example", (), keyed, delay=200, verify=443, tries=3) == plan(KEYED)
    assert Plan("once.example", sequence_file="f") == plan(ONCE)


def test_the_command_line_wins() -> None:
    """What is chosen there stands in place of the profile's."""
    assert Plan("home.example", ("7000", "8000"), None, None, 0, 80, 1, True) == plan(
        PLAIN, delay=0, verify=80, tries=1
    )
    assert Keyed("mine", "alice", "http", Rule(steps=5)) == plan(KEYED, key="mine", door="http").keyed


def test_another_kind_of_sequence() -> None:
    """A key or a file of the command line stands in place of the profile's sequence, whatever that is."""
    found = plan(PLAIN, key="k", door="ssh")
    assert ((), Keyed("k", None, "ssh", Rule())) == (found.ports, found.keyed)
    found = plan(KEYED, sequence_file="f")
    assert (None, "f") == (found.keyed, found.sequence_file)
    found = plan(ONCE, key="k", door="ssh")
    assert (Keyed("k", None, "ssh", Rule()), None) == (found.keyed, found.sequence_file)


def test_a_key_without_a_profile() -> None:
    """A host and --key with --door need no file of profiles."""
    found = plan(key="k", door="ssh", ports="", period=60, protocol="udp", wait=True)
    rule = Rule(4, 60, 20_000, 60_000, "udp")
    assert Plan("host", (), Keyed("k", None, "ssh", rule), delay=200) == found


SIGN = {"signed": 47811, "secret": "s", "door": "ssh"}


def test_a_signed_knock() -> None:
    """Port, secret and door say all; who signs is the agent's only key, and no address is bound."""
    assert Plan("host", signed=Signed(47811, "s", "ssh")) == plan(**SIGN)  # type: ignore[arg-type]
    found = plan(identity="id", bind="192.0.2.7", delay=50, both=False, **SIGN)  # type: ignore[arg-type]
    assert Signed(47811, "s", "ssh", "id", "192.0.2.7") == found.signed
    assert 50 == found.delay


def test_a_profile_that_signs() -> None:
    """What it says is in the plan, and the command line wins."""
    expected = Signed(47811, "s", "ssh", "id", "auto")
    assert Plan("lap.example", verify=22, tries=3, signed=expected) == plan(SIGNED)
    found = plan(SIGNED, identity="other", bind="none", signed=1).signed
    assert Signed(1, "s", "ssh", "other", "none") == found


def test_another_way_than_the_profile_s() -> None:
    """What belongs to the profile's own way does not stand in the way."""
    found = plan(KEYED, signed=1, secret="s")
    assert (None, Signed(1, "s", "ssh")) == (found.keyed, found.signed)
    found = plan(PLAIN, **SIGN)  # type: ignore[arg-type]
    assert ((), Signed(47811, "s", "ssh")) == (found.ports, found.signed)
    found = plan(SIGNED, key="k")
    assert (Keyed("k", None, "ssh", Rule()), None) == (found.keyed, found.signed)
    found = plan(SIGNED, sequence_file="f")
    assert ("f", None) == (found.sequence_file, found.signed)


def test_what_is_asked_for() -> None:
    """A knock opens, unless it is signed and asks for something else."""
    assert OPEN == plan(ports="1").verb == plan(SIGNED).verb
    assert RENEW == plan(SIGNED, renew=True).verb
    assert CLOSE == plan(SIGNED, close=True, if_needed=True).verb
    assert plan(SIGNED, close=True).glances


KEY = {"key": "k", "door": "ssh"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, f"expected ports behind the host, or the name of a profile, got only 'host'; {NONE}"),
        ({"ports": "1", **KEY}, "expected one sequence, got ports and --key"),
        ({"ports": "1", "sequence_file": "f"}, "expected one sequence, got ports and --sequence-file"),
        ({"sequence_file": "f", **KEY}, "expected one sequence, got --key and --sequence-file"),
        ({"key": "k"}, "expected --door with --key (the name that the door has in knockd.conf), got none"),
        (
            {"ports": "1", "door": "ssh"},
            "expected --door only with --key or --signed, got it without",
        ),
        (
            {"ports": "1", "wait": True},
            "expected --wait only with a rotating sequence (--key), got it without",
        ),
        (
            {"delay": 2500, "steps": 4, "period": 10, **KEY},
            "expected a --delay with which 4 packets take less than the period, 10 s, got 2500 ms",
        ),
        (
            {"verify": 20_000, "if_needed": True, **KEY},
            "expected a --verify port outside of 20000-60000 with --if-needed, got 20000: it may be one of "
            "the sequence, and must not be touched before the knock",
        ),
        (
            {"signed": 1, **KEY},
            "expected one sequence, got --key and --signed; the key of a signed knock is --identity",
        ),
        ({"ports": "1", **SIGN}, "expected one sequence, got ports and --signed"),
        (
            {"signed": 1, "door": "ssh"},
            "expected --secret with --signed (a file with the server's knock secret), got none",
        ),
        (
            {"signed": 1, "secret": "s"},
            "expected --door with --signed (the name that the door has in knockd.conf), got none",
        ),
        (
            {"identity": "id", **KEY},
            "expected --identity only with a signed knock (--signed), got it without",
        ),
        (
            {"ports": "1", "secret": "s"},
            "expected --secret only with a signed knock (--signed), got it without",
        ),
        (
            {"ports": "1", "bind": "auto"},
            "expected --bind only with a signed knock (--signed), got it without",
        ),
        (
            {"ports": "1", "renew": True},
            "expected --renew only with a signed knock (--signed), got it without",
        ),
        (
            {"ports": "1", "close": True},
            "expected --close only with a signed knock (--signed), got it without",
        ),
        (
            {"name": "alice", **SIGN},
            "expected --name only with a rotating sequence (--key), got it without",
        ),
        ({"close": True, "renew": True, **SIGN}, "expected one of --renew and --close, got both"),
        (
            {"bind": "192.0.2.7", "both": True, **SIGN},
            "expected --bind auto with --both, as each IP version has its own address, got 192.0.2.7",
        ),
        (
            {"renew": True, "if_needed": True, "verify": 22, **SIGN},
            "expected --if-needed with a knock that opens or closes, got it with --renew",
        ),
        ({"close": True, "if_needed": True, **SIGN}, "expected --verify with --if-needed, got none"),
        ({"ports": "1", "tries": 2}, "expected --verify with --tries, got none"),
        ({"ports": "1", "if_needed": True}, "expected --verify with --if-needed, got none"),
        ({"ports": "1", "mark": True}, "expected --sequence-file with --mark, got none"),
    ],
)
def test_what_makes_no_sense(given: dict[str, object], message: str) -> None:
    """The message says what was expected and what was seen."""
    with pytest.raises(UsageError) as caught:
        plan(**given)  # type: ignore[arg-type]
    assert message == str(caught.value)


def test_a_delay_that_just_fits() -> None:
    """The packets may take nearly a whole period."""
    assert 2499 == plan(delay=2499, steps=4, period=10, **KEY).delay  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "glances"),
    [
        ({"ports": "1"}, False),
        ({"ports": "1", "verify": 30_000}, True),
        ({"verify": 22, **KEY}, True),
        ({"verify": 19_999, **KEY}, True),
        ({"verify": 20_000, **KEY}, False),
        ({"verify": 60_000, **KEY}, False),
        ({"verify": 60_001, **KEY}, True),
    ],
)
def test_looking_before_the_knock(given: dict[str, object], glances: bool) -> None:
    """A port that may be one of a rotating sequence is not touched before it."""
    assert glances == plan(**given).glances  # type: ignore[arg-type]
