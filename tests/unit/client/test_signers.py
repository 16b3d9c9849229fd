"""Who signs a knock."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from knockd.client import agent as agent_module
from knockd.client import ssh_keygen
from knockd.client.agent_protocol import Held, HeldKey
from knockd.client.signature import Signature
from knockd.client.signers import WAITING, Signer, choose_key, find_key, open_signer
from knockd.client.status import CONFIG, NO_PERMISSION, UNAVAILABLE, USAGE, Refused
from knockd.signed.signature import is_right
from knockd_conf.hashes import hash_sha256
from knockd_conf.signed_packet import blob_of
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.ssh_wire import pack_string
from tests.support.doubles.fake_agent import FAILURE, RSA, FakeAgent, SoftKey
from tests.support.lab.ssh_agent import SshAgent, make_key, print_fingerprint

LAPTOP, TOKEN = SoftKey(1, "laptop"), SoftKey(2, "token", "ssh:")
PAIR = Held((HeldKey(LAPTOP.key, "laptop"), HeldKey(TOKEN.key, "token")))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without keys, and no agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def fake(home: Path, monkeypatch: pytest.MonkeyPatch, *keys: SoftKey, **more: object) -> FakeAgent:
    """An agent that the environment names; it has to be entered."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "a"))
    return FakeAgent(home / "a", *keys, **more)  # type: ignore[arg-type]


def refused(identity: str | None) -> tuple[int, tuple[str, ...]]:
    """Status and messages where there is no signer, or it does not sign."""
    with pytest.raises(Refused) as caught:
        open_signer(identity).sign(b"message")
    return caught.value.status, caught.value.messages


def test_the_only_key_of_the_agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It signs what PROTOCOL.sshsig makes of the message."""
    with fake(home, monkeypatch, LAPTOP, others=[RSA]) as agent:
        signer = open_signer(None)
        assert f"laptop ({LAPTOP.key.fingerprint})" == signer.name
        signature = signer.sign(b"message")
        assert [blob_of(b"message")] == agent.signed()
    assert is_right(LAPTOP.key.public, blob_of(b"message"), signature.raw)


def test_a_key_in_hardware(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is said which key to touch; flags and counter come with the signature, which counts them in."""
    with fake(home, monkeypatch, TOKEN):
        signature = open_signer(None).sign(b"message")
    assert f"knock: touch your key token ({TOKEN.key.fingerprint})\n" == capfd.readouterr().err
    assert (1, TOKEN.counter) == (signature.flags, signature.counter)
    told = bytes((signature.flags,)) + signature.counter.to_bytes(4, "big")
    signed = hash_sha256(b"ssh:") + told + hash_sha256(blob_of(b"message"))
    assert is_right(TOKEN.key.public, signed, signature.raw)


