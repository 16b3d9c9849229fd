"""knock:// addresses: what they say of a door, and what is wrong with them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from knockd_conf.knock_uri import KnockUri, format_uri, parse_uri
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Rule
from tests.support.samples.rotating_vectors import read_page

KEY = bytes(range(32))
TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
ODD = bytes(255 - n for n in range(32))
ODD_TEXT = "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA"
STEPS = (Port(7_000, Protocol.TCP), Port(8_000, Protocol.UDP))

CANONICAL = [
    (f"knock://home.example.org/ssh?v=1&key={TEXT}", KnockUri("home.example.org", "ssh", KEY)),
    (f"knock://192.0.2.1/ssh?v=1&key={ODD_TEXT}&name=alice", KnockUri("192.0.2.1", "ssh", ODD, "alice")),
    (
        f"knock://[2001:db8::1]/T%C3%BCr%201?v=1&key={TEXT}&steps=5&period=60&ports=1-1024&protocol=mixed",
        KnockUri("2001:db8::1", "T\u00fcr 1", KEY, rule=Rule(5, 60, 1, 1_024, "mixed")),
    ),
    (
        f"knock://h/a%2Fb%3F%23%25?v=1&key={TEXT}&delay=0&verify=22&both=1",
        KnockUri("h", "a/b?#%", KEY, delay=0, verify=22, both=True),
    ),
    (
        "knock://h/ssh?v=1&sequence=7000,8000:udp&delay=60000&verify=65535",
        KnockUri("h", "ssh", sequence=STEPS, delay=60_000, verify=65_535),
    ),
    (
        f"knock://h/ssh?v=1&signed=47811&secret={TEXT}",
        KnockUri("h", "ssh", signed=47_811, secret=KEY),
    ),
    (
        f"knock://h/ssh?v=1&signed=1&secret={ODD_TEXT}&bind=1&verify=22&both=1",
        KnockUri("h", "ssh", signed=1, secret=ODD, bind=True, verify=22, both=True),
    ),
]

READ = [
    (f"KNOCK://h:4711/ssh?key={TEXT}&v=1", KnockUri("h", "ssh", KEY)),
    (f"knock://[::1]:/ssh?v=1&key={TEXT}&steps=4&ports=20000-60000&both=0", KnockUri("::1", "ssh", KEY)),
    ("knock://h/ssh?v=1&sequence=7000%3atcp%2C8000:udp", KnockUri("h", "ssh", sequence=STEPS)),
    (
        f"knock://h/ssh?bind=0&secret={TEXT}&signed=65535&v=1",
        KnockUri("h", "ssh", signed=65_535, secret=KEY),
    ),
]

ONE = "expected exactly one of key, sequence, signed, got"
NOT_SEQUENCE = "sequence: expected ports with commas between them, as in 1234,5678:udp (not shown)"
NOT_HOST = "host: expected a name, an IPv4 address, or an IPv6 address in brackets"
NOT_KEY = "key: expected 43 characters of base64url, which has A-Z a-z 0-9 - _ and no padding"

MISTAKES = [
    (f"key={TEXT}", "v: expected v=1, got none"),
    (f"v=2&key={TEXT}", "v: expected 1, the only version there is, got '2'"),
    ("v=1", f"{ONE} none"),
    (f"v=1&key={TEXT}&sequence=1", f"{ONE} key and sequence"),
    (f"v=1&key={TEXT[:-1]}", NOT_KEY),
    (f"v=1&key={TEXT}=", NOT_KEY),
    (f"v=1&key={TEXT[:-1]}+", NOT_KEY),
    (f"v=1&key={TEXT[:-1]}9", "key: expected base64url, got one that was changed at its end"),
    (f"v=1&key={TEXT}&name=a/b", "name: expected a name of at most 64 letters, digits and _ @ . -"),
    (f"v=1&key={TEXT}&steps=2", "steps: expected from 3 to 16, got '2'"),
    (f"v=1&key={TEXT}&steps=04", "steps: expected from 3 to 16, got '04'"),
    (f"v=1&key={TEXT}&steps=", "steps: expected from 3 to 16, got ''"),
    (f"v=1&key={TEXT}&period=3601", "period: expected seconds from 10 to 3600, got '3601'"),
    (
        f"v=1&key={TEXT}&ports=20000",
        "ports: expected the lowest and the highest port, as in 20000-60000, got '20000'",
    ),
    (f"v=1&key={TEXT}&ports=1-1023", "ports: expected at least 1024 ports, got 1-1023"),
    (f"v=1&key={TEXT}&ports=1-65536", "ports: expected a highest port from 1 to 65535, got 65536"),
    (f"v=1&key={TEXT}&protocol=TCP", "protocol: expected tcp, udp or mixed, got 'TCP'"),
    (f"v=1&key={TEXT}&delay=60001", "delay: expected milliseconds from 0 to 60000, got '60001'"),
    (f"v=1&key={TEXT}&verify=0", "verify: expected a port from 1 to 65535, got '0'"),
    (f"v=1&key={TEXT}&both=yes", "both: expected from 0 to 1, got 'yes'"),
    (f"v=1&steps=4key={TEXT}", f"{ONE} none"),
    (f"v=1&key={TEXT}&delay=1key={TEXT}", "delay: expected milliseconds from 0 to 60000"),
    ("v=1&sequence=", NOT_SEQUENCE),
    ("v=1&sequence=7000, 8000".replace(" ", "%20"), NOT_SEQUENCE),
    ("v=1&sequence=7000:TCP", NOT_SEQUENCE),
    ("v=1&sequence=65536", NOT_SEQUENCE),
    ("v=1&sequence=" + ",".join(["1"] * 33), "sequence: expected at most 32 ports, got 33"),
    *(
        (f"v=1&sequence=1&{name}=4", f"{name}: expected with a key only, got a sequence")
        for name in ("name", "steps", "period", "ports", "protocol")
    ),
    (f"v=1&signed=4&secret={TEXT}&key={TEXT}", f"{ONE} key and signed"),
    (f"v=1&signed=4&secret={TEXT}&sequence=1", f"{ONE} sequence and signed"),
    (f"v=1&signed=4&key={TEXT}&sequence=1", f"{ONE} key and sequence and signed"),
    (f"v=1&secret={TEXT}", f"{ONE} none"),
    ("v=1&signed=4", "secret: expected the knock secret of the server beside signed, got none"),
    (f"v=1&signed=0&secret={TEXT}", "signed: expected a port from 1 to 65535, got '0'"),
    (f"v=1&signed=65536&secret={TEXT}", "signed: expected a port from 1 to 65535, got '65536'"),
    (f"v=1&signed=04&secret={TEXT}", "signed: expected a port from 1 to 65535, got '04'"),
    (f"v=1&signed={TEXT}&secret={TEXT}", "signed: expected a port from 1 to 65535"),
    (f"v=1&signed=4&secret={TEXT[:-1]}", NOT_KEY.replace("key", "secret")),
    (f"v=1&signed=4&secret={TEXT}=", NOT_KEY.replace("key", "secret")),
    (
        f"v=1&signed=4&secret={TEXT[:-1]}9",
        "secret: expected base64url, got one that was changed at its end",
    ),
    (f"v=1&signed=4&secret={TEXT}&bind=2", "bind: expected from 0 to 1, got '2'"),
    *(
        (f"v=1&signed=4&secret={TEXT}&{name}=4", f"{name}: expected with a key only, got signed knocks")
        for name in ("name", "steps", "period", "ports", "protocol")
    ),
    (
        f"v=1&signed=4&secret={TEXT}&delay=4",
        "delay: expected with a key or a sequence only, got signed knocks",
    ),
    *(
        (f"v=1&{way}&{more}", f"{more.partition('=')[0]}: expected with signed knocks only, got {seen}")
        for way, seen in ((f"key={TEXT}", "a key"), ("sequence=1", "a sequence"))
        for more in (f"secret={TEXT}", "bind=1")
    ),
]


@pytest.mark.parametrize(("text", "uri"), [*CANONICAL, *READ])
def test_read(text: str, uri: KnockUri) -> None:
    """A URI says all that a client has to know; what it leaves out is as the specification has it."""
    assert uri == parse_uri(text)


@pytest.mark.parametrize(("text", "uri"), CANONICAL)
def test_written(text: str, uri: KnockUri) -> None:
    """A URI is written in one way, without what is as the specification has it."""
    assert text == format_uri(uri)


@pytest.mark.parametrize(("query", "message"), MISTAKES)
def test_mistakes(query: str, message: str) -> None:
    """Each mistake is named with its parameter, and no message holds a key."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_uri(f"knock://h/ssh?{query}")


