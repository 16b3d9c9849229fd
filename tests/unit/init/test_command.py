"""knockd --init: exit statuses, what is written and what is printed, on hosts of the test's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.arguments import DEFAULT_CONFIG, Init
from knockd.doctor.firewall_reader import Firewall
from knockd.doctor.rulesets import Chain, Ruleset
from knockd.init import command as module
from knockd.init.command import init
from knockd.init.host import Ports
from knockd.init.walls import Walls
from knockd.keeper.settings import Settings
from knockd.net.interface import Interface
from knockd.net.rtnetlink import Link
from knockd.sequences.trusted_clock import Reading
from knockd_conf.key_file import parse_keys
from knockd_conf.knock_secret import format_secret, parse_secret
from knockd_conf.model import Service, Step
from knockd_conf.protocol import Protocol

SSH = Service(22, 22, Protocol.TCP)
ETH0 = Interface(Link(1, "eth0", 1, up=True), frozenset({bytes((10, 7, 0, 1))}))
DROPS = Ruleset({"inet filter input": Chain(hook="input", drops=True)})
PROGRAMS = {"nft": "/usr/sbin/nft"}

World = Callable[..., None]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Makes a host: its rules and programs, default routes and ports where SSH is served; root asks."""

    def make(
        ruleset: Ruleset | None = DROPS,
        programs: dict[str, str] = PROGRAMS,
        routes: tuple[str, ...] = ("eth0",),
        others: tuple[int, ...] = (),
        uid: int = 0,
    ) -> None:
        there = {"eth0": ETH0}
        walls = Walls(Firewall(ruleset, False, None, () if ruleset else ("its rules: x",)), programs)
        monkeypatch.setattr(module, "read_interfaces", lambda: there)
        monkeypatch.setattr(module, "read_default_routes", lambda _: routes)
        monkeypatch.setattr("knockd.keeper.settings.interfaces.read_interfaces", lambda: there)
        monkeypatch.setattr("knockd.doctor.network.read_interfaces", lambda: there)
        monkeypatch.setattr(module, "ports_in_use", lambda: frozenset({Step(22, Protocol.TCP)}))
        monkeypatch.setattr(module, "choose_service", lambda _: (SSH, others))
        monkeypatch.setattr(module, "read_ports", lambda _: Ports(frozenset(), range(32_768, 61_000)))
        monkeypatch.setattr(module, "read_walls", lambda _: walls)
        monkeypatch.setattr(module, "find_known_keys", lambda: ())
        monkeypatch.setattr("os.geteuid", lambda: uid)

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The command line: the file is in a directory of the test's own."""
    return Settings(str(tmp_path / "knockd.conf"))


