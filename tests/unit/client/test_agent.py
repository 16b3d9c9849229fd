"""Talks with an ssh-agent."""

from __future__ import annotations

import os
import pty
import socket
import threading
import tty
from pathlib import Path

import pytest

from knockd.client import agent
from knockd.client.agent import PIPE, Agent, AgentFailed, NoAgent, find_agent, open_agent
from knockd.client.agent_protocol import Declined, Held, HeldKey
from knockd_conf.signed_packet import blob_of
from knockd_conf.ssh_wire import pack_string
from tests.support.doubles.fake_agent import FAILURE, RSA, FakeAgent, SoftKey
from tests.support.lab.ssh_agent import SshAgent, make_key, print_fingerprint

KEY = SoftKey(1)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAgent:
    """An agent with one key, which the environment names; it has to be entered."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "a"))
    return FakeAgent(tmp_path / "a", KEY, others=[RSA])


class Waited:
    """How often it was said that the agent is waited for."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def test_what_it_holds_and_signs(fake: FakeAgent) -> None:
    """Keys are listed and sign, one request after the other on one connection."""
    waited = Waited()
    with fake, open_agent(waited) as found:
        assert f"ssh-agent at {fake.path}" == found.place
        assert Held((HeldKey(KEY.key, "laptop"),), ("ssh-rsa",)) == found.list_keys()
        assert KEY.sign(b"data")[-64:] == found.sign(KEY.key, b"data").raw
        assert [b"data"] == fake.signed()
    assert 0 == waited.times


def test_a_real_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH's agent lists an ed25519 key with its fingerprint, names others, and signs."""
    key = make_key(tmp_path / "key", "lap top")
    with SshAgent(tmp_path) as real:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(real.path))
        real.add(make_key(tmp_path / "rsa", kind="rsa"))
        real.add(key)
        with open_agent(Waited()) as found:
            held = found.list_keys()
            (mine,) = held.keys
            assert ("lap top", print_fingerprint(key)) == (mine.comment, mine.key.fingerprint)
            assert ("ssh-rsa",) == held.others
            signature = found.sign(mine.key, blob_of(b"message"))
            assert (64, 0, 0) == (len(signature.raw), signature.flags, signature.counter)
            with pytest.raises(Declined):
                found.sign(KEY.key, b"a key that it does not have")


def test_no_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is said: the variable, the socket, who listens there."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(NoAgent, match=r"^SSH_AUTH_SOCK is not set$"), open_agent(Waited()):
        pass
    path = tmp_path / "nothing"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    with (
        pytest.raises(NoAgent, match=f"^SSH_AUTH_SOCK: {path}: No such file or directory$"),
        open_agent(Waited()),
    ):
        pass
    with FakeAgent(path):
        pass
    with pytest.raises(NoAgent, match="Connection refused"), open_agent(Waited()):
        pass
    monkeypatch.setenv("SSH_AUTH_SOCK", "/" + "x" * 200)
    with pytest.raises(NoAgent, match="path too long"), open_agent(Waited()):
        pass


