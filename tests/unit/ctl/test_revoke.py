"""knockctl revoke: which key is meant, and that it is nowhere any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl import confirming
from knockd.ctl.cli import main
from knockd_conf.authorized_keys import format_authorized
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.signer_files import (
    LAPTOP,
    LAPTOP_LINE,
    PHONE,
    PHONE_LINE,
    TOKEN_LINE,
    write_config,
    write_keys,
)
from tests.support.samples.statuses import known_key, status

Run = Callable[..., tuple[int, str, str]]
LEASES = "What it has opened stays open until its time is over: knockctl status, knockctl close.\n"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the subcommand with a configuration in the test's directory, which no daemon has."""
    monkeypatch.setenv("KNOCKD_SOCKET", str(tmp_path / "socket"))
    tmp_path.chmod(0o755)
    config = write_config(tmp_path)
    write_keys(tmp_path / "all", "# mine", LAPTOP_LINE, PHONE_LINE)
    write_keys(tmp_path / "mail", TOKEN_LINE, LAPTOP_LINE)

    def run_revoke(*arguments: str) -> tuple[int, str, str]:
        found = main(["revoke", "-c", str(config), *arguments])
        return (found, *capfd.readouterr())

    return run_revoke


def test_a_comment(run: Run, tmp_path: Path) -> None:
    """The key of a comment is shown and goes; all else stays."""
    found, out, err = run("phone", "--yes")
    assert (found, err) == (0, "")
    assert f"# mine\n{LAPTOP_LINE}\n" == (tmp_path / "all").read_text()
    assert (
        f"""\
key    ssh-ed25519 {PHONE.key.fingerprint}
whose  phone
opens  ssh, web
       (every door with this file, also those that come)
until  for ever
from   anywhere
file   {tmp_path}/all:3
phone is not in {tmp_path}/all any more.
No daemon runs here: the next one that starts reads it.
{LEASES}"""
        == out
    )


@pytest.mark.parametrize("who", ["laptop", LAPTOP.key.fingerprint, LAPTOP.key.fingerprint[:20]])
def test_every_file(run: Run, tmp_path: Path, who: str) -> None:
    """A key goes out of every file that has it."""
    found, out, _ = run(who, "-y")
    assert 0 == found
    assert f"# mine\n{PHONE_LINE}\n" == (tmp_path / "all").read_text()
    assert f"{TOKEN_LINE}\n" == (tmp_path / "mail").read_text()
    assert f"laptop is not in {tmp_path}/all and {tmp_path}/mail any more.\n" in out


def test_two_keys_of_one_comment(run: Run, tmp_path: Path) -> None:
    """Which one is meant has to be said."""
    write_keys(tmp_path / "mail", format_authorized(PHONE._replace(comment="laptop")))
    found, out, err = run("laptop", "--yes")
    assert (found, out) == (1, "")
    assert err == (
        "knockctl revoke: 2 keys are called 'laptop': name one of"
        f" {LAPTOP.key.fingerprint}, {PHONE.key.fingerprint}\n"
    )


@pytest.mark.parametrize(
    ("who", "hint"), [("lapdop", "did you mean 'laptop'?"), ("SHA256:aaaaaaaaaa", "knockctl keys lists them")]
)
def test_no_such_key(run: Run, who: str, hint: str) -> None:
    """What is near is named."""
    expected = f"knockctl revoke: no key has the fingerprint or the comment '{who}'; {hint}\n"
    assert (1, "", expected) == run(who)


def test_a_file_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    """A key may be in it, so that is what is said."""
    (tmp_path / "mail").chmod(0o666)
    found, _, err = run("tablet")
    assert 66 == found
    assert f"{tmp_path}/mail: others than its owner may change it" in err


@pytest.mark.parametrize("answer", [True, False])
def test_a_question(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    """Nothing changes before somebody says yes."""
    monkeypatch.setattr(confirming, "ask_yes_no", lambda _: answer)
    found, out, err = run("phone")
    assert (found, err) == ((0, "") if answer else (1, "knockctl revoke: nothing was removed\n"))
    assert (PHONE_LINE in (tmp_path / "all").read_text()) is not answer
    assert "whose  phone\n" in out


def test_a_key_that_has_gone_meanwhile(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has removed it while the question is open was first."""

    def ask(_question: str) -> bool:
        write_keys(tmp_path / "all", LAPTOP_LINE)
        return True

    monkeypatch.setattr(confirming, "ask_yes_no", ask)
    expected = f"knockctl revoke: {tmp_path}/all: the key is not in it any more\n"
    found, _, err = run("phone")
    assert (found, err) == (1, expected)


def test_a_disk_that_is_full(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is told, and the old file is there."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.rename", fail)
        found, _, err = run("phone", "--yes")
    assert (found, err) == (73, f"knockctl revoke: {tmp_path}/all: No space left on device\n")
    assert PHONE_LINE in (tmp_path / "all").read_text()


def test_the_daemon_reloads(run: Run, tmp_path: Path, daemon: CannedDaemon) -> None:
    """A daemon that runs has the key no more when the command ends; another file may have it still."""
    daemon.answers["Status"] = status(config=f"{tmp_path}/knockd.conf")
    daemon.answers["Reload"] = {"doors": 4, "notes": []}
    keys = [known_key(f"{tmp_path}/other", PHONE.key.fingerprint)]
    daemon.answers["Keys"] = {"keys": keys, "keys_total": 1}
    found, out, _ = run("phone", "--yes")
    assert 0 == found
    assert "The daemon has reloaded: this holds from now on.\n" in out


def test_mistakes(run: Run) -> None:
    """A key has to be named."""
    message = "the following arguments are required: FINGERPRINT|COMMENT"
    assert (64, "", f"knockctl revoke: {message}\ntry 'knockctl revoke --help'\n") == run()
