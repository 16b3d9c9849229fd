"""The text of a first configuration, as it is read back."""

from __future__ import annotations

import pytest

from knockd.init.commands import Command
from knockd.init.content import CMD_TIMEOUT, SEQ_TIMEOUT, Content, Signed, format_configuration, format_step
from knockd.knocks.watch import watches_of
from knockd_conf.load import load
from knockd_conf.model import Config, Service
from knockd_conf.protocol import FLAG_BITS, Protocol
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import steps

PATH = "/etc/knockd.conf"
FOUR, SIX = Command("open4 %IP%", "close4 %IP%"), Command("open6 %IP%", "close6 %IP%")
PLAIN = Content(
    "ssh",
    Service(22, 22, Protocol.TCP),
    ("eth0", "ppp0"),
    steps("1001 2002u 3003 4004"),
    "",
    FOUR,
    SIX,
    "/var/log/knockd.log",
)


def read(content: Content) -> Config:
    """The configuration as the daemon reads it."""
    data = format_configuration(content, PATH).encode()
    return load(PATH, given=((PATH, data),), trust=TrustPolicy(enforce=False), is_user=lambda _: True)


def test_ports() -> None:
    """Interfaces, log, steps, flags, times and the commands of both versions are what was chosen."""
    config = read(PLAIN)
    (door,) = config.doors
    assert () == config.notes
    assert ("eth0", "ppp0") == config.options.interface
    assert "/var/log/knockd.log" == config.options.log_file
    assert PLAIN.steps == door.steps
    assert door.flags is not None
    assert FLAG_BITS["syn"] == door.flags.must_set
    assert SEQ_TIMEOUT == door.seq_timeout
    assert CMD_TIMEOUT == door.cmd_timeout
    assert FOUR == Command(door.start_for(4) or "", door.stop_for(4) or "")
    assert SIX == Command(door.start_for(6) or "", door.stop_for(6) or "")
    assert 1 == len(watches_of(config.doors))


def test_key() -> None:
    """A door with a key names its file and no ports."""
    (door,) = read(PLAIN._replace(key="/etc/knockd/ssh.key", steps=())).doors
    assert "/etc/knockd/ssh.key" == door.sequence_key
    assert () == door.steps


def test_signed() -> None:
    """A door of signed knocks has no sequence; port and files are of all doors."""
    signed = Signed(47811, "/etc/knockd/knock_secret", "/etc/knockd/authorized_keys")
    config = read(PLAIN._replace(steps=(), signed=signed))
    (door,) = config.doors
    assert door.is_signed_alone
    assert (47811, signed.keys) == (config.options.signed_port, config.options.authorized_keys)
    assert signed.secret == config.options.knock_secret


def test_no_log_file() -> None:
    """Without a place for a file the log goes to syslog."""
    options = read(PLAIN._replace(log_file="")).options
    assert options.use_syslog
    assert options.log_file is None


def test_one_command_for_both_versions() -> None:
    """Commands that serve both are written once."""
    text = format_configuration(PLAIN._replace(six=FOUR), PATH)
    assert "Start_Command " in text
    assert "_6" not in text


def test_a_path_that_could_forge_a_line() -> None:
    """The path in the first line stays in it."""
    text = format_configuration(PLAIN, "/etc/a\n[evil]")
    assert text.startswith("# /etc/a\\n[evil], made by")


@pytest.mark.parametrize(("step", "expected"), [("1001", "1001"), ("2002u", "2002:udp")])
def test_step(step: str, expected: str) -> None:
    """A step is written as the client takes it."""
    assert expected == format_step(steps(step)[0])
