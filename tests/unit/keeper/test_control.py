"""The control socket of a configuration: made, moved, kept, turned off; and who is never served."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knockd.control.call import Call, Caller
from knockd.keeper import control as module
from knockd.keeper import control_parts
from knockd.keeper.control import REPORT_EVERY, Control
from knockd.keeper.control_parts import REPLACED
from knockd.keeper.settings import Loaded
from knockd.process.privileges import User
from knockd_conf.model import Config, Options
from tests.support.doubles.manual_loop import ManualLoop

BOB = User("bob", 103, 203)


class Scene:
    """A control socket on a loop of the test's, and what was logged."""

    def __init__(self, folder: Path) -> None:
        self.manual = ManualLoop()
        self.logged: list[tuple[str, dict[str, Any]]] = []
        self.packet_processes = {7}
        self.folder = folder
        self.control = self.make(0)

    def make(self, own: int) -> Control:
        """A control socket of a daemon of that user."""
        return Control(self.manual.loop, self.log, dict, lambda: self.packet_processes, own)

    def log(self, event: str, **fields: Any) -> None:
        """Notes an event."""
        self.logged.append((event, fields))

    def adopt(self, name: str, user: User | None = BOB, group: int | None = None) -> None:
        """A configuration with this socket; empty: none."""
        options = replace(Options(), control_socket=str(self.folder / name) if name else "")
        config = Config("/c", options, (), "host", ("/c",))
        self.control.adopt(Loaded(config, user, control_group=group))

    def there(self) -> list[str]:
        """The sockets that are there."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_socket())

    def come(self, client: socket.socket) -> None:
        """A client comes to the first socket."""
        client.connect(str(self.folder / "a"))
        self.manual.deliver()

    def may_look(self, uid: int, pid: int = 99) -> bool:
        """Whether a client is served."""
        return self.control._may_look(Caller(uid, uid, pid))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """No socket yet."""
    made = Scene(tmp_path)
    yield made
    made.control.stop()
    assert [] == made.there()
    assert {} == made.manual.readers


def test_moved(scene: Scene) -> None:
    """A reload with another path moves it; with the same one nothing happens."""
    scene.adopt("a")
    first = (scene.folder / "a").lstat()
    scene.adopt("a")
    assert os.path.samestat(first, (scene.folder / "a").lstat())
    scene.adopt("b")
    assert ["b"] == scene.there()
    assert 1 == len(scene.manual.readers)
    assert [] == scene.logged


def test_turned_off_and_on(scene: Scene) -> None:
    """None takes it away, a path brings it back."""
    scene.adopt("a")
    scene.adopt("")
    assert [] == scene.there()
    scene.adopt("a")
    assert ["a"] == scene.there()
    assert 1 == len(scene.manual.readers)


def test_turned_off_by_a_reload_that_is_waited_for(scene: Scene, client: socket.socket) -> None:
    """Who waits for an answer has it, above all the one who asked for this; then the connection is closed."""
    calls: list[Call] = []
    methods = {"Status": calls.append}
    scene.control = Control(scene.manual.loop, scene.log, lambda: methods, tuple, 0)
    scene.adopt("a")
    scene.come(client)
    client.sendall(b'{"method": "org.knockd.Control.Status"}\0')
    settle(scene)
    scene.adopt("")
    assert [] == scene.there()
    calls[0].reply({})
    settle(scene)
    client.settimeout(5)
    assert b'{"parameters":{}}\0' == client.recv(1_000)
    assert b"" == client.recv(1_000)


def settle(scene: Scene) -> None:
    """Lets happen what happens at once."""
    for _ in range(40):
        scene.manual.deliver()
        scene.manual.turn()
        for timer in [one for one in scene.manual.timers if not one.cancelled and one.seconds < 1]:
            timer.cancel()
            timer.callback()


def test_kept_where_the_new_one_cannot_be_had(scene: Scene) -> None:
    """The reason is logged, and the one before serves on."""
    scene.adopt("a")
    (scene.folder / "b").touch()
    scene.adopt("b")
    assert ["a"] == scene.there()
    path = str(scene.folder / "b")
    reason = "something is there that is not a socket"
    assert [("control-problem", {"path": path, "reason": reason})] == scene.logged


def test_none_could_be_had(scene: Scene) -> None:
    """The daemon runs without; the next reload tries again."""
    (scene.folder / "a").touch()
    scene.adopt("a")
    (scene.folder / "a").unlink()
    scene.adopt("a")
    assert ["a"] == scene.there()
    assert 1 == len(scene.logged)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others: needs root")
def test_another_group(scene: Scene) -> None:
    """A group that was made since gets the socket at a reload."""
    scene.adopt("a")
    scene.adopt("a", group=4_242)
    assert 4_242 == (scene.folder / "a").lstat().st_gid


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others: needs root")
def test_a_group_that_cannot_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said why its members are shut out."""

    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setresgid", refuse)
    scene.adopt("a", group=4_242)
    ((event, fields),) = scene.logged
    assert "control-problem" == event
    assert "root alone may use it: could not become group 4242: Operation not permitted" == fields["reason"]


