"""knockctl export: what a client needs to know of a door."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl.cli import main
from knockd_conf.key_file import NamedKey, format_key
from knockd_conf.knock_secret import format_secret
from knockd_conf.knock_uri import KnockUri, parse_uri
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Rule

KEY = bytes(range(32))
SECRET = bytes(range(100, 132))
CONFIG = """
[ssh]
Sequence = 7000,8000:udp
TCPFlags = syn

[odd]
Sequence = 7000,8000
TCPFlags = syn,ack

[my codes]
One_Time_Sequences = /etc/knockd/codes

[keyed]
Sequence_Key = KEYS

[slow]
Sequence_Key      = KEYS
Sequence_Steps    = 6
Sequence_Period   = 60
Sequence_Ports    = 1024-9000
Sequence_Protocol = mixed

[signed]
Signed_Port     = 47811
Authorized_Keys = /etc/knockd/authorized_keys

[both]
Sequence        = 7000,8500
Signed_Port     = 47812
Authorized_Keys = /etc/knockd/authorized_keys

[ends so ]
Signed_Port     = 47811
Authorized_Keys = /etc/knockd/authorized_keys

[options]
Knock_Secret = SECRET

[twice]
Sequence = 7000,9000

[twice]
Sequence = 7000,9500
"""
Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("guarded")


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the subcommand for a host h: status, standard output and standard error."""
    config, keys, hidden = (tmp_path / name for name in ("knockd.conf", "keys", "knock_secret"))
    config.write_text(CONFIG.replace("KEYS", str(keys)).replace("SECRET", str(hidden)))
    hidden.write_text(f"{format_secret(SECRET)}\n")
    hidden.chmod(0o600)
    config.chmod(0o600)
    keys.write_text(format_key(NamedKey("alice", KEY)) + "\n")
    keys.chmod(0o600)

    def export(*arguments: str, host: str = "h") -> tuple[int, str, str]:
        status = main(["export", "-c", str(config), "--host", host, *arguments])
        return (status, *capfd.readouterr())

    return export


HIDES = (
    "knockctl export: keep it between you and your clients: it has the knock secret, which hides who knocks"
    " here; it opens nothing without an SSH key that knockctl keys lists\n"
)


def secret(name: str, whose: str = "") -> str:
    """What is said of an address that was printed."""
    return f"knockctl export: keep this secret: whoever has it can knock at {name}{whose}\n"


def test_a_door_with_a_key(run: Run, guarded: list[str]) -> None:
    """The address has the key, whose it is, and what the door says of its sequences; no core has it."""
    status, out, err = run("keyed")
    assert ["no core"] == guarded
    assert (status, err) == (0, secret("keyed", " as alice"))
    assert KnockUri("h", "keyed", KEY, "alice") == parse_uri(out.removesuffix("\n"))
    _, out, _ = run("slow", "--verify", "22", "--delay", "300", "--both", host="2001:db8::7")
    assert KnockUri(
        "2001:db8::7",
        "slow",
        KEY,
        "alice",
        Rule(6, 60, 1_024, 9_000, "mixed"),
        delay=300,
        verify=22,
        both=True,
    ) == parse_uri(out.removesuffix("\n"))


def test_one_of_several_keys(run: Run, tmp_path: Path) -> None:
    """Of several keys one has to be named; the message has the names and nothing of the keys."""
    keys = tmp_path / "keys"
    keys.write_text(keys.read_text() + format_key(NamedKey("bob", bytes(32), "2030-01-01")) + "\n")
    _, out, err = run("keyed", "--name", "bob")
    assert bytes(32) == parse_uri(out.removesuffix("\n")).key
    assert secret("keyed", " as bob") == err
    for arguments, message in (
        (["keyed"], "--name: expected one of alice, bob, the keys of keyed"),
        (["keyed", "--name", "carol"], "--name: expected one of alice, bob, got 'carol'"),
    ):
        expected = f"knockctl export: {message}\ntry 'knockctl export --help'\n"
        assert (64, "", expected) == run(*arguments)