def test_a_python_without_such_sockets(fake: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a path is that of another system's agent, which is said."""
    with fake:
        monkeypatch.delattr(socket, "AF_UNIX")
        with pytest.raises(NoAgent, match="this Python has no sockets of this kind"), open_agent(Waited()):
            pass


def test_where_it_is() -> None:
    """The variable says it; on Windows OpenSSH's agent has a pipe with a name of its own."""
    assert "/a" == find_agent({"SSH_AUTH_SOCK": "/a"}, windows=False)
    assert "/a" == find_agent({"SSH_AUTH_SOCK": "/a"}, windows=True)
    assert PIPE == find_agent({}, windows=True) == r"\\.\pipe\openssh-ssh-agent"
    with pytest.raises(NoAgent):
        find_agent({"SSH_AUTH_SOCK": ""}, windows=False)


def test_it_takes_its_time(fake: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is not there soon is waited for, and that is said once; at last it is given up."""
    monkeypatch.setattr(agent, "SOON", 0.01)
    monkeypatch.setattr(agent, "PATIENCE", 0.05)
    fake.canned[13] = None
    waited = Waited()
    with fake, open_agent(waited) as found, pytest.raises(AgentFailed, match="within 0 s, got none"):
        found.sign(KEY.key, b"data")
    assert 1 == waited.times


def test_a_time_that_is_over(fake: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no time is left nothing more is read, however much there is."""
    monkeypatch.setattr(agent, "PATIENCE", 0.0)
    waited = Waited()
    with fake, open_agent(waited) as found, pytest.raises(AgentFailed, match="within 0 s, got none"):
        found.list_keys()
    assert 0 == waited.times


def test_an_answer_that_comes_late(fake: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the word that it is waited for is an answer like any other."""
    monkeypatch.setattr(agent, "SOON", 0.01)
    asked = threading.Event()
    sign = KEY.sign

    def slow(data: bytes) -> bytes:
        assert asked.wait(20)
        return sign(data)

    monkeypatch.setattr(KEY, "sign", slow)
    with fake, open_agent(asked.set) as found:
        assert sign(b"data")[-64:] == found.sign(KEY.key, b"data").raw


@pytest.mark.parametrize(
    ("canned", "message"),
    [
        (bytes(4), "expected an answer of 1 to 262144 bytes, got one of 0"),
        (b"\xff\xff\xff\xff", "expected an answer of 1 to 262144 bytes, got one of 4294967295"),
        (pack_string(b"\x06"), "expected an answer of kind 12, got 6"),
        (pack_string(FAILURE), "expected the list of its keys, got a refusal"),
        (pack_string(b"\x0c\0\0\0\1"), "expected 4 bytes at byte 5, got 0"),
    ],
)
def test_an_agent_that_answers_anything(fake: FakeAgent, canned: bytes, message: str) -> None:
    """The message says which agent it is and what was expected."""
    fake.canned[11] = canned
    with fake, open_agent(Waited()) as found, pytest.raises(AgentFailed) as caught:
        found.list_keys()
    assert f"ssh-agent at {fake.path}: {message}" == str(caught.value)


def test_a_signature_that_is_none(fake: FakeAgent) -> None:
    """It is refused as a list is; a refusal to sign is told apart."""
    fake.canned[13] = pack_string(b"\x0e" + pack_string(b"x"))
    with fake, open_agent(Waited()) as found:
        with pytest.raises(AgentFailed, match="expected 4 bytes at byte 0, got 1"):
            found.sign(KEY.key, b"data")
        fake.canned[13] = pack_string(FAILURE)
        with pytest.raises(Declined):
            found.sign(KEY.key, b"data")


def test_an_agent_that_ends() -> None:
    """The end of the connection is no answer, nor is half of one."""
    given = iter([b"\0\0\0\5", b"ab", b""])

    def exchange(_request: bytes) -> bytes:
        return agent.read_answer(lambda _most: next(given))

    with pytest.raises(AgentFailed, match="A: expected an answer, got the end of the connection"):
        Agent(exchange, "A").list_keys()


def test_the_pipe_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a pipe is opened like a file, which is written to and read from. Here it is a terminal."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    (tmp_path / PIPE).symlink_to(os.ttyname(theirs))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSH_AUTH_SOCK", PIPE)
    answer = b"\x0c" + bytes(4)
    asked: list[bytes] = []

    def serve() -> None:
        asked.append(os.read(ours, 100))
        os.write(ours, pack_string(answer))

    thread = threading.Thread(target=serve)
    thread.start()
    with open_agent(Waited()) as found:
        assert Held(()) == found.list_keys()
    thread.join()
    assert [pack_string(b"\x0b")] == asked
    os.close(ours)
    os.close(theirs)
