"""The key that -k names."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.client.key_files import KeyFile, read_key
from knockd.client.status import CONFIG, NO_INPUT, Refused
from knockd_conf.ssh_keys import PublicKey
from tests.support.doubles.fake_agent import SoftKey
from tests.support.lab.ssh_agent import make_key, print_fingerprint

OTHER = SoftKey(3, "other")


def refused(path: Path) -> tuple[int, str]:
    """Status and message where a key is refused; the message without the file's place."""
    with pytest.raises(Refused) as caught:
        read_key(str(path))
    (message,) = caught.value.messages
    assert message.startswith(f"key {path}")
    return caught.value.status, message.partition(": ")[2]


def test_a_pair(tmp_path: Path) -> None:
    """Either file of a pair names the key, its comment, and the file that signs."""
    path = make_key(tmp_path / "key", "lap top", "secret")
    found = read_key(str(path))
    assert (print_fingerprint(path), "lap top", str(path)) == (found.key.fingerprint, *found[1:])
    assert found == read_key(f"{path}.pub")


def test_one_file_of_a_pair(tmp_path: Path) -> None:
    """A private key alone has no comment; a public one alone nothing to sign with, by either name."""
    path = make_key(tmp_path / "key", "lap top")
    public = tmp_path / "key.pub"
    line = public.read_text()
    public.unlink()
    assert ("", str(path)) == read_key(str(path))[1:]
    path.unlink()
    public.write_text(line)
    assert ("lap top", None) == read_key(str(path))[1:]
    assert ("lap top", None) == read_key(str(public))[1:]
    public.rename(path)
    assert ("lap top", None) == read_key(str(path))[1:]


def test_a_public_file_of_another_key(tmp_path: Path) -> None:
    """What stands in the private file counts: the other key's comment is not its own."""
    path = make_key(tmp_path / "key", "lap top")
    (tmp_path / "key.pub").write_text(OTHER.line)
    found = read_key(str(path))
    assert (print_fingerprint_of(path), "") == (found.key.fingerprint, found.comment)
    (tmp_path / "key.pub").write_text("ssh-rsa AAAA\n")
    assert "" == read_key(str(path)).comment


def print_fingerprint_of(path: Path) -> str:
    """The fingerprint of a private key's file, whatever lies beside it."""
    alone = path.with_name("alone")
    alone.write_bytes(path.read_bytes())
    alone.chmod(0o600)
    return print_fingerprint(alone)


def test_other_kinds_are_named(tmp_path: Path) -> None:
    """A key that cannot sign a knock is refused by its kind, with what to do."""
    rsa = make_key(tmp_path / "rsa", kind="rsa")
    ecdsa = make_key(tmp_path / "ecdsa", kind="ecdsa")
    either = "ssh-ed25519 or sk-ssh-ed25519@openssh.com"
    advice = "'ssh-keygen -t ed25519' makes one"
    for path, kind in ((rsa, "ssh-rsa"), (ecdsa, "ecdsa-sha2-nistp256")):
        assert (CONFIG, f"expected a key of type {either}, got {kind}; {advice}") == refused(path)
        public = path.with_suffix(".pub")
        assert (CONFIG, f"expected a key of type {either}, got {kind}: {advice}") == refused(public)


def test_an_old_format(tmp_path: Path) -> None:
    """What is public of it stands beside it, or nowhere."""
    path = tmp_path / "key"
    path.write_text("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n")
    path.chmod(0o600)
    expected = f"expected OpenSSH's format, or {path}.pub beside it, got -----BEGIN RSA PRIVATE KEY-----"
    assert (CONFIG, expected) == refused(path)
    (tmp_path / "key.pub").write_text(OTHER.line)
    assert KeyFile(OTHER.key, "other", str(path)) == read_key(str(path))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """What is missing, unreadable or no key is told apart."""
    path = tmp_path / "key"
    assert (NO_INPUT, "expected a private or a public key, got no such file") == refused(path)
    assert (NO_INPUT, "expected a private or a public key, got no such file") == refused(tmp_path / "key.pub")
    path.mkdir()
    assert (NO_INPUT, "Is a directory") == refused(path)
    path.rmdir()
    path.write_text("hello\n")
    assert (CONFIG, "expected a line that begins with ssh-ed25519 or sk-ssh-ed25519@openssh.com") == refused(
        path
    )


def test_a_private_key_that_others_can_read(tmp_path: Path) -> None:
    """It is refused as ssh refuses it; a public one may be read by everybody."""
    path = make_key(tmp_path / "key")
    path.chmod(0o640)
    status, message = refused(path)
    assert (CONFIG, "expected mode 0600, got 0640") == (status, message.partition(";")[0])
    (tmp_path / "key.pub").chmod(0o644)
    assert isinstance(read_key(str(tmp_path / "key.pub")).key, PublicKey)
