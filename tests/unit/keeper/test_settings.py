"""The command line over the file: what wins, and which interfaces there are to listen on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockd.checks import signed_host
from knockd.keeper import settings as module
from knockd.keeper.settings import (
    DEFAULT_PID_FILE,
    Settings,
    explain_absent,
    explain_trouble,
    find_directory,
    wanted_interfaces,
)
from knockd.net import interfaces
from knockd.net.interface import Interface
from knockd.net.rtnetlink import Link
from knockd.process.privileges import NoSuchUserError, User
from knockd_conf.errors import ConfigError
from knockd_conf.model import CommandFacts

GOOD = """
[options]
LogFile = /var/log/knockd.log

[ssh]
Sequence = 47001,47003,47002
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good configuration."""
    made = tmp_path / "knockd.conf"
    made.write_text(GOOD)
    made.chmod(0o600)
    return made


def test_interface_of_the_file(path: Path) -> None:
    """Without -i the file's interfaces are listened on."""
    path.write_text(GOOD.replace("[options]", "[options]\nInterface = lo, knock-none"))
    assert wanted_interfaces(Settings(str(path)).load_config()) == ("lo", "knock-none")


def test_command_line_wins(path: Path) -> None:
    """What the command line says wins over the file."""
    path.write_text(GOOD.replace("[options]", "[options]\nInterface = eth7\nPidFile = /run/a.pid"))
    settings = Settings(str(path), interfaces=("lo",), log_file="/tmp/b.log", pid_file="/run/b.pid")
    options = settings.load_config().options
    assert (options.interface, options.log_file, options.pid_file) == (("lo",), "/tmp/b.log", "/run/b.pid")


def test_file_wins_over_defaults(path: Path) -> None:
    """What the command line leaves open the file decides, and else the default."""
    options = Settings(str(path)).load_config().options
    assert (options.log_file, options.pid_file) == ("/var/log/knockd.log", DEFAULT_PID_FILE)


def test_missing_interfaces() -> None:
    """Every interface that is not there is named."""
    said = explain_absent(("none-a", "lo", "none-b"))
    assert said is not None
    assert said.startswith("no interface none-a, none-b here; there are: lo")


def test_no_interface_is_missing() -> None:
    """With all interfaces there nothing is said."""
    assert explain_absent(("lo",)) is None


def test_no_interface_to_choose() -> None:
    """Without a default route the user is asked to name one of those that are there."""
    said = explain_absent(())
    assert said is not None
    assert said.startswith("no interface has a default route; name one with -i or Interface: lo")


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three interfaces: one that is up, one that is down, and a port of a bridge."""
    found = [
        Interface(Link(1, "eth0", 1, up=True), frozenset({b"\x0a\0\0\1"})),
        Interface(Link(2, "eth1", 1, up=False)),
        Interface(Link(3, "eth2", 1, up=True, part_of="bridge", master=4), master="br\udcff"),
    ]
    monkeypatch.setattr(interfaces, "read_interfaces", lambda: {one.link.name: one for one in found})


@pytest.mark.usefixtures("there")
def test_any_interface(path: Path) -> None:
    """Any is every interface that is up and no port of a bridge."""
    assert ("eth0",) == wanted_interfaces(Settings(str(path), interfaces=("any",)).load_config())


@pytest.mark.usefixtures("there")
def test_interfaces_that_are_down() -> None:
    """Those that are down are named; those that are not there are not."""
    assert ["interface eth1 is down"] == [*explain_trouble(("eth0", "eth1", "eth9"), any_will_do=False)]


@pytest.mark.usefixtures("there")
def test_interfaces_without_an_address() -> None:
    """One that was named is explained, with its bridge's name; where any will do it is as it should be."""
    assert [*explain_trouble(("eth2",), any_will_do=False)] == [
        "interface eth2 has no address, so only doors with a Target can be knocked at there:"
        " it is a part of bridge br\\xff; write Interface = br\\xff"
    ]
    assert [] == [*explain_trouble(("eth2",), any_will_do=True)]


def test_days(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are judged by the date of this host, and by that in two weeks."""
    monkeypatch.setattr(module, "local_day", lambda later=0: f"day {later}")
    settings = Settings(str(path))
    assert ("day 0", "day 14") == settings.find_circumstances(settings.load_config()).days


def test_paths_of_the_file_are_meant_from_the_start(path: Path) -> None:
    """Relative paths of the file are taken from where knockd was started, also those of doors."""
    more = "LogFile = a.log\nPidFile = b.pid\nStateDir = c\nAuthorized_Keys = f\nKnock_Secret = g\n"
    more += "[trip]\nOne_Time_Sequences = d\n[key]\nSequence_Key = e\n"
    more += "[signed]\nSequence = 7,9\nSigned_Port = 47811\nAuthorized_Keys = h\n"
    path.write_text(GOOD.replace("LogFile = /var/log/knockd.log\n", more))
    config = Settings(str(path), directory="/srv").load_config()
    options = config.options
    assert ("/srv/a.log", "/srv/b.pid", "/srv/c") == (options.log_file, options.pid_file, options.state_dir)
    assert ["/srv/d", None, None, None] == [door.one_time_file for door in config.doors]
    assert [None, "/srv/e", None, None] == [door.sequence_key for door in config.doors]
    assert ("/srv/f", "/srv/g") == (options.authorized_keys, options.knock_secret)
    assert "/srv/h" == config.doors[2].authorized_keys


def test_relative_paths_without_a_directory(path: Path) -> None:
    """Where knockd was started in a directory that is gone, relative paths of the file are refused."""
    assert "/var/log/knockd.log" == Settings(str(path), directory="").load_config().options.log_file
    path.write_text(GOOD.replace("/var/log/", ""))
    with pytest.raises(ConfigError) as refused:
        Settings(str(path), directory="").load_config()
    reason = "expected an absolute path, for there is no working directory, got 'knockd.log'"
    assert f"{path}: {reason}" == str(refused.value)


def test_find_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory has a path until it is removed."""
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) == find_directory()


