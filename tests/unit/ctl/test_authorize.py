"""knockctl authorize: what is shown, asked and written, and what the daemon is asked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl import confirming, export_command
from knockd.ctl.cli import main
from knockd_conf.key_line import format_key_line
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.signer_files import (
    LAPTOP,
    LAPTOP_LINE,
    PHONE_LINE,
    TOKEN,
    write_config,
    write_keys,
)
from tests.support.samples.statuses import known_key, status

TODAY = time.strftime("%Y-%m-%d")
NONE_RUNS = "No daemon runs here: the next one that starts reads it.\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the subcommand with a configuration in the test's directory, which no daemon has."""
    monkeypatch.setenv("KNOCKD_SOCKET", str(tmp_path / "socket"))
    tmp_path.chmod(0o755)
    config = write_config(tmp_path)

    def run_authorize(*arguments: str) -> tuple[int, str, str]:
        status = main(["authorize", "-c", str(config), *arguments])
        return (status, *capfd.readouterr())

    return run_authorize


def test_a_first_key(run: Run, tmp_path: Path) -> None:
    """What it may is shown; its line is in a new file, and what its client needs is said."""
    given, out, err = run(LAPTOP_LINE, "--door", "ssh", "--yes")
    assert (given, err) == (0, "")
    path = tmp_path / "all"
    assert f'knock-doors="ssh" {LAPTOP_LINE}\n' == path.read_text()
    assert 0o600 == path.stat().st_mode & 0o7777
    assert (
        f"""\
key    ssh-ed25519 {LAPTOP.key.fingerprint}
whose  laptop
opens  ssh
until  for ever
from   anywhere
file   {path}
laptop is in {path} now.
{NONE_RUNS}What its client needs: knockctl export -c {tmp_path}/knockd.conf ssh --host THIS.SERVER
"""
        == out
    )
    assert not (tmp_path / "mail").exists()


def test_another_key(run: Run, tmp_path: Path) -> None:
    """It is added behind what is there; who may read the file may still."""
    path = write_keys(tmp_path / "all", "# mine", PHONE_LINE)
    path.chmod(0o644)
    assert 0 == run(LAPTOP_LINE, "--door", "ssh,web", "--yes")[0]
    assert f'# mine\n{PHONE_LINE}\nknock-doors="ssh,web" {LAPTOP_LINE}\n' == path.read_text()
    assert 0o644 == path.stat().st_mode & 0o7777


def test_restrictions(run: Run, tmp_path: Path) -> None:
    """The last day counts to its end; blanks between networks are nothing; a comment may be another one."""
    restrictions = ["--expires", "2999-12-31", "--from", "192.0.2.0/24, !192.0.2.7", "--comment", "my key"]
    given, out, _ = run(format_key_line(TOKEN), "--door", "mail", "-y", *restrictions)
    assert 0 == given
    line = format_key_line(TOKEN._replace(comment="my key"))
    assert (tmp_path / "mail").read_text() == (
        f'from="192.0.2.0/24,!192.0.2.7",expiry-time="29991231235959",knock-doors="mail" {line}\n'
    )
    assert "until  2999-12-31 23:59\nfrom   192.0.2.0/24, not 192.0.2.7\n" in out
    assert "key    sk-ssh-ed25519@openssh.com SHA256:" in out


def test_every_door(run: Run, tmp_path: Path) -> None:
    """Without --door the key opens all, and is in the file of each."""
    given, out, _ = run(LAPTOP_LINE, "--yes", "--expires", TODAY)
    assert 0 == given
    for name in ("all", "mail"):
        assert (
            tmp_path / name
        ).read_text() == f'expiry-time="{TODAY.replace("-", "")}235959" {LAPTOP_LINE}\n'
    assert f"laptop is in {tmp_path}/all and {tmp_path}/mail now.\n" in out


def test_a_folder_that_is_missing(run: Run, tmp_path: Path) -> None:
    """The directory of the file is made, for root alone."""
    write_config(
        tmp_path,
        "[options]\nSigned_Port = 1\nKnock_Secret = /s\nAuthorized_Keys = {}/etc/k\n[ssh]\nSequence = 1,2\n",
    )
    assert 0 == run(LAPTOP_LINE, "--yes")[0]
    assert f"{LAPTOP_LINE}\n" == (tmp_path / "etc" / "k").read_text()
    assert 0o700 == (tmp_path / "etc").stat().st_mode & 0o7777


@pytest.mark.parametrize(
    ("answer", "given", "message"),
    [
        (True, 0, ""),
        (False, 1, "nothing was added\n"),
        (None, 64, "nothing was added: expected a terminal to ask at, got none; --yes asks nothing\n"),
    ],
)
def test_a_question(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool | None,
    given: int,
    message: str,
) -> None:
    """Nothing is written before somebody says yes."""
    asked: list[str] = []

    def ask(question: str) -> bool | None:
        assert not (tmp_path / "all").exists()
        asked.append(question)
        return answer

    monkeypatch.setattr(confirming, "ask_yes_no", ask)
    found, out, err = run(LAPTOP_LINE, "--door", "ssh")
    assert (found, err) == (given, f"knockctl authorize: {message}" if message else "")
    assert ["Let this key knock?"] == asked
    assert (tmp_path / "all").exists() is (answer is True)
    assert "whose  laptop\n" in out


