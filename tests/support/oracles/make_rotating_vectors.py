"""Prints docs/spec/rotating-sequence-vectors.json anew (make rotating-vectors), to add vectors.

What is published does not change: the diff has new vectors only. They are made by the slow model, which
shares nothing with the product; periods with something rare in them were found by search.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.oracles.rotating_model import derive

PAGE = Path(__file__).parents[3] / "docs" / "spec" / "rotating-sequence-vectors.json"

COUNTING = bytes(range(32))
ZEROS, ONES = bytes(32), b"\xff" * 32
RANDOM = sha256(b"a key for test vectors").digest()
"""Looks like a key that somebody has; it is none, since everybody knows where it comes from."""

NOW = 59_869_440
"""The period that begins with 2026-12-01 00:00:00 UTC, when a period has 30 s."""


class Case(NamedTuple):
    """What ports are made of, and why this is worth a vector."""

    name: str
    why: str
    key: bytes = COUNTING
    door: str = "ssh"
    period: int = NOW
    steps: int = 4
    low: int = 20_000
    high: int = 60_000
    protocol: str = "tcp"


CASES = (
    Case("defaults", "every parameter as it is by default; the first worked example of the page"),
    Case("next-period", "the period after that", period=NOW + 1),
    Case("period-before", "the period before", period=NOW - 1),
    Case("another-key", "a key with bytes above 127", RANDOM),
    Case("key-of-zeros", "a key of zeros is no shorter key", ZEROS),
    Case("key-of-ones", "a key of bytes 255", ONES),
    Case("another-door", "the same key at another door", door="web"),
    Case("door-in-capitals", "the case of a door's name counts", door="SSH"),
    Case("door-with-spaces", "spaces count, also at the ends", door=" my door "),
    Case("door-utf-8", "the name is hashed as UTF-8", door="T\u00fcr"),
    Case(
        "door-decomposed",
        "the name that looks the same is another one: it is not normalised",
        door="Tu\u0308r",
    ),
    Case("door-japanese", "three bytes a character", door="\u6249"),
    Case(
        "door-emoji",
        "four bytes a character, and a joiner",
        door="\U0001f468\u200d\U0001f469\u200d\U0001f467",
    ),
    Case("door-marks", "what a shell or a URI would take for something else", door="a/b?c#d%20 e&f='\"$`\\"),
    Case("door-longest", "128 bytes, more than a block of SHA-256", door="d" * 128),
    Case("door-of-digits", "a name like the numbers around it", door="59869440"),
    Case("period-0", "the first period there is", period=0),
    Case("period-1", "the second", period=1),
    Case("period-32-bit", "a number that needs 32 bits", period=2**32 - 1),
    Case("period-33-bit", "a number that needs 33", period=2**32),
    Case("period-last", "the last period there is, 2^53 - 1", period=2**53 - 1),
    Case("udp", "the same ports as defaults", protocol="udp"),
    Case("mixed", "the same port numbers as defaults; the top bit chooses the protocol", protocol="mixed"),
    Case("three-steps", "the fewest: a guard of it is a step of defaults", steps=3),
    Case("sixteen-steps", "the most", steps=16),
    Case("smallest-range", "1024 ports, which divide 2^31: no number is too high", low=1, high=1024),
    Case("lowest-port", "port 1 is a step", period=59_869_633, low=1, high=1024),
    Case("highest-port", "port 65535 is a step", period=59_869_515, low=64_512, high=65_535, protocol="udp"),
    Case("all-ports", "the largest range", RANDOM, low=1, high=65_535, protocol="mixed"),
    Case("number-too-high", "the limit of the default range refuses a word", RANDOM, period=59_901_602),
    Case(
        "first-number-too-high",
        "the limit refuses the first word, which would be step 1",
        RANDOM,
        "web",
        period=59_873_006,
        low=1,
        high=65_535,
        protocol="mixed",
    ),
    Case("beside", "a port beside one that was chosen is left out", period=59_871_919),
    Case("equal", "a port that was chosen is left out", period=59_871_958),
    Case(
        "beside-other-protocol", "also when the two have other protocols", period=59_879_329, protocol="mixed"
    ),
    Case(
        "equal-other-protocol",
        "one port is no two steps by two protocols",
        period=59_869_478,
        low=1,
        high=1024,
        protocol="mixed",
    ),
    Case(
        "many-blocks",
        "the most of everything in the smallest range: five blocks",
        period=148_401,
        steps=16,
        low=1,
        high=1024,
        protocol="mixed",
    ),
)

TIMES = ((0, 30), (29, 30), (30, 30), (1_796_083_199, 30), (1_796_083_200, 30), (2**32, 30), (3_599, 3_600))

TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
"""COUNTING in base64url."""

KEYED = {"host": "home.example.org", "door": "ssh", "key": COUNTING.hex()}
GOOD_URIS: tuple[dict[str, Any], ...] = (
    {"uri": f"knock://home.example.org/ssh?v=1&key={TEXT}", **KEYED},
    {
        "uri": f"knock://[2001:db8::7]/T%C3%BCr%201?v=1&key={TEXT}&name=alice&steps=5&period=60&ports=1-1024"
        "&protocol=mixed&delay=200&verify=22&both=1",
        **KEYED,
        **{"host": "2001:db8::7", "door": "T\u00fcr 1", "name": "alice", "steps": 5, "period": 60},
        **{"low": 1, "high": 1024, "protocol": "mixed", "delay": 200, "verify": 22, "both": True},
    },
    {"uri": f"KNOCK://home.example.org:4711/%73sh?key={TEXT}&both=0&v=1", **KEYED},
    {
        "uri": "knock://192.0.2.7/ssh?v=1&sequence=7000,8000:udp,9000:tcp",
        **{"host": "192.0.2.7", "door": "ssh", "sequence": ["7000:tcp", "8000:udp", "9000:tcp"]},
    },
)
"""What is left out has its default."""

SIGNED = {"host": "home.example.org", "door": "ssh", "signed": 47811, "secret": COUNTING.hex()}
GOOD_SIGNED_URIS: tuple[dict[str, Any], ...] = (
    {"uri": f"knock://home.example.org/ssh?v=1&signed=47811&secret={TEXT}", **SIGNED},
    {
        "uri": f"knock://[2001:db8::7]/T%C3%BCr%201?bind=1&verify=22&both=1&secret={TEXT}&signed=65535&v=1",
        **{"host": "2001:db8::7", "door": "T\u00fcr 1", "signed": 65535, "secret": COUNTING.hex()},
        **{"bind": True, "verify": 22, "both": True},
    },
    {"uri": f"knock://home.example.org/ssh?v=1&signed=47811&secret={TEXT}&bind=0", **SIGNED},
)
"""For readers that know signed knocks; others refuse them, as all that they do not know."""

BAD_SIGNED_URIS = (
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT}&key={TEXT}", "both key and signed"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT}&sequence=7000", "both sequence and signed"),
    (f"knock://h/ssh?v=1&secret={TEXT}", "a secret without signed"),
    (f"knock://h/ssh?v=1&key={TEXT}&secret={TEXT}", "a secret with a key"),
    ("knock://h/ssh?v=1&sequence=7000&bind=1", "bind with a sequence"),
    ("knock://h/ssh?v=1&signed=47811", "no secret"),
    (f"knock://h/ssh?v=1&signed=0&secret={TEXT}", "port 0"),
    (f"knock://h/ssh?v=1&signed=65536&secret={TEXT}", "a port that is too high"),
    (f"knock://h/ssh?v=1&signed=047811&secret={TEXT}", "a leading zero"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT}=", "padding"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT[:-2]}", "a short secret"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT[:-1]}9", "bits that are not zero behind the last byte"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT}&bind=yes", "bind that is neither 0 nor 1"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT}&name=alice", "a name without a key"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT}&period=30", "a rule without a key"),
    (f"knock://h/ssh?v=1&signed=47811&secret={TEXT}&delay=200", "a delay between packets, of one packet"),
)

BAD_URIS = (
    ("https://h/ssh?v=1&sequence=7000", "another scheme"),
    ("knock://h?v=1&sequence=7000", "no door"),
    ("knock://h/a/b?v=1&sequence=7000", "a slash in the door that is not escaped"),
    ("knock://h/%FF?v=1&sequence=7000", "a door that is not UTF-8"),
    ("knock://h/%0A?v=1&sequence=7000", "a door with a control character"),
    ("knock://me@h/ssh?v=1&sequence=7000", "a user"),
    ("knock://h/ssh?v=1&sequence=7000#x", "a fragment"),
    ("knock://h/ssh?sequence=7000", "no version"),
    ("knock://h/ssh?v=2&sequence=7000", "a version that there is not yet"),
    ("knock://h/ssh?v=1&colour=red&sequence=7000", "a parameter that is not known"),
    ("knock://h/ssh?v=1&v=1&sequence=7000", "a parameter twice"),
    ("knock://h/ssh?v=1", "neither key nor sequence"),
    (f"knock://h/ssh?v=1&sequence=7000&key={TEXT}", "both"),
    ("knock://h/ssh?v=1&sequence=7000&steps=4", "a rule without a key"),
    (f"knock://h/ssh?v=1&key={TEXT}=", "padding"),
    (f"knock://h/ssh?v=1&key={TEXT[:-2]}", "a short key"),
    (f"knock://h/ssh?v=1&key={TEXT[:-1]}9", "bits that are not zero behind the last byte"),
    (f"knock://h/ssh?v=1&key={TEXT}&steps=17", "too many steps"),
    (f"knock://h/ssh?v=1&key={TEXT}&ports=1-1023", "too few ports"),
    (f"knock://h/ssh?v=1&key={TEXT}&protocol=TCP", "a value in capitals"),
)

BASE64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ALICE = {"name": "alice", "key": COUNTING.hex()}
GOOD_KEY_FILES: tuple[dict[str, Any], ...] = (
    {"text": f"alice {BASE64}\n", "keys": [ALICE]},
    {"text": f"# keys of ssh\nalice {BASE64}", "keys": [ALICE]},
    {
        "text": f"alice\t{BASE64}  \r\nbob@home.phone {BASE64[:-4]}Hh4= expires=2028-02-29\r\n",
        "keys": [
            ALICE,
            {"name": "bob@home.phone", "key": (COUNTING[:30] + b"\x1e\x1e").hex(), "expires": "2028-02-29"},
        ],
    },
)
BAD_KEY_FILES = (
    ("", "no key"),
    ("# comment\n", "no key"),
    (f"alice {BASE64}\n\n", "an empty line"),
    (f"alice {BASE64}\nalice {BASE64}\n", "a name twice"),
    (f"alice {BASE64}\nbob {BASE64}\n", "a key twice"),
    (f"{BASE64}\n", "no name"),
    (f"al/ice {BASE64}\n", "a character that no name has"),
    (f"alice {BASE64[:-1]}\n", "base64 without its padding"),
    (f"alice {BASE64[4:]}\n", "a short key"),
    (f"alice {BASE64} expires=2027-02-29\n", "a day that there is not"),
    (f"alice {BASE64} until=2027-02-28\n", "a word that is not known"),
    (f"ali\u00e7e {BASE64}\n", "a character that is not ASCII"),
)


def describe(case: Case) -> dict[str, Any]:
    """The vector of a case."""
    found = derive(case)
    return {
        "name": case.name,
        "why": case.why,
        "key": case.key.hex(),
        "door": case.door,
        "door_utf8": case.door.encode().hex(),
        "period": case.period,
        "steps": case.steps,
        "low": case.low,
        "high": case.high,
        "protocol": case.protocol,
        "message": found.messages[0].hex(),
        "hmac": found.blocks,
        "too_high": found.count("limit"),
        "equal": found.count("equal"),
        "beside": found.count("beside"),
        "expected_steps": found.ports[: case.steps],
        "expected_guards": found.ports[case.steps :],
    }


def make_page() -> str:
    """The text of the file."""
    page = {
        "specification": "rotating-sequence-1",
        "ports": [describe(case) for case in CASES],
        "periods": [
            {"seconds": seconds, "period_seconds": length, "period": seconds // length}
            for seconds, length in TIMES
        ],
        "uris": GOOD_URIS,
        "bad_uris": [{"uri": uri, "why": why} for uri, why in BAD_URIS],
        "signed_uris": GOOD_SIGNED_URIS,
        "bad_signed_uris": [{"uri": uri, "why": why} for uri, why in BAD_SIGNED_URIS],
        "key_files": GOOD_KEY_FILES,
        "bad_key_files": [{"text": text, "why": why} for text, why in BAD_KEY_FILES],
    }
    return json.dumps(page, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