@pytest.mark.usefixtures("gone")
def test_a_directory_that_is_gone() -> None:
    """Then there is none."""
    assert "" == find_directory()


def test_state_dir_of_the_command_line(path: Path) -> None:
    """--state-dir wins over the file."""
    assert "/tmp/s" == Settings(str(path), state_dir="/tmp/s").load_config().options.state_dir


def test_control_socket(path: Path) -> None:
    """A path of the file is taken from where knockd was started; --control-socket wins, also with none."""
    path.write_text(GOOD.replace("[options]", "[options]\nControlSocket = c"))
    assert "/srv/c" == Settings(str(path), directory="/srv").load_config().options.control_socket
    assert "/x" == Settings(str(path), control_socket="/x").load_config().options.control_socket
    assert "" == Settings(str(path), control_socket="").load_config().options.control_socket


def test_no_control_socket(path: Path) -> None:
    """None in the file stays none."""
    path.write_text(GOOD.replace("[options]", "[options]\nControlSocket = none"))
    assert "" == Settings(str(path), directory="/srv").load_config().options.control_socket


def test_no_door(path: Path) -> None:
    """A file without a door is a mistake."""
    path.write_text("[options]\nUseSyslog\n")
    with pytest.raises(ConfigError, match="expected at least one door, got none"):
        Settings(str(path)).load_config()


def test_the_user_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who the packet process becomes is part of what is loaded."""
    path.write_text(GOOD.replace("[options]", "[options]\nUser = bob"))
    monkeypatch.setattr(module, "is_user", lambda _: True)
    monkeypatch.setattr(module, "packet_user", lambda name: User(str(name), 103, 203))
    assert User("bob", 103, 203) == Settings(str(path)).load_all().user


def test_commands_are_judged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is certain of a door's commands is part of what is loaded: the daemon itself reads no command."""
    path.write_text(f"{GOOD}\n[ssh]\nsequence = 7\nstart_command = iptables -I INPUT -s %IP%\n")
    monkeypatch.setattr(module, "packet_user", lambda _: None)
    door = Settings(str(path)).load_all().config.doors[-1]
    assert door.facts == (CommandFacts(4, ("iptables",)),)


def test_a_user_who_goes_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who was there a moment ago and is gone is a problem of the key that asks for him."""

    def gone(name: str | None) -> User:
        raise NoSuchUserError(f"there is no user {name} on this system")

    path.write_text(GOOD.replace("[options]", "[options]\nUser = bob"))
    monkeypatch.setattr(module, "is_user", lambda _: True)
    monkeypatch.setattr(module, "packet_user", gone)
    with pytest.raises(ConfigError, match="User: there is no user bob on this system"):
        Settings(str(path)).load_all()


@pytest.mark.parametrize(
    ("address", "wide"),
    [("2001:db8::1", True), ("fd00::1", True), ("fe80::1", False), ("::1", False), ("192.0.2.1", False)],
)
def test_what_commands_meet(monkeypatch: pytest.MonkeyPatch, path: Path, address: str, *, wide: bool) -> None:
    """IPv6 knockers come to an address that is not of the link alone, on an interface that is watched."""
    there = {
        "eth0": Interface(Link(2, "eth0", 1, up=True), frozenset({ip_address(address).packed})),
        "eth1": Interface(Link(3, "eth1", 1, up=True), frozenset({ip_address("2001:db8::2").packed})),
    }
    monkeypatch.setattr(interfaces, "read_interfaces", lambda: there)
    monkeypatch.setattr(interfaces, "read_default_routes", lambda _: ())
    settings = Settings(str(path), interfaces=("eth0",))
    known = settings.find_circumstances(settings.load_config())
    assert (True, wide, False) == known[:3]
    assert settings.find_circumstances(settings.load_config(), starting=True).starting
    assert not replace(settings, ipv6=False).find_circumstances(settings.load_config()).ipv6


def test_signed_knocks_without_pynacl(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that cannot check signatures does not start; who only reads a configuration has no need."""
    signed = "[options]\nSigned_Port = 47811\nKnock_Secret = /s\nAuthorized_Keys = /k\n[a]\nCommand = x\n"
    path.write_text(signed)
    monkeypatch.setattr(signed_host, "explain_missing", lambda: "expected PyNaCl, got none")
    assert Settings(str(path)).load_config().doors[0].is_signed_alone
    with pytest.raises(ConfigError, match="5: \\[a\\]: expected PyNaCl, got none"):
        Settings(str(path)).load_all()
