"""What knockctl hands out opens doors: addresses, one-time files, keys; by knock and by the shell script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.e2e.test_client_doors import closed, knock
from tests.support.daemons.daemon import ROOT, environment
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER, config
from tests.support.lab.services import TcpService
from tests.support.lab.tools import need

__all__ = ["closed"]

SCRIPT = ROOT / "docs/spec/rotating-sequence.sh"
VERIFY = ("--verify", str(SECRET))
OPENED = f"{CLIENT[4]}: secret: OPEN SESAME"


def knockctl(*arguments: object) -> str:
    """What a subcommand prints; it needs no daemon."""
    command = [sys.executable, "-m", "knockd.ctl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    return done.stdout


def door(sequence: str) -> str:
    """A configuration with a door that opens the secret port for a minute."""
    start, stop, start_6, stop_6 = FIREWALLS["nftables"].commands("tcp")
    lines = [
        sequence,
        "Seq_Timeout = 10",
        "Cmd_Timeout = 60",
        f"Start_Command = {start}",
        f"Stop_Command = {stop}",
    ]
    lines += [f"Start_Command_6 = {start_6}", f"Stop_Command_6 = {stop_6}"]
    return config("\n".join(["[secret]", *lines, ""]))


def write_config(tmp_path: Path, text: str) -> Path:
    """The configuration as a file, for knockctl."""
    path = tmp_path / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("version", [4, 6])
def test_an_address(closed: Pair, start: Start, tmp_path: Path, version: int) -> None:
    """What export prints of a plain door is all that a client needs, once it has imported it."""
    text = door("Sequence = 31954,20677:udp,48012")
    start(closed.server, text)
    path = write_config(tmp_path, text)
    uri = knockctl("export", "-c", path, "--host", SERVER[version], "secret", *VERIFY)
    home = tmp_path / "home"
    home.mkdir()
    assert 0 == knock(closed.client, "--import", uri.strip(), "office", home=home).returncode
    with TcpService(closed.server, SECRET):
        done = knock(closed.client, "office", home=home)
    assert (0, "") == (done.returncode, done.stderr)


def test_one_time_sequences(closed: Pair, start: Start, tmp_path: Path) -> None:
    """Each sequence of a file opens once by a copy of it, also one that was added while the daemon ran."""
    codes, copy = tmp_path / "codes", tmp_path / "copy"
    knockctl("gen-sequences", 2, "--file", codes)
    daemon = start(closed.server, door(f"One_Time_Sequences = {codes}\nReknock = repeat"))
    knockctl("gen-sequences", 1, "--file", codes, "--protocol", "mixed")
    copy.write_bytes(codes.read_bytes())
    copy.chmod(0o600)
    for number in (1, 2, 3):
        done = knock(closed.client, "--sequence-file", copy, SERVER[4])
        assert 0 == done.returncode, done.stderr
        daemon.wait_for(OPENED, times=number)
        assert 0 == knock(closed.client, "--mark", "--sequence-file", copy).returncode
    assert ["#"] * 3 == [line[0] for line in codes.read_text().splitlines()]
    daemon.wait_for("no more sequences left")


def test_a_key(closed: Pair, start: Start, tmp_path: Path) -> None:
    """A key that keygen has made opens by an address, and by ports that the shell script has derived."""
    need("openssl")
    keys = tmp_path / "keys"
    for name in ("alice", "bob"):
        knockctl("keygen", name, "--file", keys)
    text = door(f"Sequence_Key = {keys}").replace("[options]", "[options]\nClock = trust")
    daemon = start(closed.server, text)
    uri = knockctl(
        "export", "-c", write_config(tmp_path, text), "--host", SERVER[4], "--name", "alice", "secret"
    )
    home = tmp_path / "home"
    home.mkdir()
    assert 0 == knock(closed.client, "--import", uri.strip(), "office", home=home).returncode
    with TcpService(closed.server, SECRET):
        assert 0 == knock(closed.client, *VERIFY, "office", home=home).returncode
    daemon.wait_for("opened with key alice")
    ports = subprocess.run(
        ["sh", str(SCRIPT), "-k", str(keys), "-n", "bob", "-d", "secret"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 == knock(closed.client, SERVER[6], *ports.stdout.split()).returncode
    daemon.wait_for("opened with key bob")
