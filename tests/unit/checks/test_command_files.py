"""Programs that commands name: there or not, executable or not, hidden from the service or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.checks import command_files
from knockd.checks.command_files import (
    Whereabouts,
    find_file_notes,
    find_program_notes,
    find_unit,
    find_whereabouts,
    judge_program,
)
from knockd.checks.sandbox import SERVICE_PATH, Sandbox
from knockd_conf.model import Config, Options
from tests.support.doubles.played import door

UNIT = "/etc/systemd/system/knockd.service"
TIGHT = Sandbox(UNIT, "yes", private_tmp=True, no_new_privileges=True, protect_system="strict")
OPEN = Whereabouts(SERVICE_PATH, None)
Program = Callable[..., str]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes a program in a folder of its own."""

    def maker(name: str = "open", text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    return maker


def said(command: str, where: Whereabouts = OPEN) -> list[str]:
    """The messages about a start command."""
    return [note.message for note in find_program_notes([door("1", start_command=command)], where)]


def test_a_program_that_is_there(program: Program) -> None:
    """By its path or in a folder of PATH, as a script or not."""
    path = program()
    assert [] == said(f"{path} %IP%; sh -c '{path}; cat'; sleep 1")
    assert [] == said("open %IP%", Whereabouts(f"/nowhere:{Path(path).parent}", None))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/nowhere/open-door %IP%", "there is no program /nowhere/open-door"),
        ("/nowhere/sh -c 'true'", "there is no program /nowhere/sh: here it is /usr/bin/sh"),
        ("/etc/passwd/open-door", "there is no program /etc/passwd/open-door"),
        ("no-such-program %IP%", f"there is no program 'no-such-program': expected one in {SERVICE_PATH}"),
        ("true; no-such-program", f"there is no program 'no-such-program': expected one in {SERVICE_PATH}"),
        ("/etc", "/etc is no program: expected a file"),
        ("sh /nowhere/open.sh %IP%", "there is no script /nowhere/open.sh"),
        ("nice -n 5 /nowhere/open-door", "there is no program /nowhere/open-door"),
    ],
)
def test_a_program_that_is_not_there(command: str, expected: str) -> None:
    """It is named, with where it is if it is elsewhere."""
    assert [expected] == said(command)


def test_a_program_that_cannot_be_executed(program: Program) -> None:
    """The cure is a command to copy."""
    path = program("open door", mode=0o644)
    assert [f"{path} cannot be executed: run 'chmod +x '{path}''"] == said(f"'{path}'")


def test_a_script_for_an_interpreter_need_not_be_executable(program: Program) -> None:
    """sh and python read it."""
    path = program(mode=0o644)
    assert [] == said(f"sh {path} %IP%; /usr/bin/env python3 {path}")


def test_a_script_of_windows(program: Program) -> None:
    """Its interpreter ends in a carriage return, which nobody sees."""
    path = program(text="#!/bin/sh\r\necho\r\n")
    assert [f"{path} has the line ends of Windows: run \"sed -i 's/\\r$//' {path}\""] == said(path)


def test_a_script_without_its_interpreter(program: Program) -> None:
    """The file is there, what reads it is not."""
    path = program(text="#!/nowhere/bash -e\n")
    assert [f"{path} begins with #!/nowhere/bash, and there is no such program"] == said(path)


@pytest.mark.parametrize(
    "command",
    [
        "$HOME/open",
        "/etc/%DOOR%/open",
        "./open",
        "cd /; export X=1; . /etc/open",
        "[ -x /nowhere/open ] && /nowhere/open",
        "command -v nowhere && nowhere",
        "if /nowhere/open; then true; fi",
        "sh -c open.sh",
        "sh open.sh",
    ],
)
def test_what_cannot_be_known(command: str) -> None:
    """Words that the shell makes, relative paths, and commands that look themselves."""
    assert [] == [message for message in said(command) if "/nowhere" in message or "$" in message]


