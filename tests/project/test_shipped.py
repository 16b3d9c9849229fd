"""The configuration that is installed, and the examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.keys import ALL_KEYS, Key
from knockd_conf.load import load
from knockd_conf.model import Config, LogFormat
from knockd_conf.trust import TrustPolicy

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
EXAMPLES = sorted((CONF / "examples").glob("*.conf"))


def read(path: Path, host: str = "web1") -> Config:
    """What a file says on a host, no matter who owns the checkout."""
    return load(str(path), host=host, trust=TrustPolicy(enforce=False))


def uncommented(tmp_path: Path, port: str) -> Path:
    """The installed file with its doors taken out of comments and ``port`` in place of PORT."""
    text = (CONF / "knockd.conf").read_text()
    text = re.sub(r"^#(\[|\t)", r"\1", text, flags=re.MULTILINE).replace("PORT", port)
    (tmp_path / "knockd.conf").write_text(text)
    return tmp_path / "knockd.conf"


def test_installed_file_opens_nothing() -> None:
    """The file that is installed has no door: a sequence that the world knows would be a hole."""
    config = read(CONF / "knockd.conf")
    assert (config.doors, config.options.use_syslog) == ((), True)


def test_installed_doors_need_ports(tmp_path: Path) -> None:
    """Taking the comment signs off is not enough: the ports must be chosen."""
    with pytest.raises(ConfigError) as refused:
        read(uncommented(tmp_path, "PORT"))
    assert {(one.key, one.message) for one in refused.value.problems} == {
        ("sequence", "expected a port from 0 to 65535, got 'PORT'"),
        ("Signed_Port", "expected a whole number from 1 to 65535, got 'PORT'"),
    }


def test_installed_doors(tmp_path: Path) -> None:
    """With ports the doors are good, and have the names that 0.8's examples made known."""
    config = read(uncommented(tmp_path, "1234"))
    assert [door.name for door in config.doors] == ["opencloseSSH", "openSSH", "closeSSH"]


def test_examples_are_there() -> None:
    """There is an example for each common case."""
    names = [
        "fleet",
        "gateways",
        "idle",
        "iptables",
        "mobile",
        "nftables",
        "openwrt",
        "rotating",
        "router-nat",
        "router",
        "signed",
        "ufw",
        "wake-on-lan",
    ]
    assert [path.stem for path in EXAMPLES] == names


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path) -> None:
    """Every example is good on any host, and each of its doors runs something."""
    config = read(path)
    assert all(door.start_command for door in config.doors)
    assert config.doors


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_no_famous_sequence(path: Path) -> None:
    """No example uses the ports that every guide prints."""
    ports = {step.port for door in read(path, "edge").doors for step in door.steps}
    assert not ports & {7000, 8000, 9000, 2222, 3333, 4444}


def test_fleet() -> None:
    """The fleet's hosts differ in doors, sequences, interfaces and commands as the example says."""
    fleet = CONF / "examples/fleet.conf"
    edge, old, web = (read(fleet, host) for host in ("edge.example.org", "old1", "web1"))
    assert [door.name for door in edge.doors] == ["ssh", "admin"]
    assert [[door.name for door in config.doors] for config in (old, web)] == [["ssh"], ["ssh"]]
    assert (edge.options.interface, web.options.interface) == (("ppp0", "ppp1"), ("eth0",))
    assert edge.doors[0].steps != web.doors[0].steps
    assert old.doors[0].start_command == "/usr/local/sbin/open-door %DOOR% %IP%"
    assert (edge.doors[1].cmd_timeout, edge.doors[0].cmd_timeout) == (300.0, 30.0)
    assert web.options.log_format is LogFormat.JSON


def test_gateways() -> None:
    """Two gateways share openings, and a store that does not answer shuts them both."""
    config = read(CONF / "examples/gateways.conf")
    assert [True] == [door.fleet_share and door.fleet_required for door in config.doors]
    assert ["store1.example.org", "store2.example.org"] == [one.host for one in config.options.fleet]
    assert all(one.tls for one in config.options.fleet)


@pytest.mark.parametrize("key", ALL_KEYS, ids=lambda key: key.name)
def test_manual_names_every_key(key: Key) -> None:
    """knockd.conf(5) has an entry for every key and names each of its aliases."""
    page = (ROOT / "docs/knockd.conf.5").read_text()
    assert re.search(rf"^\.It Cm {key.name} ", page, flags=re.MULTILINE)
    assert [alias for alias in key.aliases if f"\n.Cm {alias}\n" not in page] == []
