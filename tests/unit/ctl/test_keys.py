"""knockctl keys: whose signed knocks open which doors, and what is not well with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl import export_command
from knockd.ctl.cli import main
from knockd_conf.authorized_keys import format_authorized
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.signer_files import (
    LAPTOP,
    LAPTOP_LINE,
    PHONE,
    PHONE_LINE,
    write_config,
    write_keys,
)
from tests.support.samples.statuses import door, known_key, signing, status

Run = Callable[..., tuple[int, str, str]]
ALONE = "note: no daemon runs here, so this is what the files say\n"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the subcommand with a configuration in the test's directory, which no daemon has."""
    monkeypatch.setenv("KNOCKD_SOCKET", str(tmp_path / "socket"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TZ", "UTC")
    tmp_path.chmod(0o755)
    config = write_config(tmp_path)
    write_keys(tmp_path / "all", LAPTOP_LINE)
    write_keys(tmp_path / "mail", PHONE_LINE)

    def list_keys(*arguments: str) -> tuple[int, str, str]:
        found = main(["keys", "-c", str(config), *arguments])
        return (found, *capfd.readouterr())

    return list_keys


@pytest.fixture
def running(daemon: CannedDaemon, tmp_path: Path) -> CannedDaemon:
    """A daemon that has the keys of the files."""
    doors = [door("ssh", signed=signing()), door("mail", signed=signing()), door("old", signed=None)]
    daemon.answers["Status"] = status(config=f"{tmp_path}/knockd.conf", doors=doors, doors_total=3)
    known = [
        known_key(f"{tmp_path}/all", LAPTOP.key.fingerprint, knocked=0.0, address="203.0.113.7"),
        known_key(f"{tmp_path}/mail", PHONE.key.fingerprint, comment="phone"),
    ]
    daemon.answers["Keys"] = {"keys": known, "keys_total": 2}
    return daemon


def test_no_daemon(run: Run, tmp_path: Path) -> None:
    """Without a daemon the files are read, and that is said."""
    found, out, err = run()
    assert (found, err) == (0, "")
    head, laptop, phone, *rest = out.splitlines(keepends=True)
    assert ["WHO", "KEY", "OPENS", "UNTIL", "FROM", "LAST", "KNOCK"] == head.split()
    assert f"laptop  {LAPTOP.key.fingerprint}  ssh, web  for ever  anywhere  ?\n" == laptop
    assert phone.startswith(f"phone   {PHONE.key.fingerprint}  mail ")
    client = f"What a client needs: knockctl export -c {tmp_path}/knockd.conf ssh --host THIS.SERVER\n"
    assert [ALONE, client] == rest


@pytest.mark.usefixtures("running")
def test_a_daemon(run: Run) -> None:
    """The daemon knows when each knocked last, and from where."""
    found, out, _ = run()
    assert 0 == found
    assert "anywhere  Jan  1 00:00 203.0.113.7\n" in out
    assert "anywhere  never\n" in out
    assert "note: " not in out


def test_what_is_not_well(run: Run, running: CannedDaemon, tmp_path: Path) -> None:
    """Mistakes in files, doors that wait, and keys that the daemon has not read come first."""
    write_keys(tmp_path / "all", LAPTOP_LINE, "nonsense", format_authorized(PHONE))
    (tmp_path / "mail").unlink()
    waiting = signing("the clock of this host is not trusted")
    running.answers["Status"] = status(config=f"{tmp_path}/knockd.conf", doors=[door("ssh", signed=waiting)])
    found, out, _ = run()
    assert 1 == found
    first, clock, line, gone, unread, extra, *_ = out.splitlines()
    assert first == "5 things are not well:"
    assert clock == "  no signed knock opens ssh now: the clock of this host is not trusted"
    assert line.startswith(f"  {tmp_path}/all: line 2: expected")
    assert gone == f"  {tmp_path}/mail: No such file or directory"
    assert unread == f"  {tmp_path}/all:3: the daemon has not read this key yet: knockctl reload"
    assert extra == f"  {tmp_path}/mail: the daemon has a key still that is not in it: knockctl reload"


def test_json(run: Run, running: CannedDaemon, tmp_path: Path) -> None:
    """Programs get the same, with every field."""
    found, out, _ = run("--json")
    reply = json.loads(out)
    assert 0 == found
    assert (reply["asked"], reply["problems"], reply["notes"]) == (True, [], [])
    laptop, phone = reply["keys"]
    assert {
        "path": f"{tmp_path}/all",
        "line": 1,
        "fingerprint": LAPTOP.key.fingerprint,
        "comment": "laptop",
        "hardware": False,
        "doors": ["ssh", "web"],
        "doors_total": 2,
        "every_door": True,
        "expires": None,
        "allow": [],
        "deny": [],
        "loaded": True,
        "knocked": 0.0,
        "address": "203.0.113.7",
        "expired": False,
    } == laptop
    assert phone["knocked"] is None
    running.stop()
    (tmp_path / "mail").unlink()
    found, out, _ = run("--json")
    reply = json.loads(out)
    assert 1 == found
    assert (reply["asked"], reply["problems"]) == (False, [f"{tmp_path}/mail: No such file or directory"])
    assert ["no daemon runs here, so this is what the files say"] == reply["notes"]


def test_another_configuration(run: Run, running: CannedDaemon) -> None:
    """A daemon with another configuration says nothing of these files."""
    running.answers["Status"] = status()
    _, out, _ = run()
    assert "note: the daemon that runs has another configuration, /etc/knockd.conf\n" in out
    assert "anywhere  ?\n" in out


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (
            ("NotNow", {"life": "ending"}),
            "the daemon was not asked, so this is what the files say: it says NotNow",
        ),
        ({"keys": [{}], "keys_total": 1}, "the daemon is of another version ('path' is not as expected)"),
    ],
)
def test_a_daemon_that_does_not_say(run: Run, running: CannedDaemon, answer: object, note: str) -> None:
    """Whatever it says instead, the files are read."""
    running.answers["Keys"] = answer  # type: ignore[assignment]
    found, out, _ = run()
    assert 0 == found
    assert f"note: {note}" in out


