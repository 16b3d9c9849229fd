"""An interface whose name is not UTF-8: its name is shown with escapes, and nothing fails."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.support.daemons.daemon import OURS, Daemon, environment
from tests.support.daemons.doors import config, door
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import send_knock

NAME = os.fsdecode(b"v\xff")
SHOWN = "v\\xff"
DOOR = door("secret", "700,800,900")


@pytest.fixture
def host(lab: Lab) -> Host:
    """A host with an ordinary interface and one whose name is odd."""
    made, other = lab.host("server"), lab.host("client")
    lab.link(made, "eth0", other, "eth0", ("10.1.0.1/24",), ("10.1.0.2/24",))
    made.run("ip", "link", "add", NAME, "type", "veth", "peer", "name", "v0")
    made.run("ip", "addr", "add", "10.2.0.1/24", "dev", NAME)
    made.run("ip", "link", "set", NAME, "up")
    return made


def knockd(host: Host, text: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What knockd prints that does not serve."""
    path = directory / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    own = ("--control-socket", "none", "--state-dir", str(directory / "state"))
    argv = [*host.exec_prefix, *OURS, "-c", str(path), *own, *options]
    done = subprocess.run(argv, capture_output=True, timeout=60, env=environment(), check=False)
    out, errors = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(argv, done.returncode, out, errors)


@pytest.mark.parametrize("log_format", ["classic", "json"])
def test_any(host: Host, start: Start, log_format: str) -> None:
    """With any, knocks by all other interfaces open, and the log says which one cannot be listened on."""
    text = config(DOOR, interface="any").replace("[options]", f"[options]\nLogFormat = {log_format}")
    shown = f"{SHOWN}: not listened on" if log_format == "classic" else json.dumps(SHOWN)
    daemon = start(host, text, interface=None, ready=shown)
    send_knock(host, "10.1.0.1", "700", "800", "900")
    daemon.wait_for("OPEN SESAME" if log_format == "classic" else '"event": "open"')
    assert "Traceback" not in daemon.output()


@pytest.mark.parametrize("options", [("-i", NAME), ()], ids=["-i", "file"])
def test_named(host: Host, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Whoever names it, raw or as it is shown, hears why it cannot be listened on."""
    done = knockd(host, config(DOOR, interface=SHOWN), tmp_path, *options)
    assert (done.returncode, done.stdout) == (os.EX_SOFTWARE, "")
    assert f"knockd: {SHOWN}: no capture can be opened by a name that is not UTF-8" in done.stderr


@pytest.mark.parametrize("options", [("-t",), ("--dry-run",), ("--dry-run", "--format", "json")])
@pytest.mark.parametrize("interface", ["any", SHOWN, "eth7"])
def test_printed(host: Host, tmp_path: Path, options: tuple[str, ...], interface: str) -> None:
    """What only prints shows the name with escapes, in JSON too, also among those that there are."""
    done = knockd(host, config(DOOR, interface=interface), tmp_path, *options)
    text = done.stdout + done.stderr
    if "json" in options:
        names = [one["name"] for one in json.loads(done.stdout)["interfaces"]]
        assert (SHOWN in names) == (interface != "eth7")
        text = json.dumps(json.loads(done.stdout), ensure_ascii=False) + done.stderr
    assert SHOWN in text.replace("\\\\", "\\")
    assert "Traceback" not in text
    assert "\udcff" not in text


def test_it_comes_and_goes(host: Host, start: Start) -> None:
    """An interface that gets such a name while it is listened on is let go, and comes back with another."""
    daemon: Daemon = start(host, config(DOOR, interface="any"), interface=None)
    host.run("ip", "link", "set", NAME, "down")
    host.run("ip", "link", "set", NAME, "name", "good0")
    host.run("ip", "link", "set", "good0", "up")
    send_knock(host, "10.2.0.1", "700", "800", "900")
    daemon.wait_for("good0")
    assert "Traceback" not in daemon.output()


@pytest.mark.parametrize("name", ["any", "nflog", "usbmon9", "bluetooth0"])
def test_names_of_libpcap(lab: Lab, start: Start, name: str) -> None:
    """An interface whose name is a source of libpcap's own is listened on, and no other in its place."""
    host, client = lab.host("server"), lab.host("client")
    lab.link(host, "eth0", client, "eth0", ("10.1.0.1/24",), ("10.1.0.2/24",))
    lab.link(host, name, client, "odd", ("10.2.0.1/24",), ("10.2.0.2/24",))
    daemon = start(host, config(DOOR, interface="any"), interface=None)
    for number, address in enumerate(("10.2.0.1", "10.1.0.1"), 1):
        send_knock(client, address, "700", "800", "900")
        daemon.wait_for("OPEN SESAME", times=number)
    assert daemon.count("OPEN SESAME") == 2
    assert daemon.count("not listened on") + daemon.count("capture ended") == 0
