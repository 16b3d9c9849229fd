"""The knock secret is in the memory of neither keeper nor packet process, whatever becomes of them."""

from __future__ import annotations

import os
import signal
from base64 import b64encode
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.keyed import wait_live, with_runtime
from tests.support.daemons.signed import SignedHost
from tests.support.lab.memory import occurrences
from tests.support.lab.processes import only_child
from tests.support.lab.tools import lacking

PLANTED = b"planted-4712-marker"
"""In the environment of both processes."""

BY_ALICE = "ssh: opened by alice@laptop (SHA256:"


@pytest.fixture(autouse=True)
def _really_root() -> None:
    """Only root can read the memory of others."""
    if os.geteuid() != 0:
        lacking("reading the memory of another process needs root")


class Secret:
    """A host whose knock secret nobody may know, and a daemon that has read it."""

    def __init__(self, pair: Pair, start: Start, directory: Path) -> None:
        self.pair = pair
        self.signed = SignedHost(directory)
        self.signed.secret = os.urandom(32)
        self.signed.secret_path.write_text(f"{b64encode(self.signed.secret).decode()}\n")
        program = ("env", f"PLANTED={PLANTED.decode()}", *with_runtime(directory)[1:])
        self.daemon: Daemon = start(pair.server, self.signed.config(), program=program)
        wait_live(self.daemon)

    def find(self) -> dict[str, int]:
        """How often forms of the secret are in the memory of the keeper and of the packet process."""
        secret = self.signed.secret
        forms = {"raw": secret, "half": secret[:16], "hex": secret.hex().encode(), "text": b64encode(secret)}
        keeper, worker = self.daemon.pid, only_child(self.daemon.pid)
        found = {
            f"{form} in {who}": occurrences(pid, text)
            for form, text in forms.items()
            for who, pid in (("keeper", keeper), ("packet process", worker))
        }
        # So the search can fail: what is known to be there is found.
        assert occurrences(keeper, PLANTED) > 0
        assert occurrences(worker, PLANTED) > 0
        return {what: count for what, count in found.items() if count}

    def knock(self, times: int) -> None:
        """Knocks, and waits until the door has opened so often."""
        self.signed.knock(self.pair.client)
        self.daemon.wait_for(BY_ALICE, times=times)


@pytest.fixture
def secret(pair: Pair, start: Start, tmp_path: Path) -> Secret:
    """A daemon that is up, and has read its files."""
    return Secret(pair, start, tmp_path)


def test_start_and_opening(secret: Secret) -> None:
    """Neither after the start nor when it has opened the door."""
    assert secret.find() == {}
    secret.knock(1)
    assert secret.find() == {}


@pytest.mark.parametrize("options", [{}, {"Latency": 7}], ids=["doors", "captures"])
def test_reload(secret: Secret, options: dict[str, object]) -> None:
    """Nor after a reload, which reads it again; nor where another process is forked."""
    worker = only_child(secret.daemon.pid)
    secret.daemon.write_config(secret.signed.config(secret.signed.section(Cmd_Timeout=7), **options))
    secret.daemon.signal(signal.SIGHUP)
    secret.daemon.wait_for("listening on eth0", times=2)
    wait_live(secret.daemon)
    assert (only_child(secret.daemon.pid) != worker) is bool(options)
    assert secret.find() == {}
    secret.knock(1)


def test_file_with_a_mistake(secret: Secret) -> None:
    """Nor when its line cannot be read: what the log says has nothing of it."""
    text = b64encode(secret.signed.secret).decode()
    secret.signed.secret_path.write_text(f"{text}x\n")
    secret.daemon.signal(signal.SIGHUP)
    secret.daemon.wait_for(f"signed knocks wait: knock secret {secret.signed.secret_path}: line 1: ")
    assert secret.find() == {}
    assert text[:20] not in "".join(secret.daemon.log_lines())
    assert text[:20] not in secret.daemon.output()


def test_what_is_loaded(secret: Secret) -> None:
    """The library of signatures comes before the fork, so both share its pages; a knock loads nothing."""

    def find_libraries(pid: int) -> set[str]:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        return {line.split()[-1] for line in lines if ".so" in line}

    pids = secret.daemon.pid, only_child(secret.daemon.pid)
    before = [*map(find_libraries, pids)]
    assert all(any("/nacl/_sodium" in name for name in names) for names in before)
    secret.knock(1)
    assert [*map(find_libraries, pids)] == before