def test_one_mistake_of_several_keys() -> None:
    """A program that start and stop commands of many doors lack is said of the first key."""
    commands = {"start_command": "/nowhere/x -I", "stop_command": "/nowhere/x -D"}
    doors = [door("1", name=name, **commands) for name in "ab"]
    notes = list(find_program_notes(doors, OPEN))
    assert [doors[0].place("start_command"), doors[1].place("start_command")] == [note[:3] for note in notes]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            "/home/bob/open.sh",
            f"/home/bob/open.sh is hidden from the service (ProtectHome=yes in {UNIT}): move it to"
            " /usr/local/sbin, or change the setting with systemctl edit knockd",
        ),
        (
            "sh /tmp/open.sh",
            f"/tmp/open.sh is hidden from the service (PrivateTmp=yes in {UNIT}): move it to"
            " /usr/local/sbin, or change the setting with systemctl edit knockd",
        ),
        (
            "sudo -n true",
            f"sudo cannot raise rights in the service (NoNewPrivileges=yes in {UNIT}):"
            " commands run as root anyway, write it without",
        ),
        (
            "echo %IP% >> /etc/hosts.allow",
            f"the service cannot write /etc/hosts.allow (ProtectSystem=strict in {UNIT}):"
            " allow it with systemctl edit knockd (ReadWritePaths=, say)",
        ),
    ],
)
def test_what_the_sandbox_keeps_from_commands(command: str, expected: str) -> None:
    """The setting is named, and where it is."""
    assert [expected] == said(command, Whereabouts(SERVICE_PATH, TIGHT))
    assert expected not in said(command)


def test_files_that_the_service_cannot_write() -> None:
    """A one-time file beside knockd.conf, as 0.8 could have it, and a log elsewhere, each with a cure."""
    options = Options(log_file="/srv/knockd.log")
    door_ = door("1", one_time_file="/etc/spare.txt")
    config = Config("/etc/knockd.conf", options, (door_,), "here", ("/etc/knockd.conf",))
    found = [note.message for note in find_file_notes(config, Whereabouts(SERVICE_PATH, TIGHT))]
    assert found == [
        f"the service cannot write /srv/knockd.log (ProtectSystem=strict in {UNIT}): name one in /var/log",
        f"the service cannot write /etc/spare.txt (ProtectSystem=strict in {UNIT}), and the door is disabled:"
        " move it to /etc/knockd, or write ReadWritePaths=-/etc/spare.txt under [Service] with systemctl edit"
        " knockd; then restart it",
    ]
    assert [] == list(find_file_notes(config, OPEN))
    roomy = TIGHT._replace(writable=("/srv", "/etc/spare.txt"))
    assert [] == list(find_file_notes(config, Whereabouts(SERVICE_PATH, roomy)))


def unit(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Units are looked for in these folders."""
    monkeypatch.setattr(command_files, "UNIT_FOLDERS", tuple(map(str, folders)))


def test_the_unit_that_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first folder that has one wins; all drop-ins are laid over it, in the order of their names."""
    first, second = tmp_path / "etc", tmp_path / "lib"
    for folder, text in ((first, "ProtectHome=yes"), (second, "PrivateTmp=yes")):
        (folder / "knockd.service.d").mkdir(parents=True)
        (folder / "knockd.service").write_text(text)
    (second / "knockd.service.d" / "20.conf").write_text("ProtectHome=no")
    (first / "knockd.service.d" / "10.conf").write_text("ProtectHome=tmpfs\nNoNewPrivileges=yes")
    (first / "knockd.service.d" / "30.txt").write_text("NoNewPrivileges=no")
    unit(monkeypatch, tmp_path / "none", first, second)
    assert Sandbox(f"{first}/knockd.service", no_new_privileges=True) == find_unit()


def test_no_unit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a unit no sandbox is spoken of, and programs may be where the person's are."""
    unit(monkeypatch, tmp_path)
    assert find_unit() is None
    assert Whereabouts(f"/my:{SERVICE_PATH}", None) == find_whereabouts({"PATH": "/my"}, starting=False)


def test_where_commands_will_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who checks prepares for the service; a daemon that starts knows whether it is one."""
    (tmp_path / "knockd.service").write_text("ProtectHome=yes")
    unit(monkeypatch, tmp_path)
    tight = Sandbox(f"{tmp_path}/knockd.service", "yes")
    assert Whereabouts(SERVICE_PATH, tight) == find_whereabouts({"PATH": "/my"}, starting=False)
    assert Whereabouts("/my", None) == find_whereabouts({"PATH": "/my"}, starting=True)
    started = {"PATH": "/bin", "INVOCATION_ID": "1"}
    assert Whereabouts("/bin", tight) == find_whereabouts(started, starting=True)
    assert Whereabouts(SERVICE_PATH, None) == find_whereabouts({}, starting=True)


def test_a_builtin_is_no_file() -> None:
    """The shell has it itself."""
    assert judge_program("umask", Whereabouts("/nowhere", None)) is None