def test_ports(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is written, and the client's line has its ports."""
    world()
    assert os.EX_OK == init(settings, Init())
    (door,) = settings.load_config().doors
    said = capsys.readouterr()
    knocks = [str(step.port) if step.protocol is Protocol.TCP else str(step) for step in door.steps]
    assert f"     knock 10.7.0.1 {' '.join(knocks)}\n" in said.out
    assert said.out.startswith(f"Wrote {settings.config_path} (mode 600).\n")
    assert "" == said.err


def test_key(world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is made beside it, in the name of who became root; it is nowhere in what is printed."""
    world()
    monkeypatch.setenv("SUDO_USER", "alice")
    assert os.EX_OK == init(settings, Init(keyed=True))
    path = tmp_path / "knockd" / "ssh.key"
    (key,) = parse_keys(path.read_bytes()).keys
    assert "alice" == key.name
    assert str(path) == settings.load_config().doors[0].sequence_key


@pytest.mark.parametrize(
    ("wanted", "loose", "said"),
    [
        (Init(keyed=True), "x", "knocks with a key wait"),
        (Init(signed=True), "x", "signed knocks wait"),
        (Init(keyed=True), "", ""),
        (Init(), "x", ""),
    ],
)
def test_the_clock(
    world: World,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wanted: Init,
    loose: str,
    said: str,
) -> None:
    """A door with keys waits for a clock that is synchronised, and that is said."""
    world()
    monkeypatch.setattr(module, "read_clock", lambda: Reading(0.0, 0.0, loose))
    init(settings, wanted)
    printed = " ".join(capsys.readouterr().out.split())
    assert bool(said) is (f"{said} until the clock is synchronised (x)" in printed)


def test_signed(world: World, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port and a knock secret are made; the keys are told how to be let in, and nobody sees the secret."""
    world()
    assert os.EX_OK == init(settings, Init(signed=True))
    config = settings.load_config()
    (door,) = config.doors
    secret = tmp_path / "knockd" / "knock_secret"
    assert door.is_signed_alone
    assert str(secret) == config.options.knock_secret
    assert str(tmp_path / "knockd" / "authorized_keys") == door.authorized_keys
    said = capsys.readouterr().out
    assert f"Wrote {secret} and {settings.config_path} (mode 600).\n" in said
    assert f"knockctl authorize --door ssh -c {settings.config_path} FILE.pub" in said
    assert format_secret(parse_secret(secret.read_bytes())) not in said
    assert not (tmp_path / "knockd" / "authorized_keys").exists()


def test_files_of_signed_knocks_that_are_there(
    world: World, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They stay as they are and count; a secret that others can read is refused, and nothing is written."""
    world()
    init(settings, Init(signed=True))
    secret, keys = tmp_path / "knockd" / "knock_secret", tmp_path / "knockd" / "authorized_keys"
    before = secret.read_bytes()
    keys.write_text("# nobody\n")
    Path(settings.config_path).unlink()
    capsys.readouterr()
    assert os.EX_OK == init(settings, Init(signed=True))
    said = " ".join(capsys.readouterr().out.split())
    assert f"Wrote {settings.config_path} (mode 600). " in said
    for path in (secret, keys):
        assert f"! {path} is there already, and counts as it is" in said
    assert before == secret.read_bytes()
    Path(settings.config_path).unlink()
    secret.chmod(0o644)
    assert os.EX_CANTCREAT == init(settings, Init(signed=True))
    assert f"knockd: {secret} is there already and cannot be used: others than" in capsys.readouterr().err
    assert not Path(settings.config_path).exists()


def test_signed_knocks_that_are_printed(
    world: World, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No secret is made."""
    world()
    assert os.EX_OK == init(settings, Init(signed=True, printing=True))
    assert "\tSigned_Port     = " in capsys.readouterr().out
    assert [] == list(tmp_path.iterdir())


def test_without_pynacl(
    world: World,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Which package is missing is said before anything is to be done."""
    world()
    monkeypatch.setattr(module, "explain_missing", lambda: "expected PyNaCl, got none")
    init(settings, Init(signed=True))
    said = " ".join(capsys.readouterr().out.split())
    assert "! expected PyNaCl, got none; without it knockd does not start" in said
    assert said.index("PyNaCl") < said.index("1. Tell")


@pytest.mark.parametrize("user", [None, "no name"])
def test_key_of_nobody(
    world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str | None
) -> None:
    """Without a name that a key can have it is the owner's."""
    world()
    monkeypatch.delenv("SUDO_USER", raising=False)
    if user is not None:
        monkeypatch.setenv("SUDO_USER", user)
    init(settings, Init(keyed=True))
    assert "owner" == parse_keys((tmp_path / "knockd" / "ssh.key").read_bytes()).keys[0].name


def test_a_key_is_not_printed(
    world: World, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither when it is written nor when the configuration is printed does a key appear."""
    world()
    init(settings, Init(keyed=True))
    secret = (tmp_path / "knockd" / "ssh.key").read_text().split()[1]
    init(settings, Init(keyed=True, printing=True))
    said = capsys.readouterr()
    assert secret not in said.out + said.err


def test_printed(
    world: World, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output is the file alone; whatever is there stays, and no key is made."""
    world()
    Path(settings.config_path).write_text("mine")
    assert os.EX_OK == init(settings, Init(keyed=True, printing=True))
    said = capsys.readouterr()
    assert said.out.startswith(f"# {settings.config_path}, made by knockd --init")
    assert "1. Tell the firewall" in said.err
    assert "mine" == Path(settings.config_path).read_text()
    assert ["knockd.conf"] == [path.name for path in tmp_path.iterdir()]


def test_what_is_there_stays(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing file is named, with what to do, and the status is 73."""
    world()
    Path(settings.config_path).write_text("mine")
    assert os.EX_CANTCREAT == init(settings, Init())
    assert capsys.readouterr().err == (
        f"knockd: {settings.config_path} is there already and stays as it is; --dry-run prints what would be"
        " written, -c names another file\n"
    )


def test_a_key_that_is_there(
    world: World, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key is never overwritten, and no configuration is written beside it."""
    world()
    (tmp_path / "knockd").mkdir()
    (tmp_path / "knockd" / "ssh.key").write_text("old")
    assert os.EX_CANTCREAT == init(settings, Init(keyed=True))
    assert "ssh.key is there already" in capsys.readouterr().err
    assert not Path(settings.config_path).exists()


def test_not_root(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Who is not root may print the file, and is told so."""
    world(uid=1000)
    assert os.EX_NOPERM == init(settings, Init())
    assert "--dry-run prints what would be in it" in capsys.readouterr().err
    world(None, uid=1000)
    assert os.EX_OK == init(settings, Init(printing=True))
    assert "not known (its rules: x)" in capsys.readouterr().err


def test_no_default_route(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a default route an interface has to be named; the message lists those that there are."""
    world(routes=())
    assert os.EX_UNAVAILABLE == init(settings, Init())
    assert "knockd: no interface has a default route; name one with -i: eth0\n" == capsys.readouterr().err


def test_unknown_interface(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An interface that is not there is a typing error."""
    world()
    settings = Settings(str(tmp_path / "knockd.conf"), interfaces=("eth7",))
    assert os.EX_UNAVAILABLE == init(settings, Init())
    assert "knockd: no interface eth7 here; there are: eth0\n" == capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_interface_that_is_asked_for(world: World, tmp_path: Path) -> None:
    """What -i says is written, without any default route."""
    world(routes=())
    settings = Settings(str(tmp_path / "knockd.conf"), interfaces=("any",))
    assert os.EX_OK == init(settings, Init())
    text = Path(settings.config_path).read_text()
    assert "\tInterface = any\n" in text


def test_no_program(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Without nft and iptables nothing can be opened or closed: 69."""
    world(Ruleset(), {})
    assert os.EX_UNAVAILABLE == init(settings, Init())
    assert "install nftables" in capsys.readouterr().err


def test_no_folder(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory that is not there is named."""
    world()
    assert os.EX_CANTCREAT == init(Settings(str(tmp_path / "etc" / "knockd.conf")), Init())
    assert capsys.readouterr().err == (
        f"knockd: there is no directory {tmp_path}/etc: make it, or name another file with -c\n"
    )


def test_a_full_disk(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the kernel says is passed on, with the path."""

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    world()
    monkeypatch.setattr("os.write", fail)
    assert os.EX_CANTCREAT == init(settings, Init())
    assert capsys.readouterr().err == (
        f"knockd: could not write {settings.config_path}: No space left on device; nothing was written\n"
    )


def test_another_port(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """A door for another port has its name, and nobody is told of SSH."""
    world(others=(2222,))
    wireguard = Service(51_820, 51_820, Protocol.UDP)
    assert os.EX_OK == init(settings, Init(service=wireguard))
    (door,) = settings.load_config().doors
    assert "port51820" == door.name
    assert "2222" not in capsys.readouterr().out


def test_ssh_elsewhere_too(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Where SSH is served at another port as well, no door is in front of that."""
    world(others=(2222,))
    init(settings, Init())
    assert "! SSH is served at 2222 too, and no door is in front of that" in capsys.readouterr().out


def test_what_the_firewall_lacks(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A firewall that would end connections when the door closes is told of."""
    world()
    init(settings, Init())
    said = " ".join(capsys.readouterr().out.split())
    assert "! a connection to tcp 22 over IPv4 ends when door ssh closes" in said


def test_the_default_file(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the file that every command reads, none is told where it is."""
    world()
    monkeypatch.setattr(module, "find_start", lambda path: f"start {path}")
    init(Settings(DEFAULT_CONFIG), Init(printing=True))
    said = capsys.readouterr()
    assert "     start None\n" in said.err
    assert "     knockctl doctor --knock ssh\n" in said.err