def test_the_packet_process_is_never_served(scene: Scene) -> None:
    """Neither it nor anybody of its user, whatever group it is in."""
    scene.adopt("a")
    assert not scene.may_look(BOB.uid)
    assert not scene.may_look(0, pid=7)
    assert scene.may_look(0)
    assert scene.may_look(1_000)


def test_a_packet_process_that_stays_who_it_is(scene: Scene) -> None:
    """Under a daemon of another user than root root alone is sure not to be the packet process."""
    scene.control = scene.make(1_000)
    scene.adopt("a", user=None)
    assert not scene.may_look(1_000)
    assert scene.may_look(0)
    assert scene.may_look(1_001)


def test_only_root_changes_something() -> None:
    """By the number that the kernel gives."""
    assert module._may_change(Caller(0, 0, 1))
    assert not module._may_change(Caller(1, 0, 1))


def test_refused_calls_are_logged_once_a_minute(scene: Scene) -> None:
    """The first one at once, then how many there were, with the last one."""
    for second, pid in ((0, 1), (1, 2), (2, 3), (REPORT_EVERY, 4)):
        scene.manual.now = second
        scene.control._report(Caller(1_000, 1_000, pid), "x")
    assert [
        ("control-refused", {"count": 1, "pid": 1, "uid": 1_000, "reason": "x"}),
        ("control-refused", {"count": 3, "pid": 4, "uid": 1_000, "reason": "x"}),
    ] == scene.logged


@pytest.fixture
def client() -> Iterator[socket.socket]:
    """A client that has not come yet."""
    with socket.socket(socket.AF_UNIX) as made:
        yield made


def test_first_client(scene: Scene, client: socket.socket) -> None:
    """Who comes first waits until there is a server; the socket is read by that from then on."""
    scene.adopt("a")
    scene.come(client)
    assert {} == scene.manual.readers
    scene.manual.turn()
    assert 1 == len(scene.manual.readers)
    scene.adopt("b")
    assert 1 == len(scene.manual.readers)


def test_reload_while_the_first_client_waits(scene: Scene, client: socket.socket) -> None:
    """The server serves the socket of then; without one there is none."""
    scene.adopt("a")
    scene.come(client)
    scene.adopt("b")
    scene.manual.turn()
    assert 1 == len(scene.manual.readers)
    assert ["b"] == scene.there()


def test_turned_off_while_the_first_client_waits(scene: Scene, client: socket.socket) -> None:
    """Nobody is served, and a later configuration is served again."""
    scene.adopt("a")
    scene.come(client)
    scene.adopt("")
    scene.manual.turn()
    assert {} == scene.manual.readers
    scene.adopt("b")
    assert 1 == len(scene.manual.readers)


def test_installed_anew(scene: Scene, client: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the code is of another installation the socket goes away, and the log says what to do."""
    scene.adopt("a")
    monkeypatch.setattr(control_parts, "__file__", "/nowhere/control_parts.py")
    scene.come(client)
    scene.manual.turn()
    assert [] == scene.there()
    assert [("control-problem", {"path": str(scene.folder / "a"), "reason": REPLACED})] == scene.logged
