"""Our syslog client: libc's form, and no line lost or waited for in silence."""

from __future__ import annotations

import os
import re
import socket
import syslog
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.log.syslog import PRIORITY, Syslog, feeds_journal
from tests.support.doubles.full_queue import fill_queue

STAMP = r"<29>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d knockd: "


class Syslogd:
    """A syslog daemon, which a test reads."""

    def __init__(self, path: Path, kind: int) -> None:
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.socket.bind(str(path))
        self.socket.settimeout(5)
        if kind == socket.SOCK_STREAM:
            self.socket.listen()

    def next(self) -> bytes:
        """The next message, or the first of a new stream."""
        if self.socket.type == socket.SOCK_DGRAM:
            return self.socket.recv(10_000)
        with self.socket.accept()[0] as connection:
            return connection.recv(10_000)

    def line(self) -> str:
        """The next message, without priority, stamp and name."""
        data = self.next().decode()
        assert re.match(STAMP, data)
        return re.sub(STAMP, "", data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where /dev/log is."""
    return tmp_path / "log"


@pytest.fixture
def syslogd(path: Path) -> Iterator[Syslogd]:
    """A syslog daemon that takes datagrams."""
    made = Syslogd(path, socket.SOCK_DGRAM)
    yield made
    made.socket.close()


@pytest.fixture
def client(path: Path) -> Iterator[Syslog]:
    """Our end, which connects with the first line."""
    made = Syslog(str(path))
    yield made
    made.close()


def test_form(client: Syslog, syslogd: Syslogd) -> None:
    """A line has libc's form: priority, stamp, name."""
    client.write("shutting down")
    assert re.fullmatch(STAMP + "shutting down", syslogd.socket.recv(1000).decode())


def test_priority() -> None:
    """Facility daemon, priority notice."""
    assert PRIORITY == syslog.LOG_DAEMON | syslog.LOG_NOTICE


def test_day_of_the_month(client: Syslog, syslogd: Syslogd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day before the tenth has a space in front (RFC 3164, section 4.1.2)."""
    now = (2026, 11, 2, 20, 13, 5, 0, 306, 0)
    strftime = time.strftime
    monkeypatch.setattr(time, "strftime", lambda form: strftime(form, now))
    client.write("one")
    assert syslogd.socket.recv(1000) == b"<29>Nov  2 20:13:05 knockd: one"


def test_journal(tmp_path: Path) -> None:
    """Syslog feeds systemd's journal where its socket is a link to the journal's."""
    (tmp_path / "log").symlink_to("/run/systemd/journal/dev-log")
    assert feeds_journal(str(tmp_path / "log"))
    assert not feeds_journal(str(tmp_path))


def test_percent_signs(client: Syslog, syslogd: Syslogd) -> None:
    """Nothing in a line is taken for a format."""
    client.write("%s%n 100%")
    assert syslogd.line() == "%s%n 100%"


def test_no_syslogd(client: Syslog, path: Path) -> None:
    """Without a socket the line fails; the next one tries again."""
    with pytest.raises(FileNotFoundError):
        client.write("lost")
    syslogd = Syslogd(path, socket.SOCK_DGRAM)
    client.write("one")
    assert syslogd.line() == "one"
    syslogd.socket.close()


def test_dead_socket(client: Syslog, path: Path) -> None:
    """A socket that a dead syslogd left behind is no syslogd."""
    Syslogd(path, socket.SOCK_DGRAM).socket.close()
    with pytest.raises(ConnectionRefusedError):
        client.write("lost")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["datagram", "stream"])
def test_restarted(client: Syslog, path: Path, kind: int) -> None:
    """A syslogd that was restarted gets the next line: none is lost."""
    first = Syslogd(path, kind)
    client.write("one")
    first.socket.close()
    path.unlink()
    second = Syslogd(path, kind)
    client.write("two")
    assert second.next().rstrip(b"\0").endswith(b": two")
    second.socket.close()


def test_stream(client: Syslog, path: Path) -> None:
    """Where syslogd takes a stream a zero byte ends each message."""
    syslogd = Syslogd(path, socket.SOCK_STREAM)
    client.write("one")
    client.write("two")
    connection = syslogd.socket.accept()[0]
    found = connection.recv(1000).split(b"\0")
    assert [re.sub(STAMP, "", line.decode()) for line in found] == ["one", "two", ""]
    connection.close()
    syslogd.socket.close()


def test_hanging_syslogd(client: Syslog, path: Path, syslogd: Syslogd) -> None:
    """When syslogd does not read, lines fail instead of waiting, and go on when it does."""
    client.write("one")
    full = fill_queue(str(path))
    with pytest.raises(BlockingIOError):
        client.write("lost")
    assert syslogd.line() == "one"
    assert [syslogd.next() for _ in range(full)] == [b"full"] * full
    client.write("two")
    assert syslogd.line() == "two"


def test_no_descriptor_is_left(client: Syslog, path: Path, syslogd: Syslogd) -> None:
    """Neither success nor failure leaves a descriptor open after the end."""
    before = os.listdir("/proc/self/fd")
    client.write("one")
    client.close()
    missing = Syslog(str(path) + "-missing")
    with pytest.raises(FileNotFoundError):
        missing.write("lost")
    assert (os.listdir("/proc/self/fd"), syslogd.line()) == (before, "one")
