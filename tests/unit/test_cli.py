"""The command knockd: what -t and --dry-run print, exit statuses, and what the process itself does of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from knockd import cli
from knockd.arguments import Init
from knockd.checks import signed_host
from knockd.keeper.settings import Loaded, Settings
from knockd_conf.key_line import KeyLine, format_key_line
from knockd_conf.signed_packet import MinuteKeys, derive_minute
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.timed import Rule, derive_ports

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

GOOD = """
[options]
LogFile = /var/log/knockd.log
Guard_Ports = none

[ssh]
Sequence = 47001,47003,47002
TCPFlags = syn
Command = true %IP%
"""


@pytest.fixture(autouse=True)
def _pipes_as_before() -> Iterator[None]:
    """What prints lets a closed pipe or Ctrl-C end it; not so pytest."""
    before = {number: signal.getsignal(number) for number in (signal.SIGPIPE, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good configuration."""
    made = tmp_path / "knockd.conf"
    made.write_text(GOOD.replace("[options]\n", f"[options]\nStateDir = {tmp_path}/state\n", 1))
    made.chmod(0o600)
    return made


def run(*arguments: str | Path) -> int:
    """The exit status of the child that reads this command line, run here."""
    return cli.read_command_line([str(argument) for argument in arguments], lambda _: None)


def test_name_without_an_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A Target that no name server knows ends with 75: a service manager tries again, as after power cuts."""
    path = tmp_path / "knockd.conf"
    path.write_text("[a]\nSequence = 1\nTarget = a.invalid\n")
    path.chmod(0o600)
    assert (run("-t", "-c", path), "'a.invalid'" in capsys.readouterr().err) == (75, True)


def test_name_without_an_answer_is_not_all(tmp_path: Path) -> None:
    """Beside a mistake that only a person can mend the status is 78."""
    path = tmp_path / "knockd.conf"
    path.write_text("[a]\nSequence = 1\nTarget = a.invalid\n[b]\nSequence = x\n")
    path.chmod(0o600)
    assert run("-t", "-c", path) == 78


def test_missing_config(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A config file that is not there ends with 78 and is named."""
    missing_path = tmp_path / "none.conf"
    status = run("-t", "-c", missing_path)
    said = capsys.readouterr().err
    assert (status, said.count("\n"), str(missing_path) in said, "got none" in said) == (
        78,
        1,
        True,
        True,
    )


