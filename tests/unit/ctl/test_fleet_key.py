"""knockctl keygen --fleet: the key of gateways that share a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl import fleet_key
from knockd.ctl.cli import main
from knockd.ctl.fleet_key import advise
from knockd_conf.knock_secret import FLEET, format_secret, parse_secret

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("guarded", "usual")


@pytest.fixture
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key is made when no file is named."""
    path = tmp_path / "etc" / "fleet_key"
    monkeypatch.setattr(fleet_key, "DEFAULT_KEY", str(path))
    return path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the subcommand: status, standard output and standard error."""

    def keygen(*arguments: str) -> tuple[int, str, str]:
        status = main(["keygen", *arguments])
        return (status, *capfd.readouterr())

    return keygen


def test_a_first_key(run: Run, usual: Path, guarded: list[str]) -> None:
    """A key is made, and its directory, for its owner alone; no core and no line printed has it."""
    status, out, err = run("--fleet")
    assert (0, "") == (status, err)
    assert 0o600 == usual.stat().st_mode & 0o7777
    assert 0o700 == usual.parent.stat().st_mode & 0o7777
    comment, line = usual.read_text().splitlines()
    assert FLEET.comment == comment
    assert 32 == len(parse_secret(usual.read_bytes()))
    assert line not in out
    assert ["no core"] == guarded
    assert [f"{usual} has the key of a fleet now.", *advise(str(usual))] == out.splitlines()


def test_two_keys_are_not_alike(run: Run, tmp_path: Path) -> None:
    """Every fleet has another one."""
    found = set()
    for name in ("one", "two"):
        assert 0 == run("--fleet", str(tmp_path / name))[0]
        found.add(parse_secret((tmp_path / name).read_bytes()))
    assert 2 == len(found)


def test_a_key_that_is_there(run: Run, tmp_path: Path) -> None:
    """It is kept, for the other gateways have it, and that is said."""
    path = tmp_path / "key"
    assert 0 == run("--fleet", str(path))[0]
    before = path.read_bytes()
    status, out, _ = run("--fleet", str(path))
    assert 0 == status
    assert before == path.read_bytes()
    assert f"{path} has the key of a fleet already, and keeps it." == out.splitlines()[0]


def test_another_file(run: Run, tmp_path: Path) -> None:
    """A file with something else is left as it is, and no message shows a line of it."""
    path = tmp_path / "key"
    path.write_text("root:x:0\n")
    path.chmod(0o600)
    problem = "line 1: expected base64 of 32 bytes: 'knockctl keygen --fleet' makes one"
    said = f"knockctl keygen: {path}: {problem}; mend it, or name another file\n"
    assert (1, "", said) == run("--fleet", str(path))
    assert "root:x:0\n" == path.read_text()


def test_where_it_cannot_be(run: Run, tmp_path: Path) -> None:
    """A file that others can read is refused; a directory that is named and missing is to be made first."""
    path = tmp_path / "key"
    path.write_text(format_secret(bytes(32)))
    path.chmod(0o644)
    status, _, err = run("--fleet", str(path))
    assert 73 == status
    assert f"run chmod 600 {path}" in err
    status, _, err = run("--fleet", str(tmp_path / "no" / "key"))
    assert 73 == status
    assert f"make its directory first: install -d -m 700 {tmp_path}/no\n" in err


OTHERS = "expected without --fleet, which makes no key but the fleet's"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alice", "--fleet"], f"NAME: {OTHERS}"),
        (["--fleet", "--file", "x"], f"--file: {OTHERS}"),
        (["--fleet", "--expires", "2030-01-01"], f"--expires: {OTHERS}"),
        (["--fleet", ""], "--fleet: expected a file, got ''"),
        (["--fleet", "-c", "x"], "--config: expected with --host only"),
        (["--fleet", "--host"], "--fleet: expected without --host"),
    ],
)
def test_mistakes(run: Run, usual: Path, arguments: list[str], message: str) -> None:
    """A mistake of the command line makes nothing."""
    assert (64, "", f"knockctl keygen: {message}\ntry 'knockctl keygen --help'\n") == run(*arguments)
    assert not usual.exists()


def test_what_to_do_next() -> None:
    """Names are quoted where a shell reads them, and as they are in the configuration."""
    said = list(advise("/etc/my fleet"))
    assert "    scp -p '/etc/my fleet' OTHER.GATEWAY:'/etc/my fleet'" in said
    assert "    Fleet_Key = /etc/my fleet" in said
