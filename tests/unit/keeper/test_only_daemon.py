"""The locks of a daemon: which, what is said of another one's, and what a reload does to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knockd.keeper.only_daemon import Conflict, OnlyDaemon
from knockd_conf.model import Config, Options
from tests.support.lab.lock_holder import LockHolder

WATCH = 'Watch it with "knockctl status" or "knockctl log --follow"'
Logged = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def logged() -> Logged:
    """Events so far."""
    return []


@pytest.fixture
def only(tmp_path: Path, logged: Logged) -> Iterator[OnlyDaemon]:
    """A daemon without locks."""
    made = make(tmp_path, logged)
    yield made
    made.release()


def make(tmp_path: Path, logged: Logged, *, also: bool = False, namespace: str = os.devnull) -> OnlyDaemon:
    """A daemon of a configuration in ``tmp_path``."""
    return OnlyDaemon(
        str(tmp_path / "knockd.conf"),
        lambda event, **fields: logged.append((event, fields)),
        also=also,
        runtime=str(tmp_path / "run"),
        namespace=namespace,
    )


def config(tmp_path: Path, *interfaces: str, state: str = "state") -> Config:
    """A configuration for these interfaces."""
    options = Options(interface=interfaces, state_dir=str(tmp_path / state))
    return Config(str(tmp_path / "knockd.conf"), options, (), "host", ())


def locks(tmp_path: Path) -> list[Path]:
    """The lock files that stand for configurations with interfaces."""
    return sorted((tmp_path / "run").glob("running-*"))


def state_lock(tmp_path: Path, name: str = "state") -> Path:
    """The lock file that stands for a StateDir, which is made when it is not there."""
    (tmp_path / "run").mkdir(mode=0o700, exist_ok=True)
    (tmp_path / name).mkdir(mode=0o700, exist_ok=True)
    found = (tmp_path / name).stat()
    return tmp_path / "run" / f"state-{found.st_dev:x}-{found.st_ino:x}.lock"


def test_alone(only: OnlyDaemon, tmp_path: Path, logged: Logged) -> None:
    """A daemon that is alone locks StateDir and its configuration, and says nothing."""
    assert only.take(config(tmp_path, "eth0")) is None
    assert state_lock(tmp_path).exists()
    assert len(locks(tmp_path)) == 1
    assert logged == []


def test_end(only: OnlyDaemon, tmp_path: Path) -> None:
    """The end leaves nothing in the runtime directory, where many configurations would pile up."""
    only.take(config(tmp_path, "eth0"))
    only.release()
    assert list((tmp_path / "run").iterdir()) == []


def test_same_configuration(only: OnlyDaemon, tmp_path: Path) -> None:
    """A daemon of the same configuration is in the way; nothing new is held then."""
    only.take(config(tmp_path, "eth0", "ppp0"))
    (running,) = locks(tmp_path)
    only.release()
    with LockHolder(running) as other:
        conflict = only.take(config(tmp_path, "eth0", "ppp0"))
        assert conflict == Conflict(
            f"another knockd (pid {other.pid}) runs by {tmp_path}/knockd.conf on eth0,ppp0: "
            "each command would run twice",
            f"{WATCH}; --also starts this one all the same.",
        )
        assert only._held == {}


def test_same_state_dir(only: OnlyDaemon, tmp_path: Path) -> None:
    """A daemon of the same StateDir is in the way, whatever it listens on; nothing new is held then."""
    with LockHolder(state_lock(tmp_path)) as other:
        conflict = only.take(config(tmp_path))
        assert conflict == Conflict(
            f"another knockd (pid {other.pid}) uses StateDir {tmp_path}/state",
            f"{WATCH}; give this one a --state-dir of its own, or force it with --also.",
        )
    assert locks(tmp_path) == []


def test_no_interface(only: OnlyDaemon, tmp_path: Path) -> None:
    """Where no interface is asked for, none is named."""
    only.take(config(tmp_path))
    (running,) = locks(tmp_path)
    only.release()
    with LockHolder(running):
        conflict = only.take(config(tmp_path))
    assert conflict is not None
    assert f"runs by {tmp_path}/knockd.conf: each" in conflict.fact


def test_pid_of_another_container(only: OnlyDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pid that has no number here is not given as 0."""
    monkeypatch.setattr("knockd.files.process_lock._find_holder", lambda _: 0)
    with LockHolder(state_lock(tmp_path)):
        conflict = only.take(config(tmp_path))
    assert conflict is not None
    assert conflict.fact.startswith("another knockd, whose pid is of another container, uses StateDir")