def test_a_key_that_is_there(run: Run, tmp_path: Path) -> None:
    """It is refused before anybody is asked, and the file stays as it is."""
    path = write_keys(tmp_path / "all", PHONE_LINE, LAPTOP_LINE)
    found, out, err = run(LAPTOP_LINE, "--door", "ssh")
    assert (found, out) == (1, "")
    assert err.startswith(f"knockctl authorize: {path}: line 2 has this key already, of laptop; to change")
    assert f"{PHONE_LINE}\n{LAPTOP_LINE}\n" == path.read_text()


def test_a_key_that_came_meanwhile(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who adds the same key while the question is open was first."""

    def ask(_question: str) -> bool:
        write_keys(tmp_path / "all", LAPTOP_LINE)
        return True

    monkeypatch.setattr(confirming, "ask_yes_no", ask)
    found, _, err = run(LAPTOP_LINE, "--door", "ssh")
    assert 1 == found
    assert f"{tmp_path}/all: line 1 has this key already" in err


def test_a_disk_that_is_full(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is told, and the old file is there."""
    path = write_keys(tmp_path / "all", PHONE_LINE)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.rename", fail)
        found, _, err = run(LAPTOP_LINE, "--door", "ssh", "--yes")
    assert (found, err) == (73, f"knockctl authorize: {path}: No space left on device\n")
    assert f"{PHONE_LINE}\n" == path.read_text()


def test_a_file_that_others_can_change(run: Run, tmp_path: Path) -> None:
    """Where others can say who knocks nothing is added."""
    path = write_keys(tmp_path / "all")
    path.chmod(0o666)
    found, _, err = run(LAPTOP_LINE, "--door", "ssh", "--yes")
    assert 73 == found
    assert f"others than its owner may change it (mode 0666), run chmod go-w {path}" in err


def test_the_daemon_reloads(run: Run, tmp_path: Path, daemon: CannedDaemon) -> None:
    """A daemon that runs has the key when the command ends."""
    daemon.answers["Status"] = status(config=f"{tmp_path}/knockd.conf")
    daemon.answers["Reload"] = {"doors": 4, "notes": []}
    keys = [known_key(f"{tmp_path}/all", LAPTOP.key.fingerprint)]
    daemon.answers["Keys"] = {"keys": keys, "keys_total": 1}
    found, out, _ = run(LAPTOP_LINE, "--door", "ssh", "--yes")
    assert 0 == found
    assert "The daemon has reloaded: this holds from now on.\n" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--expires", "tomorrow"], "--expires: expected a day as YYYY-MM-DD, got 'tomorrow'"),
        (["--expires", "2020-01-01"], "--expires: expected a day that is not over, got '2020-01-01'"),
        (["--comment", "a\nb"], r"--comment: expected text without control characters, got 'a\nb'"),
        (["--socket", ""], "--socket: expected a path, got ''"),
    ],
)
def test_mistakes(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    """A mistake of the command line writes nothing."""
    expected = f"knockctl authorize: {message}\ntry 'knockctl authorize --help'\n"
    assert (64, "", expected) == run(LAPTOP_LINE, "--yes", *arguments)
    assert not (tmp_path / "all").exists()


def test_from_somewhere_that_is_none(run: Run) -> None:
    """What from= cannot hold is told as a mistake of --from."""
    found, _, err = run(LAPTOP_LINE, "--yes", "--from", "home.example.org")
    assert 64 == found
    assert err.startswith("knockctl authorize: --from: ")


def test_no_such_door(run: Run) -> None:
    """A door that is none is told, with those that are."""
    found, _, err = run(LAPTOP_LINE, "--door", "shh")
    assert 64 == found
    assert "there is no door 'shh'; did you mean 'ssh'?" in err


def test_a_private_key(run: Run) -> None:
    """A private key is refused before its words are read as options, and none is shown."""
    found, out, err = run("-----BEGIN", "OPENSSH", "PRIVATE", "KEY-----", "b3BlbnNzaC1rZXktdjEAAAAAsecret")
    assert (found, out) == (64, "")
    assert "use that key no more" in err
    assert "secret" not in err


def test_a_bad_configuration(run: Run, tmp_path: Path) -> None:
    """Its problems are told, and nothing is written."""
    write_config(tmp_path, "[options]\nSigned_Port = 1\n[ssh]\nSequence = 1,2\n")
    found, _, err = run(LAPTOP_LINE, "--yes")
    assert 78 == found
    assert "expected Knock_Secret = FILE in [options] too, got none" in err


def test_the_usual_configuration(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line is short where the configuration is the usual one."""
    monkeypatch.setattr(export_command, "DEFAULT_CONFIG", os.path.join(tmp_path, "knockd.conf"))
    assert "What its client needs: knockctl export ssh --host THIS.SERVER\n" in run(LAPTOP_LINE, "-y")[1]
