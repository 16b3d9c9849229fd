"""Signing with ssh-keygen -Y sign."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.client.agent import open_agent
from knockd.client.key_files import read_key
from knockd.client.ssh_keygen import sign_with_file
from knockd.client.status import NO_PERMISSION, UNAVAILABLE, Refused
from knockd_conf.signed_packet import blob_of
from tests.support.lab.ssh_agent import SshAgent, make_key
from tests.support.lab.terminals import Terminal

MESSAGE = bytes(range(256))


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an agent nor a window that asks is there."""
    for name in ("SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"):
        monkeypatch.delenv(name, raising=False)


def test_the_signature_is_the_agent_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An agent and ssh-keygen make the same 64 bytes of one message, and nothing is written."""
    path = make_key(tmp_path / "key")
    key = read_key(str(path)).key
    by_file = [sign_with_file(str(path), key, message) for message in (MESSAGE, b"")]
    assert ("", "") == tuple(capfd.readouterr())
    with SshAgent(tmp_path) as agent:
        agent.add(path)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        with open_agent(lambda: None) as found:
            by_agent = [found.sign(key, blob_of(message)) for message in (MESSAGE, b"")]
    assert by_file == by_agent
    assert by_file[0] != by_file[1]


def test_a_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh-keygen asks for it: here a program does, in place of a window."""
    path = make_key(tmp_path / "key", passphrase="secret words")
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho secret words\n")
    ask.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(ask))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    assert 64 == len(sign_with_file(str(path), read_key(str(path)).key, MESSAGE).raw)


SIGN = """
import sys
from knockd.client.key_files import read_key
from knockd.client.ssh_keygen import sign_with_file
print(len(sign_with_file(sys.argv[1], read_key(sys.argv[1]).key, b"message").raw), "bytes")
"""


def test_a_passphrase_on_the_terminal(tmp_path: Path) -> None:
    """On a terminal it is typed there, and not shown."""
    path = make_key(tmp_path / "key", passphrase="secret")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with Terminal([sys.executable, "-c", SIGN, str(path)], environment) as terminal:
        terminal.wait_for("passphrase")
        terminal.write("secret\r")
        terminal.wait_for("64 bytes")
        assert 0 == terminal.wait_for_end()
        assert "secret" not in terminal.said


@pytest.mark.parametrize("display", [None, ":9"])
def test_a_passphrase_where_standard_input_is_something_else(tmp_path: Path, display: str | None) -> None:
    """It is asked for on the terminal, even with a display, and nothing of standard input is read."""
    path = make_key(tmp_path / "key", passphrase="secret")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"DISPLAY": display} if display is not None else {}
    script = f"echo of the command | ({sys.executable} -c '{SIGN}' {path}; cat)"
    with Terminal(["sh", "-c", script], environment) as terminal:
        terminal.wait_for("passphrase")
        terminal.write("secret\r")
        terminal.wait_for("64 bytes")
        terminal.wait_for("of the command")
        assert 0 == terminal.wait_for_end()


def test_no_terminal(tmp_path: Path) -> None:
    """Where nobody can be asked, there is no passphrase, whatever is on standard input."""
    path = make_key(tmp_path / "key", passphrase="secret")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SIGN, str(path)],
        input="secret\n",
        env=environment,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert 1 == done.returncode
    assert f"ssh-keygen has not signed with {path}: it ended with status 255" in done.stderr


def test_an_interrupt(tmp_path: Path) -> None:
    """Who gives up at the question for a passphrase is not told more than that: status 130."""
    path = make_key(tmp_path / "key", passphrase="secret")
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("A" * 43 + "=\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    options = ("--signed", "47811", "--secret", str(secret), "--door", "ssh", "-k", str(path), "192.0.2.1")
    with Terminal([sys.executable, "-m", "knockd.client", *options], environment) as terminal:
        terminal.wait_for("passphrase")
        terminal.type("^C")
        assert 130 == terminal.wait_for_end()
        assert "Traceback" not in terminal.said


def test_what_it_does_not_sign_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong passphrase, here an empty one, ends it; the file is named."""
    path = make_key(tmp_path / "key", passphrase="secret words")
    monkeypatch.setenv("SSH_ASKPASS", "/bin/true")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    with pytest.raises(Refused) as caught:
        sign_with_file(str(path), read_key(str(path)).key, MESSAGE)
    expected = f"ssh-keygen has not signed with {path}: it ended with status 255"
    assert (NO_PERMISSION, expected) == (caught.value.status, str(caught.value))


def test_a_signature_of_another_key(tmp_path: Path) -> None:
    """What comes out is held to the key that was asked for."""
    path, other = make_key(tmp_path / "key"), make_key(tmp_path / "other")
    with pytest.raises(Refused, match=r"^ssh-keygen: expected a signature of SHA256:") as caught:
        sign_with_file(str(path), read_key(str(other)).key, MESSAGE)
    assert UNAVAILABLE == caught.value.status


def test_no_ssh_keygen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is missing is said, with the other way."""
    path = make_key(tmp_path / "key")
    key = read_key(str(path)).key
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused) as caught:
        sign_with_file(str(path), key, MESSAGE)
    advice = f"install OpenSSH's client, or give the key to an ssh-agent: ssh-add {path}"
    expected = f"ssh-keygen: No such file or directory; {advice}"
    assert (UNAVAILABLE, expected) == (caught.value.status, str(caught.value))


def test_a_program_that_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A success without a signature is none."""
    path = make_key(tmp_path / "key")
    key = read_key(str(path)).key
    (tmp_path / "ssh-keygen").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match=r"^ssh-keygen: expected a signature, got none: No such file"):
        sign_with_file(str(path), key, MESSAGE)


def test_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder with message and signature is taken away again."""
    path = make_key(tmp_path / "key")
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    sign_with_file(str(path), read_key(str(path)).key, MESSAGE)
    assert [] == list(room.iterdir())
