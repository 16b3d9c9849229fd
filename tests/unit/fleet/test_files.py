"""The files of the fleet: read once, by the child, from where nobody else could have put them."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.fleet.files import MAX_PASSWORD, MAX_SIZE, Secrets, find_unusable, read_secrets
from knockd_conf.model import Options
from knockd_conf.trust import TrustPolicy

KEY = bytes(range(32))
POLICY = TrustPolicy.current(allow_insecure=True)


def private(path: Path, data: bytes) -> str:
    """A file for its owner alone."""
    path.write_bytes(data)
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """Options with a good key."""
    return Options(fleet_key=private(tmp_path / "key", b"# fleet\n" + b64encode(KEY) + b"\n"))


def test_the_key(options: Options) -> None:
    """Without other files there is the key alone."""
    assert read_secrets(options, POLICY) == Secrets(KEY, None, None)


def test_all(options: Options, tmp_path: Path) -> None:
    """The password is the first line, the certificates are the whole file, which others may read."""
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    password = private(tmp_path / "password", b"s p\xc3\xa4ce\r\nmore\n")
    found = read_secrets(replace(options, fleet_password=password, fleet_ca=str(ca)), POLICY)
    assert found[1:] == ("s päce", "-----BEGIN CERTIFICATE-----\n")


@pytest.mark.parametrize("data", [b"", b"\ns3cret", b"x" * (MAX_PASSWORD + 1), b"\xff\xfe"])
def test_no_password(options: Options, tmp_path: Path, data: bytes) -> None:
    """One that cannot be is named by its file, and not shown."""
    path = private(tmp_path / "password", data)
    with pytest.raises(OSError, match="password") as caught:
        read_secrets(replace(options, fleet_password=path), POLICY)
    assert "s3cret" not in str(caught.value).rpartition("password: ")[2]


def test_no_key(tmp_path: Path) -> None:
    """One that is missing, or none, is named by its file."""
    with pytest.raises(OSError, match="missing: No such file"):
        read_secrets(Options(fleet_key=str(tmp_path / "missing")), POLICY)
    with pytest.raises(OSError, match="short: "):
        read_secrets(Options(fleet_key=private(tmp_path / "short", b64encode(KEY[:16]))), POLICY)


@pytest.mark.parametrize("name", ["fleet_key", "fleet_password"])
def test_others_can_read_it(options: Options, tmp_path: Path, name: str) -> None:
    """A secret that others can read is none."""
    path = private(tmp_path / "open", b64encode(KEY))
    os.chmod(path, 0o644)
    with pytest.raises(OSError, match="open: "):
        read_secrets(replace(options, **{name: path}), TrustPolicy.current())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected certificates in PEM, got none"),
        ("x" * (MAX_SIZE + 1), f"expected at most {MAX_SIZE} bytes"),
    ],
)
def test_no_certificates(options: Options, tmp_path: Path, text: str, reason: str) -> None:
    """A file with something else, or with too much, is named."""
    ca = tmp_path / "ca.pem"
    ca.write_text(text)
    with pytest.raises(OSError, match=f"ca.pem: {reason}"):
        read_secrets(replace(options, fleet_ca=str(ca)), POLICY)


def test_names_beside_certificates(options: Options, tmp_path: Path) -> None:
    """Bundles have names of authorities between certificates, in any alphabet; OpenSSL takes ASCII alone."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes("# Főtanúsítvány\n-----BEGIN CERTIFICATE-----\n".encode())
    found = read_secrets(replace(options, fleet_ca=str(ca)), POLICY).ca
    assert "# Ftanstvny\n-----BEGIN CERTIFICATE-----\n" == found


def test_all_that_cannot_be_used(options: Options) -> None:
    """Each by its field; what is not named is not looked at."""
    assert [] == list(find_unusable(options, POLICY))
    bad = replace(options, fleet_key="/no/key", fleet_ca="/no/ca")
    found = [(field, error.strerror) for field, error in find_unusable(bad, POLICY)]
    missing = "No such file or directory"
    assert [("fleet_key", f"/no/key: {missing}"), ("fleet_ca", f"/no/ca: {missing}")] == found