def test_a_file_of_a_key_in_hardware(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """ssh-keygen signs by what the file says of the hardware; which key to touch is said before."""
    path = home / "key"
    path.write_text("-----BEGIN PRIVATE KEY-----\n")
    path.chmod(0o600)
    (home / "key.pub").write_text(TOKEN.line)

    def sign(file: str, key: PublicKey, message: bytes) -> Signature:
        assert (str(path), TOKEN.key, b"message") == (file, key, message)
        assert f"knock: touch your key token ({TOKEN.key.fingerprint})\n" == capfd.readouterr().err
        return Signature(bytes(64), 1, 9)

    monkeypatch.setattr(ssh_keygen, "sign_with_file", sign)
    assert Signature(bytes(64), 1, 9) == open_signer(str(path)).sign(b"message")


def test_a_key_that_was_not_touched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server would refuse it, so it is refused here, with what to do."""
    untouched = SoftKey(4, "token", "ssh:", flags=4)
    with fake(home, monkeypatch, untouched):
        status, messages = refused(None)
    again = "make another one, without -O no-touch-required"
    name = f"token ({untouched.key.fingerprint})"
    assert (NO_PERMISSION, (f"key {name}: expected a touch, it signed without; {again}",)) == (
        status,
        messages,
    )


def test_a_fingerprint_names_a_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several keys that one signs; another fingerprint is answered with those that there are."""
    with fake(home, monkeypatch, LAPTOP, TOKEN):
        assert TOKEN.key == open_signer(TOKEN.key.fingerprint).key
        status, messages = refused("SHA256:abc")
    first = f"ssh-agent at {home}/a: expected it to hold the key SHA256:abc, got others:"
    assert (CONFIG, (first, PAIR.keys[0].name, PAIR.keys[1].name)) == (status, messages)


def test_several_keys_and_no_terminal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are named, with what to say."""
    with fake(home, monkeypatch, LAPTOP, TOKEN):
        status, messages = refused(None)
    first = f"expected -k (or identity in the profile), as ssh-agent at {home}/a holds 2 keys that can sign:"
    assert (USAGE, (first, PAIR.keys[0].name, PAIR.keys[1].name)) == (status, messages)


class Typed(io.StringIO):
    """A terminal on which something is typed."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def type_in(text: str, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types on standard input; what is said on standard error."""
    said = Typed()
    monkeypatch.setattr(sys, "stdin", Typed(text))
    monkeypatch.setattr(sys, "stderr", said)
    return said


def test_several_keys_and_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is asked, and told how not to be asked again."""
    said = type_in("2\n", monkeypatch)
    assert PAIR.keys[1] == choose_key(PAIR, "A")
    assert [
        "knock: A holds 2 keys that can sign:",
        f"knock: 1: laptop ({LAPTOP.key.fingerprint})",
        f"knock: 2: token ({TOKEN.key.fingerprint})",
        "knock: which one? Type its number, 1 to 2, and press Enter",
        f"knock: not to be asked again: -k {TOKEN.key.fingerprint}, or identity = ... in the profile",
    ] == said.getvalue().splitlines()


@pytest.mark.parametrize("text", ["", "\n", "0\n", "3\n", "-1\n", "two\n", "9999999999\n", "\u00b2\n"])
def test_an_answer_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, with what was expected."""
    type_in(text, monkeypatch)
    with pytest.raises(Refused, match="expected a number from 1 to 2, got ") as caught:
        choose_key(PAIR, "A")
    assert USAGE == caught.value.status


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_half_a_terminal(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody reads the question, or nobody can answer it, it is not asked."""
    type_in("1\n", monkeypatch)
    monkeypatch.setattr(sys, stream, io.StringIO("1\n"))
    with pytest.raises(Refused, match="expected -k"):
        choose_key(PAIR, "A")


def test_no_agent_and_no_key() -> None:
    """What is missing is said, and what to do."""
    lack = "expected an ssh-agent with a key that can sign, got none: SSH_AUTH_SOCK is not set"
    advice = "name a key's file with -k, or give one to an agent (ssh-add); 'ssh-keygen -t ed25519' makes one"
    for identity in (None, "SHA256:abc"):
        assert (UNAVAILABLE, (f"{lack}; {advice}",)) == refused(identity)


def test_an_agent_without_a_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty agent looks like a locked one; where there are keys of other kinds, these are named."""
    advice = "name a key's file with -k, or give one to an agent (ssh-add); 'ssh-keygen -t ed25519' makes one"
    place = f"ssh-agent at {home}/a: expected an Ed25519 key, got"
    empty = f"{place} none: it is empty (ssh-add FILE), or locked (ssh-add -X); {advice}"
    with fake(home, monkeypatch) as agent:
        assert (UNAVAILABLE, (empty,)) == refused(None) == refused("SHA256:abc")
        agent.others = (RSA, RSA)
        only = f"{place} only ssh-rsa; 'ssh-keygen -t ed25519' makes one"
        assert (UNAVAILABLE, (only,)) == refused(None)


def test_an_agent_that_answers_garbage(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told which one that is; where a file is named, that is signed with all the same."""
    path = make_key(home / "key")
    with fake(home, monkeypatch) as agent:
        agent.canned[11] = pack_string(b"\x07")
        assert "SSH_AUTH_SOCK" not in refused(None)[1][0]
        assert f"ssh-agent at {home}/a: expected an answer of kind 12, got 7" in refused(None)[1][0]
        assert 64 == len(open_signer(str(path)).sign(b"message").raw)


@pytest.mark.parametrize("name", ["id_ed25519", "id_ed25519_sk"])
def test_the_usual_file(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the agent has no key that can sign, or there is none, that of ssh is taken."""
    (home / ".ssh").mkdir()
    path = make_key(home / ".ssh" / name, "new laptop")
    assert f"new laptop ({print_fingerprint(path)})" == open_signer(None).name
    assert 64 == len(open_signer(None).sign(b"message").raw)
    with fake(home, monkeypatch, others=[RSA]) as agent:
        assert print_fingerprint(path) == open_signer(None).key.fingerprint
        agent.keys = (LAPTOP,)
        assert LAPTOP.key == open_signer(None).key
        assert CONFIG == refused("SHA256:abc")[0]


def test_a_file_whose_key_the_agent_has(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent signs, whatever passphrase the file has; without a comment the file's is taken."""
    path = make_key(home / "key", "of the file", "secret")
    twin = make_key(home / "twin", "of the file")
    with SshAgent(home) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        agent.add(twin)
        assert 64 == len(open_signer(f"{twin}.pub").sign(b"message").raw)
        assert "of the file" == open_signer(str(twin)).comment
        twin.unlink()
        assert 64 == len(open_signer(str(twin)).sign(b"message").raw)
        monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
        monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
        assert NO_PERMISSION == refused(str(path))[0]


def test_the_agent_and_the_file_sign_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way a message is signed, the signature is the same."""
    path = make_key(home / "key")
    by_file = open_signer(str(path)).sign(b"message")
    with SshAgent(home) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        agent.add(path)
        by_agent = open_signer(str(path))
        path.unlink()
        assert by_file == by_agent.sign(b"message")


def test_a_public_file_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its private key only an agent can sign, which is said."""
    public = home / "key.pub"
    public.write_text(LAPTOP.line)
    text = "expected its private key in a file beside it or in the ssh-agent, got neither"
    assert (CONFIG, (f"key {public}: {text}: SSH_AUTH_SOCK is not set",)) == refused(str(public))
    with fake(home, monkeypatch, TOKEN) as agent:
        where = f"ssh-agent at {home}/a does not hold it"
        assert (CONFIG, (f"key {public}: {text}: {where}",)) == refused(str(public))
        agent.keys = (LAPTOP,)
        assert isinstance(open_signer(str(public)).sign(b"message"), Signature)


def test_an_agent_that_refuses(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be the reason is said, as the agent does not."""
    with fake(home, monkeypatch, LAPTOP) as agent:
        agent.canned[13] = pack_string(FAILURE)
        status, (message,) = refused(None)
        assert NO_PERMISSION == status
        assert message.startswith(f"ssh-agent at {home}/a does not sign with laptop (SHA256:")
        assert "not confirmed" in message
        agent.canned[13] = pack_string(b"\x06")
        expected = f"ssh-agent at {home}/a: expected an answer of kind 14, got 6"
        assert (UNAVAILABLE, (expected,)) == refused(None)


def test_an_agent_that_takes_its_time(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What it may be waiting for is said; in the end it is given up."""
    monkeypatch.setattr(agent_module, "SOON", 0.001)
    with fake(home, monkeypatch, LAPTOP) as agent:
        signer = open_signer(None)
        monkeypatch.setattr(agent_module, "PATIENCE", 0.01)
        agent.canned[13] = None
        with pytest.raises(Refused, match="expected an answer within 0 s, got none") as caught:
            signer.sign(b"message")
    assert UNAVAILABLE == caught.value.status
    assert f"knock: {WAITING}\n" in capfd.readouterr().err


def test_an_agent_that_has_gone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice and the signature the agent may end."""
    with fake(home, monkeypatch, LAPTOP):
        signer = open_signer(None)
    with pytest.raises(Refused, match="Connection refused") as caught:
        signer.sign(b"message")
    assert UNAVAILABLE == caught.value.status


def test_a_locked_agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real agent that is locked says that it holds nothing, and signs nothing."""
    ask = home / "ask"
    ask.write_text("#!/bin/sh\necho lock\n")
    ask.chmod(0o755)
    asking = {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    with SshAgent(home) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        agent.add(make_key(home / "key"))
        signer = open_signer(None)
        agent.add("-x", environ=asking)
        assert "it is empty (ssh-add FILE), or locked (ssh-add -X)" in refused(None)[1][0]
        with pytest.raises(Refused, match=r"or the agent is locked \(ssh-add -X\)"):
            signer.sign(b"message")
        agent.add("-X", environ=asking)
        assert 64 == len(signer.sign(b"message").raw)


@pytest.mark.parametrize(("confirms", "signs"), [("/bin/true", True), ("/bin/false", False)])
def test_a_key_that_wants_to_be_confirmed(
    home: Path, monkeypatch: pytest.MonkeyPatch, confirms: str, signs: bool
) -> None:
    """ssh-add -c has the agent ask each time: who says yes signs, who says no is told so."""
    monkeypatch.setenv("SSH_ASKPASS", confirms)
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    with SshAgent(home) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        agent.add("-c", make_key(home / "key"))
        signer = open_signer(None)
        if signs:
            assert 64 == len(signer.sign(b"message").raw)
        else:
            with pytest.raises(Refused, match="that was not confirmed"):
                signer.sign(b"message")


def test_find_key_and_signer_are_values() -> None:
    """A key is found by its whole fingerprint only; a signer without a comment is called by it."""
    assert PAIR.keys[0] == find_key(PAIR, LAPTOP.key.fingerprint, "A")
    with pytest.raises(Refused):
        find_key(PAIR, LAPTOP.key.fingerprint[:-1], "A")
    assert LAPTOP.key.fingerprint == Signer(LAPTOP.key, "", lambda _: Signature(b"")).name
