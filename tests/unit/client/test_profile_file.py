"""The text of the file of profiles."""

from __future__ import annotations

import pytest

from knockd.client.choices import Choices
from knockd.client.profile_file import (
    MAX_SIZE,
    Profile,
    ProfileFile,
    format_profile,
    is_profile_name,
    parse_profiles,
)

TEXT = """
# my doors
[home]
host = home.example.org
sequence = 7000, 8000:udp,ssh
delay = 50
verify = 22
both = yes

[work]
 Host=2001:db8::7
 ; whose key
 key = keys/work
 door = ssh = any
 Sequence_File =
[once]
host = once.example
sequence-file = ~/once
"""


def parse(text: str) -> ProfileFile:
    """The profiles of a text; ssh is a service."""
    return parse_profiles(text.encode(), "F", lambda name, _: 22 if name == "ssh" else None)


def problems(lines: str) -> tuple[str, ...]:
    """What is wrong with a profile of these lines, which begin in line 2."""
    found = parse(f"[home]\n{lines}")
    assert () == found.problems
    return found.profiles["home"].problems


def test_profiles() -> None:
    """Each section is a profile, with what its keys say."""
    found = parse(TEXT.replace(" Sequence_File =\n", ""))
    home = Choices(delay=50, verify=22, both=True)
    work = Choices(key="keys/work", door="ssh = any")
    expected = (
        Profile("home", "home.example.org", ("7000", "8000:udp", "ssh"), home),
        Profile("work", "2001:db8::7", (), work),
        Profile("once", "once.example", (), Choices(sequence_file="~/once")),
    )
    assert ({one.name: one for one in expected}, ()) == (found.profiles, found.problems)


@pytest.mark.parametrize("sequence", ["7000 8000:udp 9000", "7000,8000:udp,9000", " 7000 , 8000:udp,  9000"])
def test_ways_to_write_a_sequence(sequence: str) -> None:
    """Commas, spaces or both divide the ports."""
    found = parse(f"[home]\nhost = h\nsequence = {sequence}").profiles["home"]
    assert ("7000", "8000:udp", "9000") == found.sequence


@pytest.mark.parametrize("text", ["\ufeff[a]\nhost = h\nsequence = 1", "[a]\r\nhost = h\r\nsequence = 1\r\n"])
def test_files_of_windows(text: str) -> None:
    """A byte order mark and carriage returns do not matter."""
    assert Profile("a", "h", ("1",)) == parse(text).profiles["a"]


HOST = "host = h\n"
PLAIN = "host = h\nsequence = 1\n"
SIGNED = "host = h\nsigned = 47811\nsecret = s\ndoor = d\n"
KEYED = "host = h\nkey = k\ndoor = d\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (f"{PLAIN}hosts = h", "F:4: expected a key of a profile, got 'hosts'; did you mean host?"),
        (
            f"{PLAIN}zzz = red",
            "F:4: expected a key of a profile, got 'zzz'; there are host, sequence, key, door, name, "
            "steps, period, ports, protocol, sequence-file, signed, secret, identity, bind, delay, verify, "
            "tries, both",
        ),
        (f"{PLAIN}verify", "F:4: expected key = value, got 'verify'"),
        (f"{PLAIN}verify = ssh", "F:4: verify: expected a TCP port from 1 to 65535, got 'ssh'"),
        (f"{PLAIN}delay = 1s", "F:4: delay: expected whole milliseconds from 0 to 2147483647, got '1s'"),
        (f"{PLAIN}host = i", "F:4: host: expected it once, got it in line 2 too; take one out"),
        (
            f"{HOST}sequence = 1 70000",
            "F:3: sequence: port '70000': expected a number from 0 to 65535, got '70000'",
        ),
        (f"{HOST}sequence =", "F:3: sequence: expected ports divided by commas or spaces, got ''"),
        ("host =\nsequence = 1", "F:2: host: expected a name or an address, got ''"),
        ("sequence = 1", "F:1: [home]: expected host = NAME OR ADDRESS, got none"),
        ("host = h", "F:1: [home]: expected sequence, key, sequence-file or signed, got none of them"),
        (
            f"{KEYED}sequence = 1",
            "F:1: [home]: expected one of sequence, key, sequence-file and signed, got sequence and key",
        ),
        (
            f"{SIGNED}key = ~/.ssh/id_ed25519",
            "F:1: [home]: expected one of sequence, key, sequence-file and signed, got key and signed; "
            "the key of a signed knock is identity",
        ),
        (
            f"{HOST}signed = 1\nsecret = s",
            "F:1: [home]: expected door with signed (the name that the door has in knockd.conf), got none",
        ),
        (
            f"{HOST}signed = 1\ndoor = d",
            "F:1: [home]: expected secret with signed (a file with the server's knock secret), got none",
        ),
        (f"{SIGNED}period = 30", "F:1: [home]: expected period only with key, got it without"),
        (f"{SIGNED}bind = me", "F:6: bind: expected none, auto or an address, got 'me'"),
        (f"{PLAIN}door = d", "F:1: [home]: expected door only with key or signed, got it without"),
        (f"{KEYED}identity = i", "F:1: [home]: expected identity only with signed, got it without"),
        (f"{PLAIN}secret = s", "F:1: [home]: expected secret only with signed, got it without"),
        (f"{PLAIN}bind = auto", "F:1: [home]: expected bind only with signed, got it without"),
        (
            f"{HOST}key = k",
            "F:1: [home]: expected door with key (the name that the door has in knockd.conf), got none",
        ),
        (f"{PLAIN}period = 30", "F:1: [home]: expected period only with key, got it without"),
        (f"{PLAIN}tries = 3", "F:1: [home]: expected verify with tries, got none"),
        (
            f"{PLAIN}[home]\n{PLAIN}",
            "F:4: expected one profile [home], got one in line 1 too; give it another name",
        ),
    ],
)
def test_mistakes_in_a_profile(lines: str, expected: str) -> None:
    """Each names file and line, what was expected, what was seen and what to do."""
    assert (expected,) == problems(lines)


