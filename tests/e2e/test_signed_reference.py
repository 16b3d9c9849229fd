"""The reference client of docs/spec/signed-knock.md knocks at a real daemon, as its page says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.keyed import wait_live, with_runtime
from tests.support.daemons.signed import SignedHost
from tests.support.lab.tools import need
from tests.support.samples.signed_vectors import KEYS, PAGE

SCRIPT = PAGE.parent / "signed-knock.py"


@pytest.mark.parametrize("version", [4, 6])
def test_the_reference_client(pair: Pair, start: Start, tmp_path: Path, version: int) -> None:
    """It opens, renews and closes, bound to its address and not; bound to another one it is refused."""
    need("ssh-keygen")
    host = SignedHost(tmp_path)
    key = tmp_path / "id_ed25519"
    key.touch(0o600)
    key.write_text(KEYS["alice"].private_file)
    section = host.section("T\u00fcr", Start_Command="true", Stop_Command="true", Cmd_Timeout=600)
    daemon = start(pair.server, host.config(section), program=with_runtime(tmp_path))
    wait_live(daemon)

    def knock(*more: str) -> None:
        arguments = [SERVER[version], str(host.port), "T\u00fcr", str(host.secret_path), str(key), *more]
        pair.client.run(sys.executable, str(SCRIPT), *arguments)

    who, shown = CLIENT[version], f"alice@laptop ({KEYS['alice'].fingerprint})"
    knock()
    daemon.wait_for(f"T\u00fcr: opened by {shown}")
    assert daemon.count(f"{who}: T\u00fcr: OPEN SESAME") == 1
    knock("renew", CLIENT[version])
    daemon.wait_for(f"T\u00fcr: renewed by {shown}")
    knock("open", "192.0.2.1" if version == 4 else "2001:db8::1")
    daemon.wait_for(f"{who}: T\u00fcr: signed knock refused: bound to another address")
    knock("close")
    daemon.wait_for(f"T\u00fcr: closed by {shown}")
    knock("close")
    daemon.wait_for("signed knock refused: nothing is open that it may renew or close")
    assert daemon.count("OPEN SESAME") == 1