def test_a_door_with_a_sequence(run: Run) -> None:
    """The address has the steps."""
    status, out, err = run("ssh")
    steps = (Port(7_000, Protocol.TCP), Port(8_000, Protocol.UDP))
    assert (status, err) == (0, secret("ssh"))
    assert KnockUri("h", "ssh", sequence=steps) == parse_uri(out.removesuffix("\n"))


def test_signed_knocks(run: Run, guarded: list[str]) -> None:
    """The address has the port and the knock secret, and what that is worth is said; no core has it."""
    status, out, err = run("signed", "--verify", "22")
    assert ["no core"] == guarded
    assert (status, err) == (0, HIDES)
    assert KnockUri("h", "signed", verify=22, signed=47_811, secret=SECRET) == parse_uri(out.strip())
    _, out, _ = run("signed", "--bind", "--both")
    assert KnockUri("h", "signed", both=True, signed=47_811, secret=SECRET, bind=True) == parse_uri(
        out.strip()
    )


def test_a_door_of_both_kinds(run: Run) -> None:
    """A door that signed knocks open has them in its address; its sequence is there when asked for."""
    assert 47_812 == parse_uri(run("both")[1].strip()).signed
    found = parse_uri(run("both", "--sequence")[1].strip())
    assert (None, 2) == (found.signed, len(found.sequence))


def test_no_secret_file(run: Run, tmp_path: Path) -> None:
    """A secret that the daemon would not take is not exported."""
    path = tmp_path / "knock_secret"
    path.chmod(0o644)
    status, out, err = run("signed")
    assert out == ""
    assert err == (
        f"knockctl export: {path}: others than its owner may use it (mode 0644), run chmod 600 {path}\n"
    )
    assert status == 78 if os.geteuid() == 0 else status in {77, 78}


def test_a_profile(run: Run) -> None:
    """The lines for the client's own files are printed in place of an address, with the same warning."""
    status, out, err = run("signed", "--profile", "--verify", "22", host="home.example.org")
    assert (status, err) == (0, HIDES)
    assert out.startswith(
        "# ~/.config/knock/config:\n[home.example.org]\nhost = home.example.org\ndoor = signed\n"
    )
    assert format_secret(SECRET) == out.splitlines()[-1]


def test_a_door_that_no_profile_names(run: Run) -> None:
    """A profile has no way to write some names."""
    status, out, err = run("ends so ", "--profile")
    assert (status, out) == (1, "")
    assert (
        err == "knockctl export: --profile: expected a door whose name does not begin or end with a space\n"
    )


def test_packets_that_clients_do_not_send(run: Run) -> None:
    """Where no ordinary client opens the door, that is said."""
    status, _, err = run("odd")
    assert 0 == status
    assert "so only knock --flags opens it" in err.splitlines()[1]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["my codes"],
            1,
            "my codes takes each sequence once, and an address has one: copy /etc/knockd/codes to the client"
            " instead (knock --sequence-file)",
        ),
        (["twice"], 1, "2 doors are called twice: give them different names first"),
        (
            ["shh"],
            64,
            "there is no door 'shh'; did you mean 'ssh'? All doors: ssh, odd, my codes, keyed, slow, signed,"
            " both, ends so  and 2 more",
        ),
    ],
)
def test_refused(run: Run, arguments: list[str], status: int, message: str) -> None:
    """What cannot be exported is refused with the reason."""
    assert (status, "", f"knockctl export: {message}\n") == run(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ssh", "--name", "bob"], "--name: expected for a door with Sequence_Key, ssh has none"),
        (["ssh", "--verify", "0"], "--verify: expected a port from 1 to 65535, got '0'"),
        (["ssh", "--verify", "ssh"], "--verify: expected a number, got 'ssh'"),
        (["ssh", "--delay", "99999"], "--delay: expected milliseconds from 0 to 60000, got '99999'"),
        (["ssh", "--bind"], "--bind: expected for signed knocks only, a sequence has no address in it"),
        (
            ["both", "--bind", "--sequence"],
            "--bind: expected for signed knocks only, a sequence has no address in it",
        ),
        (
            ["signed", "--sequence"],
            "--sequence: expected for a door that has one, signed knocks alone open signed",
        ),
        (
            ["signed", "--name", "bob"],
            "--name: expected for a door with Sequence_Key, signed has none",
        ),
        (
            ["signed", "--delay", "5"],
            "--delay: expected with a key or a sequence only, got signed knocks",
        ),
        (["ssh", "--qr", "--profile"], "--profile: expected without --qr, which draws an address"),
        (["ssh", "--qr"], "--qr: expected a terminal to draw on, got none; --force draws all the same"),
        ([], "the following arguments are required: DOOR"),
    ],
)
def test_mistakes(run: Run, arguments: list[str], message: str) -> None:
    """A mistake of the command line prints no address."""
    assert (64, "", f"knockctl export: {message}\ntry 'knockctl export --help'\n") == run(*arguments)


