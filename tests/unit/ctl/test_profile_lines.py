"""What goes into the files of a client's knock."""

from __future__ import annotations

import pytest

from knockd.client.profile_file import parse_profiles
from knockd.ctl.profile_lines import format_files
from knockd_conf.knock_secret import format_secret
from knockd_conf.knock_uri import KnockUri
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Rule

KEY = bytes(range(32))


def test_signed_knocks() -> None:
    """A profile, and the file of the secret that it names."""
    uri = KnockUri("home.example.org", "ssh", verify=22, signed=47_811, secret=KEY, bind=True)
    assert f"""\
# ~/.config/knock/config:
[home.example.org]
host = home.example.org
door = ssh
signed = 47811
secret = home.example.org.secret
bind = auto
verify = 22

# ~/.config/knock/home.example.org.secret, for its owner alone (chmod 600):
{format_secret(KEY)}""" == format_files(uri)


def test_a_key() -> None:
    """Of a key, what is not usual is in the profile, and the key in a file of its own."""
    text = format_files(KnockUri("192.0.2.1", "ssh", KEY, "alice", Rule(5, 60, 1, 2_000, "udp"), both=True))
    assert "key = 192.0.2.1.key\n" in text
    assert "steps = 5\nperiod = 60\nports = 1-2000\nprotocol = udp\n" in text
    assert "\n# ~/.config/knock/192.0.2.1.key, for its owner alone (chmod 600):\nalice AAEC" in text


def test_a_sequence() -> None:
    """A sequence stands in the profile."""
    text = format_files(KnockUri("h", "ssh", sequence=(Port(7_000, Protocol.TCP), Port(8_000, Protocol.UDP))))
    assert text == "# ~/.config/knock/config:\n[h]\nhost = h\nsequence = 7000:tcp, 8000:udp"


@pytest.mark.parametrize("host", ["h", "2001:db8::1", "192.0.2.1"])
def test_every_host(host: str) -> None:
    """What is printed is read by knock as it was meant; a file has a name without colons."""
    text = format_files(KnockUri(host, "ssh", signed=1, secret=KEY))
    found = parse_profiles(text.partition("\n\n")[0].encode(), "", lambda *_: None)
    (profile,) = found.profiles.values()
    assert (profile.host, profile.problems, found.problems) == (host, (), ())
    assert ":" not in str(profile.choices.secret)