def test_other_interfaces_and_namespaces(tmp_path: Path, logged: Logged) -> None:
    """Other interfaces, or another network namespace, are another daemon's business; without /proc one is."""
    (tmp_path / "other").touch()
    for namespace in (os.devnull, str(tmp_path / "other"), str(tmp_path / "missing")):
        for interfaces in (("eth0",), ("eth1",)):
            only = make(tmp_path, logged, namespace=namespace)
            assert only.take(config(tmp_path, *interfaces)) is None
    assert len(locks(tmp_path)) == 6


def test_a_link_to_the_configuration(tmp_path: Path) -> None:
    """A link to a configuration is that configuration."""
    (tmp_path / "link").symlink_to(tmp_path / "knockd.conf")
    for name in ("knockd.conf", "link"):
        only = OnlyDaemon(str(tmp_path / name), lambda *_, **__: None, runtime=str(tmp_path / "run"))
        only.take(config(tmp_path))
    assert len(locks(tmp_path)) == 1


def test_forced(tmp_path: Path, logged: Logged) -> None:
    """``--also`` runs beside the other, says so once, and holds what is free."""
    only = make(tmp_path, logged, also=True)
    path = state_lock(tmp_path)
    with LockHolder(path) as other:
        assert only.take(config(tmp_path)) is None
        assert only.take(config(tmp_path)) is None
        reason = f"another knockd (pid {other.pid}) uses StateDir {tmp_path}/state"
    assert logged == [("second-daemon-forced", {"path": str(path), "reason": reason})]
    assert len(locks(tmp_path)) == 1
    only.release()


def test_no_lock_to_be_had(only: OnlyDaemon, tmp_path: Path, logged: Logged) -> None:
    """Where a directory cannot be used the daemon runs, and says once for which file it has no lock."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    for _ in range(2):
        assert only.take(config(tmp_path)) is None
    assert ["no-lock", "no-lock"] == [event for event, _ in logged]
    assert str(state_lock(tmp_path)) == logged[1][1]["path"]
    assert logged[1][1]["reason"].startswith("others can write to it")


def test_no_state_dir_to_be_had(only: OnlyDaemon, tmp_path: Path, logged: Logged) -> None:
    """Where StateDir cannot be made the daemon runs, and says so once."""
    (tmp_path / "state").touch()
    for _ in range(2):
        assert only.take(config(tmp_path, state="state/below")) is None
    assert [("no-lock", {"path": f"{tmp_path}/state/below", "reason": "Not a directory"})] == logged
    assert len(locks(tmp_path)) == 1


def test_reload(only: OnlyDaemon, tmp_path: Path) -> None:
    """A reload with other interfaces and another StateDir holds the new locks and gives up the old ones."""
    only.take(config(tmp_path, "eth0"))
    (before,) = locks(tmp_path)
    assert only.take(config(tmp_path, "eth1", state="other")) is None
    (after,) = locks(tmp_path)
    assert before != after
    with LockHolder(state_lock(tmp_path)) as other:
        conflict = only.take(config(tmp_path, "eth1"))
        assert conflict is not None
        assert f"(pid {other.pid}) uses StateDir" in conflict.fact
    assert [after] == locks(tmp_path)


def test_reload_without_change(only: OnlyDaemon, tmp_path: Path) -> None:
    """The same places, also by another path, stay locked all the time."""
    only.take(config(tmp_path, "eth0"))
    (tmp_path / "link").symlink_to(tmp_path / "state")
    held = list(only._held.values())
    assert only.take(config(tmp_path, "eth0", state="link")) is None
    assert held == list(only._held.values())


def test_a_lock_file_that_was_removed(only: OnlyDaemon, tmp_path: Path) -> None:
    """A reload makes a lock file again that somebody has removed."""
    only.take(config(tmp_path))
    (running,) = locks(tmp_path)
    running.unlink()
    assert only.take(config(tmp_path)) is None
    assert [running] == locks(tmp_path)
