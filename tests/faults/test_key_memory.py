"""No key is in the memory of keeper or packet process, whatever becomes of them and of the child."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from binascii import b2a_base64
from pathlib import Path

import pytest

from knockd_conf.key_file import NamedKey, format_key
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon, environment
from tests.support.daemons.keyed import ANNE, KeyedDoor, ask_status, kill_children, wait_live, with_runtime
from tests.support.lab.memory import occurrences
from tests.support.lab.processes import only_child
from tests.support.lab.tools import lacking
from tests.support.lab.waiting import wait_until

NAME = "owner-4711-marker"
PLANTED = b"planted-4711-marker"
"""In the environment of both processes."""


@pytest.fixture(autouse=True)
def _really_root() -> None:
    """Only root can read the memory of others."""
    if os.geteuid() != 0:
        lacking("reading the memory of another process needs root")


class Secret:
    """A key of which nobody may know anything, and a daemon whose door it opens."""

    def __init__(self, pair: Pair, start: Start, directory: Path) -> None:
        self.pair = pair
        self.key = NamedKey(NAME, os.urandom(32))
        self.keyed = KeyedDoor(directory)
        self.keyed.write(self.key)
        program = ("env", f"PLANTED={PLANTED.decode()}", *with_runtime(directory)[1:])
        self.daemon: Daemon = start(pair.server, self.keyed.config(), program=program)
        wait_live(self.daemon)

    def find(self) -> dict[str, int]:
        """How often forms of the key are in the memory of the keeper and of the packet process."""
        forms = {
            "raw": self.key.key,
            "half": self.key.key[:16],
            "text": b2a_base64(self.key.key, newline=False),
            "line": format_key(self.key).encode(),
        }
        keeper, worker = self.daemon.pid, only_child(self.daemon.pid)
        found = {
            f"{form} in {who}": occurrences(pid, secret)
            for form, secret in forms.items()
            for who, pid in (("keeper", keeper), ("packet process", worker))
        }
        # So the search can fail: what is known to be there is found.
        assert occurrences(keeper, PLANTED) > 0
        assert occurrences(worker, PLANTED) > 0
        assert occurrences(keeper, NAME.encode()) > 0
        return {what: count for what, count in found.items() if count}


@pytest.fixture
def secret(pair: Pair, start: Start, tmp_path: Path) -> Secret:
    """A daemon that is up, and has read its keys."""
    return Secret(pair, start, tmp_path)


def test_start_and_opening(secret: Secret) -> None:
    """Neither after the start nor when it has opened the door."""
    assert secret.find() == {}
    secret.keyed.wait_for_period()
    secret.keyed.knock(secret.pair.client, secret.key)
    secret.daemon.wait_for(f"opened with key {NAME}")
    assert secret.find() == {}


def test_rotation(secret: Secret) -> None:
    """Nor when its sequences have moved on, and its file has been read again."""
    period = secret.keyed.period()
    wait_until(lambda: secret.keyed.period() > period + 1, 30, "two boundaries")
    ask_status(secret.daemon)
    assert secret.find() == {}
    secret.keyed.wait_for_period()
    secret.keyed.knock(secret.pair.client, secret.key)
    secret.daemon.wait_for(f"opened with key {NAME}")


@pytest.mark.parametrize("options", [{}, {"Latency": 7}], ids=["doors", "captures"])
def test_reload(secret: Secret, options: dict[str, object]) -> None:
    """Nor after a reload, whose child reads configuration and keys; nor where another process is forked."""
    worker = only_child(secret.daemon.pid)
    secret.daemon.write_config(secret.keyed.config(fields={"Cmd_Timeout": 7}, **options))
    secret.daemon.signal(signal.SIGHUP)
    secret.daemon.wait_for("listening on eth0", times=2)
    wait_live(secret.daemon)
    assert (only_child(secret.daemon.pid) != worker) is bool(options)
    assert secret.find() == {}
    secret.keyed.wait_for_period()
    secret.keyed.knock(secret.pair.client, secret.key)
    secret.daemon.wait_for(f"opened with key {NAME}")


def test_child_that_is_killed(secret: Secret) -> None:
    """Nor when a child that had it was killed."""
    worker = only_child(secret.daemon.pid)
    said = "key files could not be read"
    kill_children(secret.daemon, worker, lambda: secret.daemon.count(said) > 0)
    assert secret.find() == {}


def test_file_with_a_mistake(secret: Secret) -> None:
    """Nor when its line cannot be read: what the log says has nothing of it."""
    text = b2a_base64(secret.key.key, newline=False).decode()
    secret.keyed.path.write_text(f"{NAME} {text}x\nsomebody {text} expires=soon\n")
    secret.daemon.signal(signal.SIGHUP)
    secret.daemon.wait_for(f"ssh: key file {secret.keyed.path}: line 1: ")
    assert secret.find() == {}
    assert text[:20] not in secret.daemon.output()
    assert text[:20] not in "".join(secret.daemon.log_lines())


def test_core_of_the_client(tmp_path: Path) -> None:
    """A client that waits with a key in its memory would leave no core file (core(5): one byte is none)."""
    keyed = KeyedDoor(tmp_path)
    keyed.write(ANNE)
    words = ("--key", str(keyed.path), "--door", "ssh", "--period", "3600", "--wait", "127.0.0.1")
    with subprocess.Popen(
        [sys.executable, "-m", "knockd.client", *words],
        env=environment() | {"XDG_STATE_HOME": str(tmp_path / "state")},
        stderr=subprocess.PIPE,
    ) as client:
        assert client.stderr is not None
        said = iter(client.stderr.readline, b"")
        assert any(b"next sequence in" in line for line in said)
        limits = Path(f"/proc/{client.pid}/limits").read_text()
        client.kill()
    assert re.search(r"^Max core file size +1 ", limits, re.MULTILINE)