def test_all_mistakes_come_at_once() -> None:
    """Nobody has to mend one to see the next."""
    assert 3 == len(problems("host =\nsequence = x\ndelay = y"))


def test_a_mistake_is_of_its_profile_only() -> None:
    """Another profile of the file can be used."""
    found = parse(f"[bad]\nhots = h\n[good]\n{PLAIN}")
    assert found.profiles["bad"].problems
    assert () == found.profiles["good"].problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host = h", "F:1: expected [name of a profile] before the first key, got 'host = h'"),
        ("[a", "F:1: expected [name of a profile], got '[a'"),
        ("[ ]", "F:1: expected [name of a profile], got '[ ]'"),
        ("[-a]", "F:1: expected [name of a profile], got '[-a]'"),
        ("#" * (MAX_SIZE + 1), f"F: expected a file of at most {MAX_SIZE} bytes, got a larger one"),
    ],
)
def test_mistakes_of_the_file(text: str, expected: str) -> None:
    """What belongs to no profile is told of the file."""
    found = parse(text)
    assert ({}, (expected,)) == (found.profiles, found.problems)


def test_keys_behind_a_bad_name_are_not_the_last_profile_s() -> None:
    """A profile ends where another section begins, whatever is wrong with its name."""
    found = parse(f"[a]\n{PLAIN}[-b]\nhost = other\n")
    assert Profile("a", "h", ("1",)) == found.profiles["a"]


def test_bytes_that_are_no_text() -> None:
    """The message names the line and the byte."""
    found = parse_profiles(b"[a]\nhost = b\xfcro\n", "F", lambda *_: None)
    assert ("F:2: expected UTF-8, got byte 0xfc; save it as UTF-8",) == found.problems


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        (Profile("a", "h", ("7000",)), "sequence"),
        (Profile("a", "h", (), Choices(key="k", door="ssh")), "key k, door ssh"),
        (Profile("a", "h", (), Choices(sequence_file="f")), "one-time sequences f"),
        (
            Profile("a", "h", (), Choices(signed=1, secret="s", door="ssh")),
            "signed with a key of the agent, door ssh",
        ),
        (
            Profile("a", "h", (), Choices(signed=1, secret="s", door="ssh", identity="id")),
            "signed with id, door ssh",
        ),
    ],
)
def test_a_list_shows_no_secret(profile: Profile, kind: str) -> None:
    """What is knocked is told without its ports."""
    assert kind == profile.kind


def test_there_and_back() -> None:
    """A profile is read as it was written."""
    for name, profile in parse(TEXT.replace(" Sequence_File =\n", "")).profiles.items():
        assert profile == parse(format_profile(profile)).profiles[name]


def test_the_text_of_a_profile() -> None:
    """Only what is chosen is written."""
    profile = Profile("home", "h", (), Choices(key="k", door="d", ports=(1024, 9999), both=True))
    assert "[home]\nhost = h\nkey = k\ndoor = d\nports = 1024-9999\nboth = yes\n" == format_profile(profile)


def test_a_profile_that_signs() -> None:
    """It is read as it was written."""
    text = f"[home]\n{SIGNED}identity = ~/.ssh/id_home\nbind = auto\nverify = 22\n"
    choices = Choices(signed=47811, secret="s", door="d", identity="~/.ssh/id_home", bind="auto", verify=22)
    assert Profile("home", "h", (), choices) == parse(text).profiles["home"]
    assert sorted(text.splitlines()) == sorted(format_profile(parse(text).profiles["home"]).splitlines())


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("home", True),
        ("2001:db8::1", True),
        ("at home", True),
        ("", False),
        ("-x", False),
        (" a", False),
        ("a]", False),
        ("[a", False),
        ("a\nb", False),
    ],
)
def test_names(name: str, good: bool) -> None:
    """A name can be written in brackets and is no option."""
    assert good == is_profile_name(name)
    assert good == (name in parse(f"[{name}]\n").profiles)