def test_an_unknown_parameter() -> None:
    """What a later version may know is refused by its name, with the names that are known."""
    with pytest.raises(
        ValueError, match=r"^parameter 2: 'colour' is not known; known are v, key, name, .* both"
    ):
        parse_uri(f"knock://h/ssh?v=1&colour=red&key={TEXT}")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (KnockUri("h", "ssh"), f"{ONE} none"),
        (KnockUri("h", "ssh", KEY, sequence=STEPS), f"{ONE} key and sequence"),
        (KnockUri("h", "ssh", KEY[:31]), NOT_KEY),
        (KnockUri("h", "ssh", KEY, rule=Rule(steps=2)), "steps: expected from 3 to 16, got '2'"),
        (KnockUri("h", "", KEY), "door: expected a name of 1 to 128 bytes"),
        (KnockUri("a b", "ssh", KEY), NOT_HOST),
        (KnockUri("h:80", "ssh", KEY), NOT_HOST),
        (KnockUri("h/x?", "ssh", KEY), NOT_HOST),
        (KnockUri("\u0661.2.3.4", "ssh", KEY), NOT_HOST),
        (KnockUri("h", "ssh", name="bob", sequence=STEPS), "expected values that a URI can hold"),
        (KnockUri("h", "ssh", KEY, signed=4, secret=KEY), f"{ONE} key and signed"),
        (
            KnockUri("h", "ssh", signed=4),
            "secret: expected the knock secret of the server beside signed, got none",
        ),
        (KnockUri("h", "ssh", signed=0, secret=KEY), "signed: expected a port from 1 to 65535, got '0'"),
        (KnockUri("h", "ssh", KEY, bind=True), "bind: expected with signed knocks only, got a key"),
        (KnockUri("h", "ssh", signed=4, secret=KEY, name="bob"), "expected values that a URI can hold"),
    ],
)
def test_what_cannot_be_written(uri: KnockUri, message: str) -> None:
    """No URI is written that could not be read."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        format_uri(uri)


def test_no_secret_in_a_traceback() -> None:
    """What a traceback would show is host and door."""
    assert "KnockUri('h', 'ssh')" == repr(KnockUri("h", "ssh", KEY, sequence=STEPS, signed=4, secret=KEY))


@pytest.mark.parametrize(
    "one", read_page()["uris"] + read_page()["signed_uris"], ids=lambda one: str(one["uri"][:40])
)
def test_uris_of_the_specification(one: dict[str, Any]) -> None:
    """A URI says what the specification says of it."""
    usual = Rule()
    rule = Rule(
        *(one.get("steps", usual.steps), one.get("period", usual.period)),
        *(one.get("low", usual.low), one.get("high", usual.high), one.get("protocol", usual.protocol)),
    )
    steps = [step.split(":") for step in one.get("sequence", ())]
    expected = KnockUri(
        one["host"],
        one["door"],
        bytes.fromhex(one["key"]) if "key" in one else None,
        one.get("name", ""),
        rule,
        tuple(Port(int(port), Protocol[protocol.upper()]) for port, protocol in steps),
        *(one.get("delay"), one.get("verify"), one.get("both", False)),
        one.get("signed"),
        bytes.fromhex(one["secret"]) if "secret" in one else None,
        one.get("bind", False),
    )
    assert expected == parse_uri(one["uri"])


@pytest.mark.parametrize(
    "one", read_page()["bad_uris"] + read_page()["bad_signed_uris"], ids=lambda one: str(one["why"])
)
def test_no_uris_of_the_specification(one: dict[str, str]) -> None:
    """What is no URI by the specification is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_uri(one["uri"])