def test_no_host(run: Run) -> None:
    """A host that none can be is told."""
    message = "--host: expected a name, an IPv4 address, or an IPv6 address in brackets"
    for host in ("a/b", "h:80", ""):
        assert (64, "", f"knockctl export: {message}\ntry 'knockctl export --help'\n") == run(
            "ssh", host=host
        )


def test_an_address_in_brackets(run: Run) -> None:
    """An IPv6 address may have its brackets already."""
    assert "2001:db8::7" == parse_uri(run("ssh", host="[2001:db8::7]")[1].strip()).host


def test_a_bad_configuration(run: Run, tmp_path: Path) -> None:
    """Its problems are printed, and nothing is exported."""
    path = tmp_path / "knockd.conf"
    path.write_text("[ssh]\nSequence = none\n")
    status, out, err = run("ssh")
    assert (status, out) == (78, "")
    assert f"{path}:2: " in err


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("alice\n", 0o600, "line 1: expected NAME KEY, got one word"),
        (
            "alice\n",
            0o644,
            "others than its owner may use it (mode 0644), run chmod 600 {path}",
        ),
        (None, 0, "No such file or directory"),
    ],
)
def test_a_bad_key_file(run: Run, tmp_path: Path, text: str | None, mode: int, message: str) -> None:
    """A key file that the daemon would not take is not exported from."""
    path = tmp_path / "keys"
    path.unlink()
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    status, out, err = run("keyed")
    assert out == ""
    assert err == f"knockctl export: {path}: {message.format(path=path)}\n"
    assert status == 78 if os.geteuid() == 0 else status in {77, 78}


def test_qr(run: Run) -> None:
    """A code is drawn in place of the address where that was asked for twice."""
    status, out, err = run("ssh", "--qr", "--force")
    assert (status, err) == (0, secret("ssh"))
    assert "knock://" not in out
    assert len(out.splitlines()) > 10


def test_without_the_package(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing it is named, and so is what to do."""
    monkeypatch.setitem(sys.modules, "segno", None)
    status, out, err = run("ssh", "--qr", "--force")
    assert (status, out) == (69, "")
    assert "-m pip install segno" in err
    assert "keep this secret" not in err


def test_qr_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal it is drawn without further questions."""
    config = tmp_path / "knockd.conf"
    config.write_text(CONFIG.replace("KEYS", "/nowhere"))
    config.chmod(0o600)
    leader, terminal = os.openpty()
    command = [sys.executable, "-m", "knockd.ctl", "export", "-c", str(config), "--host", "h", "ssh", "--qr"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "80",
    }
    done = subprocess.run(
        command, stdout=terminal, stderr=subprocess.PIPE, text=True, check=False, env=environment
    )
    shown = os.read(leader, 65_536).decode()  # the code fits into what a terminal holds
    os.close(terminal)
    os.close(leader)
    assert (0, secret("ssh")) == (done.returncode, done.stderr)
    assert "\u2588" * 30 in shown
