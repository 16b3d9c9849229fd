"""One question to the daemon, and what may go wrong with it."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.statuses import status


def complaint(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit status, and what is on standard error; standard output stays empty."""
    code = cli.main(list(arguments))
    out, err = capfd.readouterr()
    assert "" == out
    return code, err


@pytest.mark.parametrize("verb", ["status", "reload"])
def test_no_daemon(verb: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where no socket is, the sentence names it."""
    code, err = complaint(capfd, verb, "--socket", str(tmp_path / "none"))
    assert os.EX_UNAVAILABLE == code
    assert err.startswith(f"knockctl {verb}: ")
    assert str(tmp_path / "none") in err
    assert err.count("\n") == 1


def test_not_allowed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Who may only look is told who may do more."""
    with CannedDaemon(tmp_path / "s", may_change=False, Reload={"doors": 1, "notes": []}) as daemon:
        code, err = complaint(capfd, "reload", "--socket", str(daemon.path))
        assert os.EX_NOPERM == code
        assert "knockctl reload: only root may do this; try it with sudo\n" == err
        assert [] == daemon.calls


def test_a_newer_daemon(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """An answer that is not as expected comes from another version."""
    daemon.answers["Status"] = status(leases=[{"id": 7}])
    code, err = complaint(capfd, "status")
    assert code == 76
    assert "knockctl status: the daemon's answer is not understood ('id' is not as expected): it is" in err


def test_an_error_that_is_not_known(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """So does an error that is not known."""
    daemon.answers["Status"] = ("Strange", {"problems": 7})
    assert complaint(capfd, "status")[0] == 76


def serve(path: Path, answer: bytes) -> threading.Thread:
    """One client is given these bytes, whatever it asks, and is left then."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        with listener, listener.accept()[0] as end:
            end.recv(65_536)
            end.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "code"), [(b"", 69), (b'{"parameters": {', 69), (b"SSH-2.0-OpenSSH\0", 76)]
)
def test_no_daemon_answers(
    answer: bytes, code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A daemon that ends meanwhile, and what is none at all, have a sentence each."""
    thread = serve(tmp_path / "s", answer)
    found, err = complaint(capfd, "status", "--socket", str(tmp_path / "s"))
    thread.join()
    assert code == found
    assert err.count("\n") == 1


@pytest.mark.parametrize("verb", ["status", "open", "close", "extend", "forget", "reload", "test"])
def test_help(verb: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each has its help, which names the options that all have."""
    assert cli.main([verb, "--help"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith(f"usage: knockctl {verb} [OPTION...]")
    assert "--json" in out
    assert "--socket PATH" in out
    assert "" == err


def test_hostile_answers(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever the daemon says, a terminal gets printable characters."""
    text = "\x1b[2J\x07\u202e\r"
    for error, parameters in (
        ("Refused", {"reason": text}),
        ("NoSuchDoor", {"door": text, "doors": [text]}),
        ("ConfigRefused", {"problems": [{"path": text, "text": text}]}),
    ):
        daemon.answers["Reload"] = (error, parameters)
        _, err = complaint(capfd, "reload")
        assert all(line.isprintable() for line in err.split("\n"))
