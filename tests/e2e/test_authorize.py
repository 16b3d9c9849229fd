"""A new SSH key from ssh-keygen over knockctl to the open door, and back: no daemon is started again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from knockd.client.status import OK
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import environment
from tests.support.daemons.doors import CLIENT, SERVER, config
from tests.support.lab.tools import need

CTL = (sys.executable, "-m", "knockd.ctl")
DOORS = """
[ssh]
Start_Command = true %IP%
[web]
Start_Command = true %IP%
"""
OPENED = f"{CLIENT[4]}: ssh: OPEN SESAME"


class Gateway:
    """A server of signed knocks that has no key yet, and a client that is to get one."""

    def __init__(self, pair: Pair, start: Start, folder: Path) -> None:
        need("ssh-keygen")
        self.pair, self.folder = pair, folder
        self.keys = folder / "etc" / "authorized_keys"
        self.secret = folder / "knock_secret"
        made = subprocess.run(
            [*CTL, "keygen", "--host", str(self.secret)], env=environment(), capture_output=True, check=True
        )
        assert b"Signed_Port" in made.stdout
        options = {"Signed_Port": 47_811, "Authorized_Keys": self.keys, "Knock_Secret": self.secret}
        self.daemon = start(pair.server, config(DOORS, **options, Clock="trust"))

    def make_key(self, name: str, *options: str) -> Path:
        """Makes a key on the client, without a passphrase; its path."""
        path = self.folder / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path), *options]
        subprocess.run(command, check=True)
        return path

    def control(self, verb: str, *argv: object, status: int = 0) -> str:
        """What a subcommand of knockctl prints on standard output."""
        place = ["-c", str(self.daemon.config_path)]
        if verb != "export":
            place += ["--socket", str(self.daemon.control_path)]
        command = [*CTL, verb, *place, *map(str, argv)]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=False, timeout=60
        )
        assert status == done.returncode, done.stderr
        return done.stdout

    def listed(self) -> dict[str, dict[str, Any]]:
        """The keys that knockctl lists, by their comment."""
        return {one["comment"]: one for one in json.loads(self.control("keys", "--json"))["keys"]}

    def knock(self, *argv: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the client on its host."""
        variables = [f"{name}={self.folder}" for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME")]
        variables.append(f"PYTHONPATH={environment()['PYTHONPATH']}")
        command = [
            "env",
            "-u",
            "SSH_AUTH_SOCK",
            *variables,
            sys.executable,
            "-m",
            "knockd.client",
            *map(str, argv),
        ]
        return subprocess.run(
            [*self.pair.client.exec_prefix, *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def knock_with(self, key: Path, profile: str = "home") -> None:
        """Knocks by a profile, signed with a key."""
        done = self.knock("--identity", key, profile)
        assert OK == done.returncode, done.stderr

    def import_profile(self, door: str, name: str) -> None:
        """Hands what the server exports to the client."""
        uri = self.control("export", door, "--host", SERVER[4])
        done = self.knock("--import", "-", name, stdin=uri)
        assert OK == done.returncode, done.stderr


@pytest.fixture
def gateway(pair: Pair, start: Start, tmp_path: Path) -> Gateway:
    """A server and a client that has a profile for the door ssh."""
    tmp_path.chmod(0o755)
    made = Gateway(pair, start, tmp_path)
    made.import_profile("ssh", "home")
    return made


def test_a_new_laptop(gateway: Gateway) -> None:
    """A key that is let in opens its door at once; who lists the keys sees when and from where it knocked."""
    key = gateway.make_key("me@laptop")
    said = gateway.control("authorize", f"{key}.pub", "--door", "ssh,web", "--yes")
    assert "The daemon has reloaded: this holds from now on.\n" in said
    assert "never" in gateway.control("keys")
    gateway.knock_with(key)
    gateway.daemon.wait_for(OPENED)
    gateway.daemon.wait_for("ssh: opened by me@laptop (SHA256:")
    one = gateway.listed()["me@laptop"]
    assert (True, CLIENT[4], ["ssh", "web"]) == (one["loaded"], one["address"], one["doors"])
    assert one["knocked"] is not None


def test_a_key_that_was_taken_back(gateway: Gateway) -> None:
    """A key that was let in no more opens nothing from then on, and others still do."""
    lost, kept = gateway.make_key("lost"), gateway.make_key("kept")
    for key in (lost, kept):
        gateway.control("authorize", f"{key}.pub", "--yes")
    gateway.knock_with(lost)
    gateway.daemon.wait_for("ssh: opened by lost")
    assert "The daemon has reloaded: this holds from now on.\n" in gateway.control("revoke", "lost", "--yes")
    assert {"kept"} == set(gateway.listed())
    gateway.knock_with(lost)
    gateway.knock_with(kept)
    gateway.daemon.wait_for("ssh: opened by kept")
    assert 1 == gateway.daemon.count("ssh: opened by lost")


def test_a_key_for_another_door(gateway: Gateway) -> None:
    """A key opens the doors that it was let in at, and is refused at others by its name."""
    key = gateway.make_key("guest")
    gateway.control("authorize", f"{key}.pub", "--door", "web", "--yes")
    gateway.import_profile("web", "site")
    gateway.knock_with(key)
    gateway.daemon.wait_for("its key may not use this door")
    gateway.knock_with(key, "site")
    gateway.daemon.wait_for("web: opened by guest")
    assert 0 == gateway.daemon.count(OPENED)


def test_a_key_that_others_could_change(gateway: Gateway) -> None:
    """Nothing is added to a file that others can write, and the doors wait: knockctl keys says why."""
    key = gateway.make_key("me@laptop")
    gateway.control("authorize", f"{key}.pub", "--yes")
    gateway.keys.chmod(0o666)
    gateway.control("authorize", f"{gateway.make_key('other')}.pub", "--yes", status=73)
    said = gateway.control("keys", status=1)
    assert f"{gateway.keys}: others than its owner may change it (mode 0666), run chmod go-w" in said
