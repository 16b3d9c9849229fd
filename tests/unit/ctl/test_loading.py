"""The daemon that runs is asked to take files of keys, and what becomes of that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from knockd.control.client import Control
from knockd.ctl import loading
from knockd.ctl.loading import Keys, list_keys, load_keys
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.statuses import known_key, status

CONFIG = "/etc/knockd.conf"


def load(daemon: CannedDaemon, is_loaded: Any = lambda _: True, config: str = CONFIG) -> list[str]:
    """What is said."""
    return list(load_keys(str(daemon.path), config, is_loaded))


@pytest.fixture
def running(daemon: CannedDaemon) -> CannedDaemon:
    """A daemon that has one key."""
    daemon.answers["Status"] = status(config=CONFIG)
    daemon.answers["Reload"] = {"doors": 1, "notes": []}
    daemon.answers["Keys"] = {"keys": [known_key("/k", "SHA256:a")], "keys_total": 1}
    return daemon


def test_it_has_the_key(running: CannedDaemon) -> None:
    """It reloads, and is asked for its keys until it has what is waited for."""
    asked: list[Keys] = []

    def is_loaded(known: Keys) -> bool:
        asked.append(known)
        return len(asked) == 3

    assert ["The daemon has reloaded: this holds from now on."] == load(running, is_loaded)
    assert [[("/k", "SHA256:a")]] * 3 == asked
    assert ["Status", "Reload", "Keys", "Keys", "Keys"] == [method for method, _ in running.calls]


def test_it_takes_long(running: CannedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while it is said how to look later."""
    monkeypatch.setattr(loading, "WAIT", 0.0)
    expected = ["The daemon has reloaded, and reads its keys still: knockctl keys says when it has."]
    assert expected == load(running, lambda _: False)


def test_another_configuration(running: CannedDaemon) -> None:
    """A daemon with another configuration is left alone."""
    said = load(running, config="/etc/other.conf")
    assert [f"The daemon that runs has another configuration, {CONFIG}: it was not asked."] == said
    assert ["Status"] == [method for method, _ in running.calls]


def test_a_bad_configuration(running: CannedDaemon) -> None:
    """It is told what is wrong, and that keys are read all the same."""
    running.answers["Reload"] = (
        "ConfigRefused",
        {"problems": [{"path": CONFIG, "line": 3, "text": "Sequence: expected a port"}]},
    )
    first, problem, last = load(running)
    assert first == "The daemon keeps the configuration that it has, for the new one is bad:"
    assert problem.startswith(f"  {CONFIG}:3: ")
    assert last == "It reads its files of keys every minute all the same."


def test_without_the_right(running: CannedDaemon) -> None:
    """Who may not have it reload is told so."""
    running.answers["Reload"] = ("NotAllowed", {"needed": "root"})
    assert [
        "The daemon has not reloaded: only root may do this; try it with sudo",
        "It reads its files of keys every minute all the same.",
    ] == load(running)


def test_no_daemon(tmp_path: Path) -> None:
    """Where none runs there is nothing to ask."""
    said = list(load_keys(str(tmp_path / "none"), CONFIG, lambda _: True))
    assert ["No daemon runs here: the next one that starts reads it."] == said


def test_a_daemon_that_cannot_be_asked(running: CannedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that does not answer has the files read within a minute."""
    running.answers["Reload"] = ("NoSuchThing", {})
    assert "which this knockctl does not know" in load(running)[0]
    (running.path.parent / "locked").touch()
    monkeypatch.setattr("socket.socket.connect", _refuse)
    first, second = load(running)
    assert first.startswith("The daemon was not asked to reload: no right to ")
    assert second == "If one runs, it reads its files of keys every minute."


def _refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_another_version(running: CannedDaemon) -> None:
    """An answer that is not understood is no reason to fail."""
    running.answers["Keys"] = {"keys": [{}], "keys_total": 1}
    assert [
        "The daemon is of another version: systemctl restart knockd starts the one that is installed."
    ] == load(running)


def test_many_keys(running: CannedDaemon) -> None:
    """What one answer has no room for is asked for again."""
    pages = [
        {"keys": [known_key("/k", "SHA256:a"), known_key("/k", "SHA256:b")], "keys_total": 3},
        {"keys": [known_key("/k", "SHA256:c")], "keys_total": 3},
    ]

    class Pages(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            return pages.pop(0)

    running.answers = Pages()
    with Control(str(running.path)) as control:
        found = list_keys(control)
    assert ["SHA256:a", "SHA256:b", "SHA256:c"] == [one["fingerprint"] for one in found]
    assert [{}, {"skip": 2}] == [parameters for _, parameters in running.calls]
