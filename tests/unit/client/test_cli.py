"""The knock command as a whole: output, errors and exit status. Packets go to a list."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import knockd
from knockd.client import cli, network, raw_socket
from knockd.client.hits import Hit
from knockd.client.knock import Send
from tests.support.doubles.fake_agent import FakeAgent, SoftKey

Sent = list[tuple[str, str, int]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of configurations, where there is no file of profiles yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def write_profiles(home: Path, text: str) -> Path:
    """The file of profiles, with this text."""
    path = home / "knock" / "config"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What would have been sent: (how, transport, port); "flags 0x.." or "plain"."""
    trace: Sent = []

    def plain(_destination: network.Destination, hit: Hit) -> None:
        trace.append(("plain", str(hit.protocol), hit.port))

    @contextmanager
    def raw(_destination: network.Destination, flags: int) -> Iterator[Send]:
        yield lambda hit: trace.append((f"flags {flags:#x}", str(hit.protocol), hit.port))

    monkeypatch.setattr(network, "send_hit", plain)
    monkeypatch.setattr(raw_socket, "raw_sender", raw)
    monkeypatch.setattr(time, "sleep", lambda seconds: trace.append(("pause", "", round(seconds * 1000))))
    return trace


def test_a_knock_is_silent_and_sends_every_hit(sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """Without -v nothing is printed, and the status is 0."""
    assert cli.main(["192.0.2.1", "7000", "8000:udp", "9000"]) == 0
    assert sent == [("plain", "tcp", 7000), ("plain", "udp", 8000), ("plain", "tcp", 9000)]
    assert tuple(capfd.readouterr()) == ("", "")


def test_verbose_prints_the_lines_of_0_8(sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """One line a hit, with the address that is knocked at and the port as typed."""
    cli.main(["-v", "2001:db8:0::1", "7000", "ssh:udp"])
    assert capfd.readouterr().out == "hitting tcp 2001:db8::1:7000\nhitting udp 2001:db8::1:ssh\n"
    assert [port for _, _, port in sent] == [7000, 22]


def test_the_delay_is_in_milliseconds(sent: Sent) -> None:
    """-d 20 pauses 20 ms after each hit."""
    cli.main(["-d", "20", "192.0.2.1", "1", "2"])
    assert sent == [("plain", "tcp", 1), ("pause", "", 20), ("plain", "tcp", 2), ("pause", "", 20)]


def test_flags_concern_tcp_only(sent: Sent) -> None:
    """TCP hits go through the raw socket with these flags, UDP hits as ever."""
    cli.main(["--flags", "fin,!ack", "192.0.2.1", "1", "2:udp", "3"])
    assert sent == [("flags 0x1", "tcp", 1), ("plain", "udp", 2), ("flags 0x1", "tcp", 3)]


def test_a_udp_knock_with_flags_needs_no_raw_socket(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no TCP hit is to be sent, no right is asked for."""
    monkeypatch.setattr(raw_socket, "raw_sender", None)
    assert cli.main(["-u", "--flags", "syn", "192.0.2.1", "1"]) == 0
    assert sent == [("plain", "udp", 1)]


def test_the_host_is_resolved_once(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with several addresses gets the whole knock at one of them."""
    asked: list[str] = []

    def resolve(host: str, _version: int | None) -> network.Destination:
        asked.append(host)
        return network.Destination(4, "192.0.2.1", 0, "192.0.2.1")

    monkeypatch.setattr(network, "resolve_host", resolve)
    cli.main(["host.example", "1", "2", "3"])
    assert (asked, len(sent)) == (["host.example"], 3)


def test_every_bad_port_is_told_and_nothing_is_sent(sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """All bad ports come at once, with status 65; the good ones are not knocked at."""
    assert cli.main(["192.0.2.1", "7000", "70000", "80:sctp"]) == os.EX_DATAERR
    assert sent == []
    out, err = capfd.readouterr()
    assert out == ""
    assert (
        err == "knock: port '70000': expected a number from 0 to 65535, got '70000'\n"
        "knock: port '80:sctp': expected tcp or udp after the colon, got 'sctp'\n"
    )


def test_an_unknown_host_is_status_68(sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """The message is on standard error and names the host."""
    assert cli.main(["-4", "::1", "7000"]) == os.EX_NOHOST
    out, err = capfd.readouterr()
    assert (out, err[: len("knock: host '::1': ")]) == ("", "knock: host '::1': ")
    assert sent == []


def test_wrong_usage_is_status_64(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The message, the synopsis and where to find more are on standard error."""
    assert cli.main(["192.0.2.1"]) == os.EX_USAGE
    expected = (
        "knock: expected ports behind the host, or the name of a profile, got only '192.0.2.1'; "
        f"there are no profiles ({home}/knock/config does not exist)\n"
        "usage: knock [options] <host> <port[:proto]> [port[:proto]] ... [-- command ...]\n"
        "       knock [options] <profile> [-- command ...]\n"
        "try 'knock --help' for the options\n"
    )
    assert ("", expected) == tuple(capfd.readouterr())


@pytest.mark.parametrize(("permission", "status"), [(True, os.EX_NOPERM), (False, os.EX_UNAVAILABLE)])
def test_a_raw_knock_that_cannot_be_made_sends_nothing(
    permission: bool,
    status: int,
    sent: Sent,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Status 77 for a missing right, 69 for a missing package; the UDP hits stay unsent too."""

    @contextmanager
    def refuse(_destination: network.Destination, _flags: int) -> Iterator[Send]:
        raise network.Unavailable("--flags expected more", permission=permission)
        yield

    monkeypatch.setattr(raw_socket, "raw_sender", refuse)
    assert status == cli.main(["--flags", "syn", "192.0.2.1", "2:udp", "1"])
    assert (sent, capfd.readouterr().err) == ([], "knock: --flags expected more\n")


@pytest.mark.parametrize(("lost", "status"), [({53}, 0), ({7000}, 0), ({53, 7000}, os.EX_IOERR)])
def test_hits_that_cannot_be_sent(
    lost: set[int], status: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As in 0.8 a lost packet does not change the status, but where none could be sent it is 74.

    Standard error says which hit failed, why and what to do.
    """

    def fail(_destination: network.Destination, hit: Hit) -> None:
        if hit.port in lost:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(network, "send_hit", fail)
    assert status == cli.main(["192.0.2.1", "7000", "53:udp"])
    why = os.strerror(errno.ENETUNREACH)  # each C library has words of its own
    reason = f"not sent: {why}; there is no route to it, see: ip route get 192.0.2.1"
    lines = [(7000, f"hitting tcp 192.0.2.1:7000: {reason}"), (53, f"hitting udp 192.0.2.1:53: {reason}")]
    told = [line for port, line in lines if port in lost]
    if status:
        told.append("nothing could be sent, so nothing was knocked")
    expected = "".join(f"knock: {line}\n" for line in told)
    assert ("", expected) == tuple(capfd.readouterr())


def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a long delay ends the command without a traceback."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "resolve_host", interrupt)
    assert cli.main(["192.0.2.1", "1"]) == 130


def test_an_interrupted_start_says_nothing() -> None:
    """Ctrl-C while modules are imported ends the command likewise."""
    code = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'knockd.client.options': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from knockd.client.cli import main\n"
        "sys.exit(main(['192.0.2.1', '1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (130, "", "") == (done.returncode, done.stdout, done.stderr)


def test_the_version_is_shown_in_the_form_of_0_8(capfd: pytest.CaptureFixture[str]) -> None:
    """``knock`` and the version, on standard output."""
    assert cli.main(["-V"]) == 0
    assert (f"knock {knockd.__version__}\n", "") == tuple(capfd.readouterr())


def test_help_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    """-h prints the options on standard output, status 0 (0.8: 1)."""
    assert cli.main(["-h"]) == 0
    out, err = capfd.readouterr()
    assert (out[:29], err) == ("usage: knock [options] <host>", "")


def test_an_ordinary_knock_loads_neither_impacket_nor_the_daemon() -> None:
    """What only --flags and the daemon need is not imported, so that a knock starts fast."""
    code = (
        "import sys; before = set(sys.modules); from knockd.client import cli, network; "
        "network.send_hit = print; "
        "cli.main(['192.0.2.1', '1']); "
        "print({'impacket', 'structlog', 'pcapy', 'knockd_conf.model', 'dataclasses', 'ipaddress', "
        "'subprocess', 'knockd_conf.signed_packet', 'knockd_conf.hashes', 'knockd.client.signed_sender'} "
        "& (set(sys.modules) - before))"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_reader_that_goes_away_does_not_stop_the_knock() -> None:
    """With standard output closed by the reader, every hit is still sent and the status is 0."""
    code = (
        "import os, sys; from knockd.client import cli, network; "
        "network.send_hit = lambda _, hit: os.write(2, f'{hit.port} '.encode()); "
        "sys.exit(cli.main(['-v', '192.0.2.1', '1', '2', '3']))"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(write)
    assert (done.stderr, done.returncode) == ("1 2 3 ", 0)


def test_the_module_is_the_command() -> None:
    """``python -m knockd.client`` does what ``knock`` does."""
    done = subprocess.run(
        [sys.executable, "-m", "knockd.client", "-V"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (f"knock {knockd.__version__}\n", 0) == (done.stdout, done.returncode)


TEXT = """
[home]
host = 192.0.2.7
sequence = 7000, 8000:udp

[office]
host = 192.0.2.8
key = office.key
door = ssh

[bad]
hots = 192.0.2.9
"""


def test_a_profile_is_knocked(home: Path, sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """Its name stands for host and sequence; options count as ever."""
    write_profiles(home, TEXT)
    assert 0 == cli.main(["-v", "home"])
    assert [("plain", "tcp", 7000), ("plain", "udp", 8000)] == sent
    assert ("hitting tcp 192.0.2.7:7000\nhitting udp 192.0.2.7:8000\n", "") == tuple(capfd.readouterr())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_sequence_that_others_can_read(
    home: Path, sent: Sent, capfd: pytest.CaptureFixture[str], mode: int
) -> None:
    """It is knocked, and the command that mends it is named; what is no secret earns no word."""
    path = write_profiles(home, TEXT)
    path.chmod(mode)
    assert 0 == cli.main(["home"])
    assert 2 == len(sent)
    advice = f"others than you may use it: run chmod 600 {path}"
    expected = f"knock: profiles {path}: a sequence is in it, and its mode is {mode:04o}; {advice}\n"
    assert expected == capfd.readouterr().err
    assert os.EX_NOINPUT == cli.main(["office"])
    assert "a sequence is in it" not in capfd.readouterr().err


def test_ports_behind_a_name_are_0_8_s(home: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with ports is no profile, whatever profiles there are: as scripts of 0.8 mean it."""
    write_profiles(home, TEXT)
    four = network.Destination(4, "192.0.2.1", 0, "192.0.2.1")
    monkeypatch.setattr(network, "resolve_host", lambda host, _: four if host == "home" else None)
    assert 0 == cli.main(["home", "1"])
    assert [("plain", "tcp", 1)] == sent


def test_a_profile_that_there_is_not(home: Path, sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """The message lists those that there are, with their file."""
    path = write_profiles(home, TEXT)
    assert os.EX_USAGE == cli.main(["hmoe"])
    expected = "expected ports behind the host, or the name of a profile, got only 'hmoe'"
    err = capfd.readouterr().err
    assert f"knock: {expected}; the profiles are home, office, bad ({path})\n" == err.splitlines(True)[0]
    assert [] == sent


def test_a_profile_with_mistakes(home: Path, sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """All that is wrong with it is told, with status 78, and nothing is sent."""
    path = write_profiles(home, TEXT)
    assert os.EX_CONFIG == cli.main(["bad"])
    lines = capfd.readouterr().err.splitlines()
    assert f"knock: {path}:12: expected a key of a profile, got 'hots'; did you mean host?" == lines[0]
    assert 3 == len(lines)
    assert [] == sent


@pytest.mark.parametrize(("text", "status"), [("[a\n", os.EX_CONFIG), ("\n", os.EX_USAGE)])
def test_mistakes_of_the_file(home: Path, text: str, status: int) -> None:
    """They are told where the name is no profile: it may be one that could not be read."""
    write_profiles(home, text)
    assert status == cli.main(["a"])


def test_a_list_of_profiles(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A line each, with host and kind, no port of a sequence; mistakes are told on standard error."""
    path = write_profiles(home, TEXT)
    assert os.EX_CONFIG == cli.main(["--list"])
    out, err = capfd.readouterr()
    assert out.splitlines() == [
        "home    192.0.2.7  sequence",
        f"office  192.0.2.8  key {path.parent}/office.key, door ssh",
        "bad       sequence",
    ]
    assert 3 == len(err.splitlines())


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, "there are no profiles ({} does not exist)"), ("", "there are no profiles in {}")],
)
def test_an_empty_list(
    home: Path, text: str | None, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where there are none, that is said, with the file that they would be in."""
    if text is not None:
        write_profiles(home, text)
    assert 0 == cli.main(["--list"])
    assert ("", f"knock: {expected.format(home / 'knock' / 'config')}\n") == tuple(capfd.readouterr())


def test_marking_without_a_knock(tmp_path: Path, sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    """--mark with a one-time file and no host strikes out the next line, and says how many are left."""
    path = tmp_path / "once"
    path.write_text("1,2\n3,4\n")
    path.chmod(0o600)
    assert 0 == cli.main(["--mark", "--sequence-file", str(path)])
    assert "#,2\n3,4\n" == path.read_text()
    assert f"knock: line 1 of {path} is struck out, 1 is left\n" == capfd.readouterr().err
    assert [] == sent


@pytest.mark.parametrize(("status", "runs"), [(0, True), (75, False)])
def test_a_command_runs_when_the_knock_was_good(
    status: int, runs: bool, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exit status is ours; where the door did not open it does not run."""
    ran: list[tuple[str, ...]] = []

    def run(argv: tuple[str, ...]) -> int:
        ran.append(argv)
        return 7

    monkeypatch.setattr("knockd.client.knocking.run_knock", lambda *_: status)
    monkeypatch.setattr("knockd.client.command.run_command", run)
    assert (7 if runs else 75) == cli.main(["192.0.2.1", "1", "--", "ssh", "me@home"])
    assert ([("ssh", "me@home")] if runs else []) == ran
    assert [] == sent


def test_standard_output_is_the_command_s(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a command, -v writes to standard error: ssh would take our lines for the server's."""
    monkeypatch.setattr("knockd.client.command.run_command", lambda _: 0)
    assert 0 == cli.main(["-v", "192.0.2.1", "7000", "--", "nc", "192.0.2.1", "22"])
    assert ("", "knock: hitting tcp 192.0.2.1:7000\n") == tuple(capfd.readouterr())
    assert [("plain", "tcp", 7000)] == sent


URI = f"knock://192.0.2.7/ssh?v=1&signed=47811&secret={'A' * 43}"


@pytest.mark.usefixtures("gone")
def test_an_import_without_a_working_directory(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The path of an identity is noted as from there; without one nothing is asked of the directory."""
    assert 64 == cli.main(["-k", "id_home", "--import", URI, "home"])
    assert "-k: there is no working directory: No such file or directory" in capfd.readouterr().err
    assert not (home / "knock").exists()
    assert 0 == cli.main(["--import", URI, "home"])


def test_an_import_of_signed_knocks(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With -k the profile says whose key signs, by a path that is good from everywhere."""
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "stdin", io.StringIO(URI))
    assert 0 == cli.main(["-k", "id_home", "--import", "-", "home"])
    text = (home / "knock" / "config").read_text()
    assert f"signed = 47811\nsecret = home.secret\nidentity = {home}/id_home\n" in text
    capfd.readouterr()
    assert 0 == cli.main(["--list"])
    assert f"home  192.0.2.7  signed with {home}/id_home, door ssh\n" == capfd.readouterr().out


def test_a_signed_knock_of_a_profile(
    home: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A profile that was imported is knocked: one packet, which the agent's only key has signed."""

    def send(_where: object, port: int, make: Callable[[str], bytes], _source: object) -> None:
        sent.append(("signed", str(len(make("192.0.2.9"))), port))

    monkeypatch.setattr(network, "send_made", send)
    assert 0 == cli.main(["--import", URI, "home"])
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "a"))
    with FakeAgent(home / "a", SoftKey(1)):
        assert 0 == cli.main(["home"])
        assert 0 == cli.main(["--close", "home"])
    assert [("signed", "124", 47811)] * 2 == sent
    capfd.readouterr()
    monkeypatch.delenv("SSH_AUTH_SOCK")
    monkeypatch.setenv("HOME", str(home))
    assert os.EX_UNAVAILABLE == cli.main(["home"])
    lack = "expected an ssh-agent with a key that can sign, got none: SSH_AUTH_SOCK is not set"
    advice = "name a key's file with -k, or give one to an agent (ssh-add); 'ssh-keygen -t ed25519' makes one"
    assert f"knock: {lack}; {advice}\n" == capfd.readouterr().err