def test_a_socket_that_may_not_be_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not ask the daemon is told so."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert "note: the daemon was not asked, so this is what the files say: no right to " in run()[1]


def test_without_the_configuration(run: Run, running: CannedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may look at the daemon and not at the configuration sees what the daemon knows."""
    monkeypatch.setattr("os.geteuid", lambda: 1_000)
    monkeypatch.setattr("os.access", lambda *_: False)
    found, out, _ = run()
    assert 0 == found
    assert f"laptop  {LAPTOP.key.fingerprint}  ssh    for ever  ?     Jan  1 00:00 203.0.113.7\n" in out
    assert "note: only root may read " in out
    running.stop()
    found, out, err = run()
    assert (found, out) == (77, "")
    assert "only root may read" in err


def test_nobody(run: Run, tmp_path: Path) -> None:
    """Without keys it is said how the first one comes in."""
    write_config(tmp_path, "[ssh]\nSequence = 1,2\n")
    found, out, _ = run()
    assert 0 == found
    assert out == f"No key may knock: knockctl authorize FILE.pub lets one in.\n{ALONE}"


def test_the_usual_configuration(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line is short where the configuration is the usual one."""
    monkeypatch.setattr(export_command, "DEFAULT_CONFIG", f"{tmp_path}/knockd.conf")
    assert "What a client needs: knockctl export ssh --host THIS.SERVER\n" in run()[1]


def test_mistakes(run: Run) -> None:
    """It takes no arguments."""
    message = "unrecognized arguments: x"
    assert (64, "", f"knockctl keys: {message}\ntry 'knockctl keys --help'\n") == run("x")