def test_bad_config(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """All problems of a config come at once, one a line, and the status is 78."""
    path.write_text("[options]\nLatency = 0\n[ssh]\nSequence = 1,x\nTimout = 5\n")
    status = run("-t", "-c", path)
    assert (status, capsys.readouterr().err) == (
        78,
        f"{path}:2: Latency: expected a whole number of milliseconds from 1 to 1000, got '0'\n"
        f"{path}:4: Sequence: expected a port from 0 to 65535, got 'x'\n"
        f"{path}:5: Timout: expected a known key (the nearest is Timeout), got 'Timout'\n",
    )


def test_no_door(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """A config without a door has nothing to do."""
    path.write_text("[options]\nUseSyslog\n")
    assert (run("-t", "-c", path), capsys.readouterr().err) == (
        78,
        f"{path}: expected at least one door, got none\n",
    )


def test_config_that_others_can_write(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """A config that everybody can write is refused; an option says that this is wanted."""
    if os.geteuid():
        pytest.skip("only a config that root runs holds root's commands")
    path.chmod(0o666)
    refused, message = run("-t", "-i", "lo", "-c", path), capsys.readouterr().err
    allowed = run("-t", "-i", "lo", "-c", path, "--allow-insecure-config")
    assert (refused, "chmod" in message, allowed) == (78, True, 0)


@pytest.mark.parametrize(
    ("text", "status"),
    [("[a]\nSequence = 1\nTarget = a.invalid\n", 75), ("[ssh]\nSequence = x\nTimout = 5\n", 78), (None, 78)],
    ids=["name server", "mistakes", "no file"],
)
def test_start_with_a_bad_config(
    capsys: pytest.CaptureFixture[str], path: Path, text: str | None, status: int
) -> None:
    """The daemon refuses to start with what -t refuses, in the same words and with the same status."""
    path.unlink()
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    checked = run("-t", "-c", path), capsys.readouterr().err
    started = start(MAIN, "-c", path)
    assert ((status, checked[1]), status) == ((started.returncode, started.stderr), checked[0])


def test_relative_path(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages name the whole path of a config that was given by a part of it."""
    monkeypatch.chdir(path.parent)
    path.write_text("[ssh]\n")
    run("-t", "-c", path.name)
    assert capsys.readouterr().err.startswith(f"{path}:")


def test_no_such_interface(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t ends with 69 when an interface is not there; the message lists those that are."""
    status = run("-t", "-c", path, "-i", "lo, knock-none")
    said = capsys.readouterr().err
    assert (status, said.startswith("knockd: no interface knock-none here; there are: lo")) == (69, True)


def test_check_for_another_host(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """With --host what is not on this host is no mistake: interfaces, one-time files."""
    path.write_text("[options]\nUseSyslog\n[a]\nOne_Time_Sequences = /nowhere/once\nCommand = x\n")
    status = run("-t", "-c", path, "-i", "knock-none", "--host", "other.example.org")
    said = capsys.readouterr()
    assert (0, "") == (status, said.err)
    assert "warning" not in said.out


def test_check(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t says what is good: doors, guards and the length of each filter."""
    status = run("-t", "-i", "lo", "-c", path)
    said = capsys.readouterr()
    lines = [re.sub(r"of \d+ instr", "of N instr", line) for line in said.out.splitlines()]
    assert (status, said.err, lines) == (
        0,
        "",
        [
            f"{path}: good, 1 door",
            "  door ssh (line 7): 3 steps (tcp) within 25 s, tcpflags syn",
            "    guards: none",
            "    scan in random order: opens it once in 6 times",
            "    guessing: 2.81e14 sequences; on average 1,190,000 packets, 19 min at 1,000 packets/s,"
            " if the ports are random",
            "    replay: whoever sees the knock can send it again, until you change the sequence",
            "  lo: filter of N instructions",
        ],
    )


def test_check_warns(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t ends with a line for everything that will surprise."""
    path.write_text("[a]\nSequence = 47001,47002,47007\nGuard_Ports = none\n")
    status = run("-t", "-i", "lo", "-c", path)
    lines = capsys.readouterr().out.splitlines()
    assert (status, lines[-3:]) == (
        0,
        [
            f"  warning: {path}: there is no LogFile and no UseSyslog in [options]: the log goes to systemd's"
            " journal, or with -v to the terminal, else nowhere",
            f"  warning: {path}:1: [a]: there is no Start_Command: opening the door does nothing",
            f"  warning: {path}:2: Sequence: a port scan in ascending order opens the door:"
            " no guard port is close before or between its steps",
        ],
    )


def test_check_of_a_one_time_door(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t says when a one-time door has no sequence, and why."""
    once = path.with_name("once")
    path.write_text(GOOD.replace("Sequence = 47001,47003,47002", f"One_Time_Sequences = {once}"))
    status = run("-t", "-i", "lo", "-c", path)
    said = capsys.readouterr().out
    assert (status, "disabled: no usable line in its one time sequences file" in said) == (0, True)
    assert (
        f"  warning: {path}:7: One_Time_Sequences: {once}: No such file or directory, make it with"
        f" 'knockctl gen-sequences 100 --file {once}': the door is disabled\n" in said
    )


def test_check_shows_no_sequence(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t does not print the secret."""
    run("-t", "-i", "lo", "-c", path)
    assert "4700" not in capsys.readouterr().out


def test_check_for_programs(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t --format json prints one object, with the status that the text has."""
    path.write_text(GOOD.replace("true %IP%", "true %ip%"))
    status = run("-t", "--format", "json", "-i", "lo", "-c", path)
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (0, "", True) == (status, said.err, found["good"])
    assert [("ssh", 6, 3)] == [(one["name"], one["line"], one["steps"]) for one in found["doors"]]
    assert [(str(path), 9, "Command")] == [(one["path"], one["line"], one["key"]) for one in found["notes"]]
    assert ["lo"] == [one["name"] for one in found["interfaces"]]


def test_check_of_mistakes_for_programs(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """Each problem is an object, on standard output."""
    path.write_text("[a]\nSequence = x\n")
    status = run("-t", "--format=json", "-c", path)
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (os.EX_CONFIG, "", False) == (status, said.err, found["good"])
    assert [(2, "Sequence")] == [(one["line"], one["key"]) for one in found["problems"]]


def test_check_without_the_interface(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """An interface that is not here is a problem of this host, in both forms."""
    assert os.EX_UNAVAILABLE == run("-t", "-i", "knock-none", "-c", path)
    assert capsys.readouterr().err.startswith("knockd: no interface knock-none here; there are: ")
    assert os.EX_UNAVAILABLE == run("-t", "--format=json", "-i", "knock-none", "-c", path)
    found = json.loads(capsys.readouterr().out)
    assert (False, 1, 1) == (found["good"], len(found["doors"]), len(found["problems"]))


def test_dry_run(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """--dry-run prints the filter for an interface that is here."""
    status = run("--dry-run", "-i", "lo", "-c", path)
    said = capsys.readouterr()
    assert (status, said.err, said.out.splitlines()[0]) == (0, "", "interface lo: ethernet")


def test_dry_run_elsewhere(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """For an interface that is not here the filter is printed all the same, and that is said."""
    status = run("--dry-run", "-i", "knock-none", "-c", path)
    said = capsys.readouterr()
    assert (status, said.err.startswith("knockd: no interface knock-none here; there are: ")) == (0, True)
    assert "not here: the filter without addresses" in said.out.splitlines()[0]


def test_dry_run_for_programs(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """--format json prints one object with what each interface would run."""
    status = run("--dry-run", "--format", "json", "-i", "lo", "-c", path)
    (one,) = json.loads(capsys.readouterr().out)["interfaces"]
    assert (status, one["name"], one["linktype"], one["instructions"]) == (0, "lo", 1, len(one["program"]))
    assert {"filter", "cost"} <= set(one)


@pytest.fixture
def keyed(path: Path) -> Path:
    """The configuration with two more doors, whose sequences are made of keys; one of them has none."""
    key = path.parent / "home.key"
    key.write_text(f"ann {b64encode(bytes(range(32))).decode()}\n")
    key.chmod(0o600)
    with path.open("a") as file:
        file.write(f"[home]\nSequence_Key = {key}\nCommand = true %IP%\n[none]\nSequence_Key = /none\n")
    return path


def test_dry_run_shows_no_port_of_a_key(capsys: pytest.CaptureFixture[str], keyed: Path) -> None:
    """Without --show-secrets the filter has no port that is made of a key, and a line says so."""
    assert run("--dry-run", "-i", "lo", "-c", keyed) == 0
    said = capsys.readouterr()
    left_out = "without the ports of home, none, which are made of keys: --show-secrets shows those of now"
    assert (said.err, said.out.splitlines()[-1]) == ("", left_out)
    assert run("--dry-run", "--format", "json", "-i", "lo", "-c", keyed) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["left_out"], found["live"]) == (["home", "none"], None)


def test_dry_run_shows_ports_of_now(capsys: pytest.CaptureFixture[str], keyed: Path) -> None:
    """With --show-secrets the filter lets the steps of now through; what has no key is said."""
    rule = Rule()
    before = rule.period_at(time.time())
    assert run("--dry-run", "--show-secrets", "--format", "json", "-i", "lo", "-c", keyed) == 0
    said = capsys.readouterr()
    assert said.err == "knockd: door none is left out: /none: No such file or directory\n"
    found = json.loads(said.out)
    assert found["left_out"] == []
    assert [(one["door"], one["key"]) for one in found["live"]] == [("home", "ann")] * 3
    assert [step for one in found["live"] for step in one["steps"]] in (
        [
            f"{port}:tcp"
            for period in (now - 1, now, now + 1)
            for port, _ in derive_ports(bytes(range(32)), "home", period, rule).steps
        ]
        for now in (before, before + 1)
    )
    one = found["live"][1]
    assert 30 <= one["seconds"] <= 60
    covered = " ".join(found["interfaces"][0]["covers"])
    assert all(step.removesuffix(":tcp") in covered for step in one["steps"])
    assert run("--dry-run", "--show-secrets", "-i", "lo", "-c", keyed) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("door home opens with key ann by:")
    assert [line.split("  for ")[1].split()[1:] for line in lines[at + 1 :]] == [["s", "more"]] * 3


@pytest.fixture
def signed(path: Path) -> Path:
    """The configuration with a door that signed knocks open, and what that needs."""
    secret = path.parent / "knock_secret"
    secret.touch(0o600)
    secret.write_text(f"{b64encode(bytes(range(32))).decode()}\n")
    with path.open("a") as file:
        file.write(f"[options]\nKnock_Secret = {secret}\nAuthorized_Keys = /keys\n")
        file.write("[home]\nSigned_Port = 47811\nCommand = true %IP%\n")
    return path


def tags_around(now: float) -> list[str]:
    """The tags that count at a time, of that secret."""
    minutes = range(int(now // 60) - 1, int(now // 60) + 2)
    return [MinuteKeys(at, derive_minute(bytes(range(32)), at)).tag.hex() for at in minutes]


def test_dry_run_shows_no_tag(capsys: pytest.CaptureFixture[str], signed: Path) -> None:
    """Without --show-secrets nothing that is made of the knock secret is printed, and a line says so."""
    before = time.time()
    for form in ("text", "json"):
        assert run("--dry-run", "--format", form, "-i", "lo", "-c", signed) == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert not any(tag in said.out for tag in (*tags_around(before), *tags_around(time.time())))
    assert json.loads(said.out)["left_out"] == ["home"]
    assert run("--dry-run", "-i", "lo", "-c", signed) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(
        "without signed knocks at 47811:udp (home), whose tags are made of the knock secret:"
    )


def test_check_tells_the_length_with_signed_knocks(capsys: pytest.CaptureFixture[str], signed: Path) -> None:
    """-t counts the instructions that signed knocks take, as a dry run with the tags of now does."""
    run("--dry-run", "--show-secrets", "--format", "json", "-i", "lo", "-c", signed)
    (shown,) = json.loads(capsys.readouterr().out)["interfaces"]
    run("-t", "--format", "json", "-i", "lo", "-c", signed)
    (checked,) = json.loads(capsys.readouterr().out)["interfaces"]
    assert shown["instructions"] == checked["instructions"]


def test_dry_run_shows_tags_of_now(capsys: pytest.CaptureFixture[str], signed: Path) -> None:
    """With --show-secrets the filter has the tags of now."""
    before = time.time()
    assert run("--dry-run", "--show-secrets", "--format", "json", "-i", "lo", "-c", signed) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (said.err, found["left_out"]) == ("", [])
    tags = [one["tag"] for one in found["tags"]]
    assert tags in (tags_around(before), tags_around(time.time()))
    assert all(f"udp[8:4] = 0x{tag}" in found["interfaces"][0]["filter"] for tag in tags)
    assert 0 < found["tags"][0]["seconds"] <= 60


def test_dry_run_without_the_secret(capsys: pytest.CaptureFixture[str], signed: Path) -> None:
    """A secret that others can read is used for nothing, and that is said."""
    (signed.parent / "knock_secret").chmod(0o644)
    assert run("--dry-run", "--show-secrets", "--format", "json", "-i", "lo", "-c", signed) == 0
    said = capsys.readouterr()
    assert said.err.startswith(f"knockd: signed knocks are left out: {signed.parent}/knock_secret: ")
    assert json.loads(said.out)["tags"] == []


MAIN = "from knockd.cli import main; sys.exit(main())"


def start(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A Python of its own that runs ``code`` with these arguments of its command line."""
    command = (sys.executable, "-c", f"import sys; {code}", *map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_the_child_prints_is_what_knockd_prints(option: str) -> None:
    """Help and version go to standard output, with status 0."""
    done = start(MAIN, option)
    assert (0, "") == (done.returncode, done.stderr)
    assert "knockd" in done.stdout


def test_a_wrong_command_line_is_64() -> None:
    """The status of the child is the status of knockd, and usage goes to standard error."""
    done = start(MAIN, "--frobnicate")
    assert (os.EX_USAGE, "") == (done.returncode, done.stdout)
    assert done.stderr.endswith("knockd: unrecognized arguments: --frobnicate; try knockd --help\n")


@pytest.mark.parametrize("option", ["-t", "--dry-run"])
def test_a_full_disk_behind_standard_output(path: Path, option: str) -> None:
    """What cannot be printed ends with one line and status 74."""
    command = [sys.executable, "-m", "knockd", option, "-i", "lo", "-c", str(path)]
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(command, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == os.EX_IOERR
    assert done.stderr == b"knockd: could not print it: No space left on device\n"


def test_a_closed_pipe_ends_knockd_quietly(path: Path) -> None:
    """When the reader of --dry-run has gone, knockd is ended by SIGPIPE, as other programs are."""
    reader, writer = os.pipe()
    os.close(reader)
    command = (sys.executable, "-c", f"import sys; {MAIN}", "--dry-run", "-i", "lo", "-c", str(path))
    done = subprocess.run(command, env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (-signal.SIGPIPE, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize("option", [(), ("-t",)])
def test_no_process_to_be_had(path: Path, option: tuple[str, ...]) -> None:
    """Without a child nothing is read: the next start may be better (75)."""
    code = f"import os; os.fork = lambda: os.kill(2**30, 0); {MAIN}"
    done = start(code, "-c", path, *option)
    assert (os.EX_TEMPFAIL, f"{path}: could not be read: No such process\n") == (done.returncode, done.stderr)


def test_help_without_a_process() -> None:
    """Help is printed all the same."""
    done = start(f"import os; os.fork = lambda: os.kill(2**30, 0); {MAIN}", "--help")
    assert (0, "usage: knockd") == (done.returncode, done.stdout[:13])


@pytest.mark.parametrize(("where", "what"), [("read_arguments", "the command line"), ("load", None)])
def test_the_child_is_killed(path: Path, where: str, what: str | None) -> None:
    """A child that is killed has read nothing: the message says what, and the next start may be better."""
    module = {"read_arguments": "knockd.arguments", "load": "knockd_conf.load"}[where]
    code = f"import os, {module} as m; m.{where} = lambda *_, **__: os.kill(os.getpid(), 9); {MAIN}"
    done = start(code, "-c", path)
    said = f"{what or path}: could not be read: the process that does so ended early\n"
    assert (os.EX_TEMPFAIL, said) == (done.returncode, done.stderr)


def test_the_parser_fails(path: Path) -> None:
    """What nobody has thought of is a problem like others, with its traceback."""
    done = start(f"import knockd_conf.load as m; m.load = lambda *_, **__: 1 / 0; {MAIN}", "-c", path)
    assert os.EX_TEMPFAIL == done.returncode
    assert "Traceback" in done.stderr
    assert done.stderr.endswith(f"\n{path}: could not be read: ZeroDivisionError: division by zero\n")


def test_settings_and_configuration_are_sent(path: Path) -> None:
    """To serve, the child sends first the settings, then what was read by them."""
    sent: list[object] = []
    assert cli.read_command_line(["-c", str(path), "-i", "lo"], sent.append) == os.EX_OK
    settings, loaded = sent
    assert isinstance(settings, Settings)
    assert isinstance(loaded, Loaded)
    assert (str(path), ("lo",)) == (settings.config_path, loaded.config.options.interface)


def test_packets_cannot_be_shown(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without impacket -D serves nothing and says what to install; without -D it is not missed."""
    monkeypatch.setitem(sys.modules, "impacket", None)
    sent: list[object] = []
    assert cli.read_command_line(["-D", "-c", str(path), "-i", "lo"], sent.append) == os.EX_UNAVAILABLE
    assert sent == []
    assert capsys.readouterr().err.startswith("knockd: -D: expected the Python package impacket, got none: ")
    assert cli.read_command_line(["-c", str(path), "-i", "lo"], sent.append) == os.EX_OK


SERVED = "from knockd.keeper import keeper; keeper.serve = lambda *_: 0; " + MAIN
"""The start of a daemon that ends at once."""


def test_notes_are_printed_at_the_start(path: Path) -> None:
    """What is good and may surprise is on standard error."""
    path.chmod(0o604)
    path.parent.chmod(0o755)
    assert "everybody on this machine can read" in start(SERVED, "-c", path).stderr


def test_notes_and_the_journal(path: Path, tmp_path: Path) -> None:
    """Where standard error is systemd's journal, which has the log, they are not printed too."""
    path.chmod(0o604)
    path.parent.chmod(0o755)
    output = tmp_path / "journal"
    shell = 'JOURNAL_STREAM=$(stat -Lc %d:%i /dev/stderr) exec "$@"'
    code = f"import sys; {SERVED}"
    with output.open("w") as journal:
        argv = ("sh", "-c", shell, "sh", sys.executable, "-c", code, "-c", str(path))
        status = subprocess.run(argv, stderr=journal, check=False, env=ENVIRONMENT).returncode
    assert (status, output.read_text()) == (0, "")


def test_last_good(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a bad file it starts by the last good one and says so; -t says what a restart would do."""
    arguments = ("-c", path, "--state-dir", tmp_path / "state")
    assert start(SERVED, *arguments).returncode == 0
    path.write_text(GOOD.replace("Command", "Comand"))
    done = start(SERVED, *arguments)
    assert done.returncode == 0
    assert done.stderr.startswith(f"knockd: {path}:9: Comand: expected a known key")
    assert f"knockd: using the last good configuration, kept in {tmp_path}/state/config-" in done.stderr
    assert run("-t", *arguments) == 78
    assert "knockd: a restart would use the last good configuration, kept in" in capsys.readouterr().err
    path.unlink()
    assert run("-t", *arguments) == 78
    assert "restart" not in capsys.readouterr().err
    assert run("--dry-run", *arguments) == 78
    assert "restart" not in capsys.readouterr().err


def test_a_daemon_holds_no_parser(path: Path) -> None:
    """What only reads the command line and the configuration is not in the daemon's memory."""
    parsers = {"argparse", "gettext", "configparser", "difflib", "pathlib", "shutil", "unicodedata", "ssl"}
    parsers |= {"knockd.arguments", "knockd_conf.load", "knockd_conf.ini", "knockd_conf.fields"}
    code = (  # the start of Python itself may have imported some, as it does for an editable install
        f"parsers = {sorted(parsers)}\n"
        "[sys.modules.pop(name) for name in list(sys.modules)"
        " if any(name == one or name.startswith(one + '.') for one in parsers)]\n"
        "before = set(sys.modules)\n"
        "from knockd import cli; from knockd.keeper import notify\n"
        "notify.take_manager = lambda *_: "  # called when all is read
        "sys.exit(' '.join(name for name in sys.modules.keys() - before if sys.modules[name]))\n"
        "cli.main()"
    )
    held = start(code, "-c", path).stderr.split()
    assert "knockd.keeper.keeper" in held
    assert set() == parsers & set(held)


def test_first_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--init is done in the child that reads the command line, and nothing is served."""
    asked: list[tuple[str, bool]] = []
    sent: list[object] = []

    def init(settings: Settings, wanted: Init) -> int:
        asked.append((settings.config_path, wanted.keyed))
        return os.EX_CANTCREAT

    monkeypatch.setattr("knockd.init.command.init", init)
    path = str(tmp_path / "a.conf")
    assert os.EX_CANTCREAT == cli.read_command_line(["--init=key", "-c", path], sent.append)
    assert [(path, True)] == asked
    assert [None] == sent


SIGNED = """
[options]
Interface = lo
LogFile = /var/log/knockd.log
Signed_Port = 47811
Knock_Secret = {0}/secret
Authorized_Keys = {0}/keys

[ssh]
Command = true %IP%
"""


def test_check_of_signed_knocks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-t names the keys that open a door, and what keeps it shut; without PyNaCl it says what to install."""
    path, secret, keys = (tmp_path / name for name in ("knockd.conf", "secret", "keys"))
    path.write_text(SIGNED.format(tmp_path))
    secret.write_text(b64encode(bytes(32)).decode() + "\n")
    keys.write_text(f"{format_key_line(KeyLine(PublicKey(bytes(32)), 'ann'))}\nssh-rsa AAAA bob\n")
    for one in (path, secret, keys):
        one.chmod(0o600)
    assert 0 == run("-t", "-c", path)
    said = capsys.readouterr().out
    assert "door ssh (line 9): signed knocks to 47811:udp, 1 key (ann)" in said
    assert f"warning: {keys}: line 2: expected a key of type" in said
    monkeypatch.setattr(signed_host, "explain_missing", lambda: "expected PyNaCl, got none")
    assert 69 == run("-t", "-c", path)
    assert "expected PyNaCl, got none" in capsys.readouterr().err


@pytest.mark.parametrize("everybody", [True, False], ids=["terminal", "process"])
@pytest.mark.parametrize("option", [("-t",), ("--explain", "192.0.2.1"), ()], ids=str)
@pytest.mark.parametrize("where", ["knockd.arguments.read_arguments", "knockd_conf.load.load"])
def test_interrupted(path: Path, where: str, option: tuple[str, ...], *, everybody: bool) -> None:
    """Ctrl-C ends knockd by the signal, without a word, while its child reads or looks; and the child too."""
    module, _, function = where.rpartition(".")
    hang = "lambda *_, **__: (print('here', flush=True), time.sleep(600))"
    code = f"import sys, time, {module} as m; m.{function} = {hang}; {MAIN}"
    command = (sys.executable, "-c", code, "-c", str(path), *option)
    with subprocess.Popen(
        command,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
        try:
            said = process.communicate(timeout=60)  # they are closed when the child has ended, too
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert said == ("", "")
    assert process.returncode == -signal.SIGINT


def test_interrupts_may_be_ignored() -> None:
    """Started with SIGINT ignored, as in the background of a script, knockd goes on."""
    code = (
        "import os, signal, sys, knockd.arguments as m; read = m.read_arguments;"
        " m.read_arguments = lambda argv: (os.kill(os.getppid(), signal.SIGINT), read(argv))[1]"
    )
    command = (
        "sh",
        "-c",
        "trap '' INT; exec \"$@\"",
        "sh",
        sys.executable,
        "-c",
        f"{code}; {MAIN}",
        "--version",
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert (0, "") == (done.returncode, done.stderr)
