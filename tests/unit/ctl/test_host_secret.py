"""knockctl keygen --host: the knock secret of this host, and what the configuration lacks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl import host_secret
from knockd.ctl.cli import main
from knockd.ctl.door_config import read_config
from knockd.ctl.host_secret import advise, choose_free_port, propose
from knockd_conf.knock_secret import format_secret, parse_secret
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol

SECRET = bytes(range(32))
LINE = format_secret(SECRET)
Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("guarded")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the subcommand: status, standard output and standard error. The free port is 4711."""
    monkeypatch.setattr(host_secret, "DEFAULT_SECRET", str(tmp_path / "etc" / "knock_secret"))
    monkeypatch.setattr(host_secret, "choose_free_port", lambda _config: 4711)

    def keygen(*arguments: str, config: str | None = "") -> tuple[int, str, str]:
        path = tmp_path / "knockd.conf"
        if config is not None:
            path.write_text(config)
            path.chmod(0o600)
        status = main(["keygen", "-c", str(path), *arguments])
        return (status, *capfd.readouterr())

    return keygen


def test_a_first_secret(run: Run, tmp_path: Path, guarded: list[str]) -> None:
    """A secret is made, and its directory, for its owner alone; no core and no line printed has it."""
    status, out, err = run("--host")
    path = tmp_path / "etc" / "knock_secret"
    assert (0, "") == (status, err)
    assert 0o600 == path.stat().st_mode & 0o7777
    assert 0o700 == path.parent.stat().st_mode & 0o7777
    assert 32 == len(parse_secret(path.read_bytes()))
    assert path.read_text().splitlines()[-1] not in out
    assert ["no core"] == guarded
    assert (
        f"""\
{path} has the knock secret of this host now.
These lines belong into [options] of {tmp_path}/knockd.conf:

    Signed_Port     = 4711
    Knock_Secret    = {path}
    Authorized_Keys = /etc/knockd/authorized_keys

The keys in Authorized_Keys open all doors then, but those with Signed_Port = none. As root:

    knockd -t -c {tmp_path}/knockd.conf
    knockctl authorize -c {tmp_path}/knockd.conf FILE.pub --door DOOR
"""
        == out
    )


def test_two_secrets_are_not_alike(run: Run, tmp_path: Path) -> None:
    """Every host has another one."""
    found = set()
    for name in ("one", "two"):
        assert 0 == run("--host", str(tmp_path / name))[0]
        found.add(parse_secret((tmp_path / name).read_bytes()))
    assert 2 == len(found)


def test_a_secret_that_is_there(run: Run, tmp_path: Path) -> None:
    """It is kept, for clients have it, and that is said; what the configuration lacks is printed."""
    path = tmp_path / "secret"
    path.write_text(f"# mine\n{LINE}\n")
    path.chmod(0o600)
    config = f"[options]\nSigned_Port = 7\nKnock_Secret = {path}\nAuthorized_Keys = /k\n[a]\nSequence = 1,2\n"
    status, out, _ = run("--host", config=config)
    assert 0 == status
    assert f"# mine\n{LINE}\n" == path.read_text()
    assert f"{path} has the knock secret of this host already, and keeps it." == out.splitlines()[0]
    assert f"{tmp_path}/knockd.conf has all that it needs. Let keys in, as root:" in out
    assert "knockd -t" not in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("root:x:0\n", "line 1: expected base64 of 32 bytes"),
        (f"{LINE}\n{LINE}\n", "line 2: expected one line with the knock secret, got another"),
    ],
)
def test_another_file(run: Run, tmp_path: Path, text: str, message: str) -> None:
    """A file with something else is left as it is, and no message shows a line of it."""
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    status, out, err = run("--host", str(path))
    assert (1, "") == (status, out)
    assert err.startswith(f"knockctl keygen: {path}: {message}")
    assert LINE not in err
    assert text == path.read_text()


def test_where_it_cannot_be(run: Run, tmp_path: Path) -> None:
    """A file that others can read is refused; a directory that is named and missing is to be made first."""
    path = tmp_path / "secret"
    path.touch(0o644)
    path.chmod(0o644)
    status, _, err = run("--host", str(path))
    assert 73 == status
    assert f"run chmod 600 {path}" in err
    assert 0 == path.stat().st_size
    status, _, err = run("--host", str(tmp_path / "no" / "secret"))
    assert 73 == status
    assert f"make its directory first: install -d -m 700 {tmp_path}/no\n" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alice", "--host"], "NAME: expected without --host, which makes no key but the host's secret"),
        (
            ["--host", "--file", "x"],
            "--file: expected without --host, which makes no key but the host's secret",
        ),
        (
            ["--host", "--expires", "2030-01-01"],
            "--expires: expected without --host, which makes no key but the host's secret",
        ),
        (["--host", ""], "--host: expected a file, got ''"),
        (["alice"], "--config: expected with --host only"),
    ],
)
def test_mistakes(run: Run, arguments: list[str], message: str) -> None:
    """A mistake of the command line makes nothing."""
    assert run(*arguments) == (64, "", f"knockctl keygen: {message}\ntry 'knockctl keygen --help'\n")


def test_what_a_configuration_lacks(tmp_path: Path) -> None:
    """Only that is proposed; a port at a door is a port, and a secret elsewhere is not this one."""
    path = tmp_path / "knockd.conf"

    def lacking(text: str) -> list[tuple[str, str]]:
        path.write_text(text)
        path.chmod(0o600)
        return list(propose(read_config(str(path)), "/s", lambda: 9))

    secret, authorized = ("Knock_Secret", "/s"), ("Authorized_Keys", "/etc/knockd/authorized_keys")
    door = "[a]\nSequence = 1,2\n"
    assert [("Signed_Port", "9"), secret, authorized] == list(propose(None, "/s", lambda: 9))
    assert [("Signed_Port", "9"), secret, authorized] == lacking(door)
    assert [("Signed_Port", "9"), authorized] == lacking(f"[options]\nKnock_Secret = /s\n{door}")
    own = f"{door}Signed_Port = 4\nAuthorized_Keys = /a\n"
    assert [secret] == lacking(f"[options]\nKnock_Secret = /old\n{own}")
    assert [] == lacking(f"[options]\nKnock_Secret = /s\n{own}")


def test_the_usual_place() -> None:
    """With the usual configuration no command names it."""
    said = "\n".join(advise([("Signed_Port", "9")], "/etc/knockd.conf"))
    assert "    knockd -t\n    knockctl authorize FILE.pub --door DOOR" in said


def test_a_free_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none that is in use, from which clients of this host connect, or that is knocked at."""
    path = tmp_path / "knockd.conf"
    path.write_text("[options]\nGuard_Ports = 1027:udp\n[a]\nSequence = 1024,1025:udp\n")
    path.chmod(0o600)
    monkeypatch.setattr("knockd.net.ports_in_use.ports_in_use", lambda: {Step(1_026, Protocol.UDP)})
    monkeypatch.setattr("knockd.init.ports.ENOUGH", 1)
    asked: list[int] = []

    def first(count: int) -> int:
        asked.append(count)
        return 0

    monkeypatch.setattr("secrets.randbelow", first)
    monkeypatch.setattr("knockd.init.host._RANGE", os.devnull)
    monkeypatch.setattr("knockd.init.host._SERVICES", os.devnull)
    assert 1_028 == choose_free_port(read_config(str(path)))
    assert 1_024 == choose_free_port(None)
    assert all(20_000 < count < 40_000 for count in asked)
