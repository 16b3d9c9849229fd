"""What knockctl asks a daemon with, and the sentence that says what is wrong."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from knockd.control import client
from knockd.control.client import CallError, Control, ControlError
from knockd.control.protocol import MAX_ANSWER

Play = Callable[[Sequence[bytes]], Path]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """A daemon that hears a call, sends these bytes and ends: ``play(answers)``; its path."""
    path = tmp_path / "s"
    heard: list[threading.Thread] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def begin(answers: Sequence[bytes]) -> Path:
            def serve() -> None:
                end, _ = listener.accept()
                with end, suppress(ConnectionError):  # the client may have read enough
                    asked.append(end.recv(65_536))
                    for answer in answers:
                        end.sendall(answer)

            heard.append(threading.Thread(target=serve))
            heard[0].start()
            return path

        asked.clear()
        yield begin
        for thread in heard:
            thread.join(10)


asked: list[bytes] = []
"""What the daemon of a test was asked."""


def answer(**fields: Any) -> bytes:
    """An answer."""
    return json.dumps(fields).encode() + b"\0"


def problem(path: Path, timeout: float = 10.0) -> ControlError:
    """Why a daemon cannot be asked."""
    with pytest.raises(ControlError) as error, Control(str(path), timeout) as control:
        control.call("Status")
    return error.value


def test_call(play: Play) -> None:
    """Parameters go there without those that are None, an answer comes back."""
    with Control(str(play([answer(parameters={"a": 1})]))) as control:
        assert {"a": 1} == control.call("Open", door="ü", address=None)
    expected = {"method": "org.knockd.Control.Open", "parameters": {"door": "ü"}}
    assert expected == json.loads(asked[0][:-1])


def test_an_answer_in_pieces(play: Play) -> None:
    """It is put together, and what follows is kept for the next call."""
    data = answer(parameters={"a": "x" * 200_000})
    with Control(
        str(play([data[:1], data[1:100_000], data[100_000:] + answer(parameters={"b": 2})]))
    ) as control:
        assert 200_000 == len(control.call("Status")["a"])
        assert {"b": 2} == control.call("Status")


def test_an_error(play: Play) -> None:
    """An error of our interface has its short name and its parameters."""
    path = play([answer(error="org.knockd.Control.NoSuchDoor", parameters={"door": "a"})])
    with pytest.raises(CallError) as error, Control(str(path)) as control:
        control.call("Status")
    assert ("NoSuchDoor", {"door": "a"}) == (error.value.name, error.value.parameters)


def test_watch(play: Play) -> None:
    """Each answer is yielded; the last one ends it."""
    parts = [answer(parameters={"a": 1}, continues=True), answer(parameters={"a": 2})]
    with Control(str(play(parts))) as control:
        assert [{"a": 1}, {"a": 2}] == list(control.watch("Status"))
    assert json.loads(asked[0][:-1])["more"]


def test_the_daemon_ends_while_it_is_watched(play: Play) -> None:
    """That is an error after the answers that came."""
    with Control(str(play([answer(parameters={"a": 1}, continues=True)]))) as control:
        watched = control.watch("Status")
        assert {"a": 1} == next(watched)
        with pytest.raises(ControlError, match="closed the connection; if it has ended, its log says why"):
            next(watched)


def test_no_socket(tmp_path: Path) -> None:
    """Nobody serves there."""
    found = problem(tmp_path / "missing")
    assert os.EX_UNAVAILABLE == found.status
    assert f"no knockd serves {tmp_path}/missing: start it, or name the socket" in found.text


def test_a_file_on_the_way(tmp_path: Path) -> None:
    """That is no socket either."""
    (tmp_path / "file").touch()
    assert "no knockd serves" in problem(tmp_path / "file" / "s").text


def test_no_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who may ask is said."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(client, "_connect_once", refuse)
    found = problem(tmp_path / "s")
    assert os.EX_NOPERM == found.status
    assert f"no right to {tmp_path}/s: ask as root" in found.text


def test_no_daemon_behind_it(tmp_path: Path) -> None:
    """It was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / "s"))
    found = problem(tmp_path / "s")
    assert os.EX_UNAVAILABLE == found.status
    assert "the knockd that made it has ended, start it again" in found.text


def test_something_else(tmp_path: Path) -> None:
    """The system's own words are there for all else."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "s"))
        assert "knockd cannot be asked at" in problem(tmp_path / "s").text


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        ({"error": "org.varlink.service.MethodNotFound", "parameters": {"method": "a.B"}}, "it has no a.B"),
        ({"error": "org.varlink.service.InterfaceNotFound", "parameters": {"interface": "a"}}, "it has no a"),
        (
            {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "x\n"}},
            "it refuses the parameter x\\n",
        ),
        ({"error": "org.example.Odd"}, "it says org.example.Odd"),
    ],
)
def test_another_version(play: Play, error: dict[str, Any], seen: str) -> None:
    """A daemon that knows less, or more, is to be restarted after an upgrade."""
    found = problem(play([answer(**error)]))
    assert 76 == found.status
    assert f"is of another version than this knockctl ({seen}): restart knockd" in found.text


@pytest.mark.parametrize("data", [b"SSH-2.0\0", b"\0", b"[1]\0"])
def test_not_knockd(play: Play, data: bytes) -> None:
    """Whoever answers is no knockd."""
    found = problem(play([data]))
    assert 76 == found.status
    assert "is not knockd: expected" in found.text


def test_a_file_that_is_no_socket(tmp_path: Path) -> None:
    """No daemon has made it, so none has ended."""
    (tmp_path / "file").touch()
    found = problem(tmp_path / "file")
    assert os.EX_UNAVAILABLE == found.status
    assert f"{tmp_path}/file is no socket: name the control socket" in found.text


def test_an_answer_without_an_end(play: Play) -> None:
    """It is not read for ever."""
    assert "an answer without an end" in problem(play([b" " * (MAX_ANSWER + 100_000)])).text


@pytest.mark.parametrize("data", [[], [b'{"parameters"']])
def test_the_daemon_ends_meanwhile(play: Play, data: list[bytes]) -> None:
    """Its log says why."""
    found = problem(play(data))
    assert os.EX_UNAVAILABLE == found.status
    assert "closed the connection; if it has ended, its log says why" in found.text


def test_no_answer(tmp_path: Path) -> None:
    """A daemon that hangs is not waited for for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)
        found = problem(tmp_path / "s", 0.01)
    assert os.EX_TEMPFAIL == found.status
    assert "has not answered within 0.01 seconds; try again" in found.text


def test_as_many_clients_as_may_be(tmp_path: Path) -> None:
    """Then it is tried again, until the time is over."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        with Control(str(tmp_path / "s"), 0.01):
            assert os.EX_TEMPFAIL == problem(tmp_path / "s", 0.01).status


def test_a_long_path(tmp_path: Path, play: Play) -> None:
    """A path that is no address is reached all the same."""
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    play([answer(parameters={"a": 1})]).rename(folder / "s")
    with Control(str(folder / "s")) as control:
        assert {"a": 1} == control.call("Status")


def test_a_path_that_is_no_line(tmp_path: Path) -> None:
    """What is printed is one line."""
    assert problem(tmp_path / "a\nb").text.isprintable()
