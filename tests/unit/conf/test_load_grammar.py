"""What the grammar of 0.8 accepts, and the values it becomes."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest

from knockd_conf.access import Access, Networks, make_networks
from knockd_conf.model import (
    CommandOutput,
    Config,
    Door,
    FlagRule,
    LogFormat,
    OnExit,
    Options,
    Reader,
    Reknock,
    Service,
    Step,
)
from knockd_conf.protocol import Protocol

Load = Callable[..., Config]


def only(config: Config) -> Door:
    """The one door of a configuration."""
    [door] = config.doors
    return door


def networks(*texts: str) -> Networks:
    """Networks in text."""
    return make_networks(map(ip_network, texts))


def test_defaults(load_text: Load) -> None:
    """A door with nothing but a sequence has 0.8's defaults."""
    config = load_text("[a]\nsequence = 7\n")
    expected = Door("a", config.path, 1, (Step(7),), fleet_required=False, fleet_share=False)
    assert expected == only(config)
    assert Options() == config.options


def test_every_door_key(load_text: Load) -> None:
    """Every key of a door fills its field."""
    config = load_text(
        "[a]\nSequence = 1,2:UDP , 3 : tcp\nSeq_Timeout = 5\nTCPFlags = syn, !ACK\nTarget = 10.0.0.1, ::1\n"
        "Start_Command = a\nStart_Command_6 = b\nCmd_Timeout = 0\nStop_Command = c\nStop_Command_6 =\n"
        "Reknock = Extend\nCommand_Deadline = 60\nMax_Commands = 256\nSeq_Cooldown = 3\n"
        "Command_Output = none\nClose_When_Idle = 4\nService = 22/TCP\nOpen_Max = 5\n"
        "Allow = 10.0.0.0/8 , ::/0\nDeny = 10.1.1.1\nExpires = 2028-02-29\nOpen_Prefix = 24/56\n"
    )
    assert Door(
        name="a",
        path=config.path,
        line=1,
        steps=(Step(1), Step(2, Protocol.UDP), Step(3)),
        seq_timeout=5.0,
        flags=FlagRule(must_set=0x02, must_clear=0x10),
        target=(ip_address("10.0.0.1"), ip_address("::1")),
        start_command="a",
        start_command_6="b",
        stop_command="c",
        stop_command_6="",
        cmd_timeout=0.0,
        reknock=Reknock.EXTEND,
        command_deadline=60.0,
        max_commands=256,
        seq_cooldown=3.0,
        command_output=CommandOutput.NONE,
        close_when_idle=4.0,
        service=(Service(22, 22, Protocol.TCP),),
        open_max=5.0,
        allow=networks("10.0.0.0/8", "::/0"),
        deny=networks("10.1.1.1"),
        expires="2028-02-29",
        open_prefix=(24, 56),
        fleet_required=False,
        fleet_share=False,
        access=Access(networks("10.0.0.0/8", "::/0"), networks("10.1.1.1")),
    ) == only(config)


def test_every_option(load_text: Load) -> None:
    """Every key of [options] fills its field."""
    config = load_text(
        "[options]\nUseSyslog = yes\nLogFile = /l\nPidFile = /p\nInterface = eth0 ,ppp0,eth0\nLatency = 1\n"
        "Buffer = 64\nCapture = socket\nLogFormat = JSON\nLog_Failures = no\nMax_Attempts = 1024\n"
        "Max_Leases = 1\n"
        "StateDir = /s\nState_Required = yes\nOn_Exit = keep\nExit_Patience = 60\nUser = kno_ck-d2\n"
        "Command_Output = Inherit\nControlSocket = /c\nAllow = 10.0.0.0/8\nDeny = fd00::/8, 10.1.1.1\n"
    )
    expected = Options(
        use_syslog=True,
        log_file="/l",
        pid_file="/p",
        interface=("eth0", "ppp0"),
        latency=1,
        buffer=64,
        capture=Reader.SOCKET,
        log_format=LogFormat.JSON,
        command_output=CommandOutput.INHERIT,
        log_failures=False,
        max_attempts=1024,
        max_leases=1,
        state_dir="/s",
        state_required=True,
        on_exit=OnExit.KEEP,
        exit_patience=60,
        user="kno_ck-d2",
        control_socket="/c",
        allow=networks("10.0.0.0/8"),
        deny=networks("fd00::/8", "10.1.1.1"),
    )
    assert expected == config.options


def test_a_doors_allow_takes_the_place_of_that_of_options(load_text: Load) -> None:
    """Of Allow the door's own counts, all of it lifts that of [options]; Deny counts wherever it stands."""
    config = load_text(
        "[options]\nAllow = 10.0.0.0/8\nDeny = 10.9.0.0/16\n[a]\nSequence = 1\n"
        "[b]\nSequence = 2\nAllow = 192.0.2.0/24\nDeny = 192.0.2.7\n[c]\nSequence = 3\nAllow = all\n"
        "[d : t]\nSequence = 4\nDeny = none\n[t]\nDeny = 192.0.2.7\nAllow[web1] = 192.0.2.0/25\n"
    )
    everywhere = networks("10.9.0.0/16")
    assert [
        Access(networks("10.0.0.0/8"), everywhere),
        Access(networks("192.0.2.0/24"), networks("10.9.0.0/16", "192.0.2.7")),
        Access((), everywhere),
        Access(networks("192.0.2.0/25"), everywhere),
    ] == [door.access for door in config.doors]


def test_doors_for_the_same_people_share_the_value(load_text: Load) -> None:
    """However many doors an Allow of [options] is for, its networks are held once."""
    config = load_text("[options]\nAllow = 10.0.0.0/8\n[a]\nSequence = 1\n[b]\nSequence = 2\n")
    assert config.doors[0].access is not None
    assert config.doors[0].access is config.doors[1].access


def test_no_control_socket(load_text: Load) -> None:
    """ControlSocket = none wants none; a path is a path as it stands."""
    assert "" == load_text("[options]\nControlSocket = None\n").options.control_socket
    assert "none/s" == load_text("[options]\nControlSocket = none/s\n").options.control_socket
    assert "/run/knockd/knockd.sock" == load_text("").options.control_socket


@pytest.mark.parametrize(
    ("alias", "field"),
    [("Timeout = 9", "seq_timeout"), ("Command = 9", "start_command"), ("Command_6 = 9", "start_command_6")],
)
def test_aliases(load_text: Load, alias: str, field: str) -> None:
    """Timeout, Command and Command_6 are other names of Seq_Timeout, Start_Command and Start_Command_6."""
    assert float(getattr(only(load_text(f"[a]\nsequence = 1\n{alias}\n")), field)) == 9.0


def test_later_key_replaces(load_text: Load) -> None:
    """A later key replaces an earlier one, also under an alias."""
    door = only(load_text("[a]\nsequence=1\nsequence=2\nStart_Command=x\nCOMMAND = y\n"))
    assert ((Step(2),), "y") == (door.steps, door.start_command)


def test_commands_are_literal(load_text: Load) -> None:
    """A command keeps inner spaces, ';', '#', '%', '=' and quotes; only its ends are trimmed."""
    door = only(load_text('[a]\nsequence=1\n\t command =  echo  = a ; # b "q" %IP% %% ${x}\t \n'))
    assert door.start_command == 'echo  = a ; # b "q" %IP% %% ${x}'


def test_deeper_indentation_is_no_continuation(load_text: Load) -> None:
    """A line that is indented deeper than the one above is a key of its own."""
    door = only(load_text("[a]\nsequence=1\n  command = x\n      stop_command = y\n"))
    assert (door.start_command, door.stop_command) == ("x", "y")


def test_blank_and_comment_lines(load_text: Load) -> None:
    """Blank lines and lines that begin with '#' say nothing, wherever they stand."""
    assert (Step(1),) == only(load_text("\n# x\n[a]\n\n  # sequence = 9\n\tsequence=1\n\n")).steps


def test_line_ends_of_windows(load_text: Load) -> None:
    """Carriage returns at line ends and a byte order mark are no part of the text."""
    door = only(load_text(b"\xef\xbb\xbf[a]\r\nsequence=1,2:udp\r\n"))
    assert ("a", (Step(1), Step(2, Protocol.UDP))) == (door.name, door.steps)


def test_two_doors_of_one_name(load_text: Load) -> None:
    """Two sections of one name are two doors, and each keeps its own keys."""
    doors = load_text("[a]\nsequence=1\ncommand=x\n[a]\nsequence=2\n").doors
    assert [(one.name, one.line, one.start_command) for one in doors] == [("a", 1, "x"), ("a", 4, None)]


def test_occurrences(load_text: Load) -> None:
    """Doors of one name are counted from 0 in file order, whatever other doors are between."""
    names = ("a", "b", "a", "a", "b")
    doors = load_text("".join(f"[{name}]\nsequence={port}\n" for port, name in enumerate(names, 1))).doors
    assert [("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 1)] == [(one.name, one.occurrence) for one in doors]


@pytest.mark.parametrize("name", [" a ", "b]x", "a:b", "a : b", "0", "OPTIONS", "\u6249", "a = b", "DEFAULT"])
def test_names_are_literal(load_text: Load, name: str) -> None:
    """A section's name is all that the brackets hold, spaces, brackets and colons included."""
    assert name == only(load_text(f"[{name}]\nsequence=1\n")).name


@pytest.mark.parametrize("port", ["0", "0000", "65535", "007"])
def test_ports_written_as_numbers(load_text: Load, port: str) -> None:
    """A port is any decimal number up to 65535, zero and leading zeros included, as in 0.8."""
    assert (Step(int(port)),) == only(load_text(f"[a]\nsequence={port}\n")).steps


def test_longest_sequence(load_text: Load) -> None:
    """A sequence may have 32 steps."""
    assert len(only(load_text(f"[a]\nsequence={','.join('1' * 32)}\n")).steps) == 32


def test_longest_line(load_text: Load) -> None:
    """A line may have 8192 bytes."""
    assert only(load_text(f"[a]\nsequence=1\ncommand={'x' * 8_184}")).start_command == "x" * 8_184


@pytest.mark.parametrize(
    ("line", "expected"), [("UseSyslog", True), ("usesyslog = yes", True), ("UseSyslog = NO", False)]
)
def test_use_syslog(load_text: Load, line: str, expected: bool) -> None:
    """UseSyslog stands alone as in 0.8, or says yes or no."""
    assert expected == load_text(f"[options]\n{line}\n").options.use_syslog


@pytest.mark.parametrize("word", ["auto", "any"])
def test_interface_words(load_text: Load, word: str) -> None:
    """Interface takes auto or any alone."""
    assert (word,) == load_text(f"[options]\nInterface = {word}\n").options.interface


def test_empty_file(load_text: Load) -> None:
    """A file without a door is good, as in 0.8; that the daemon has nothing to do then is its own affair."""
    assert () == load_text("").doors


def test_file_after_sequence(load_text: Load) -> None:
    """A One_Time_Sequences after a Sequence replaces it, as in 0.8, and a note says so."""
    config = load_text("[a]\nsequence = 1\none_time_sequences = /f\n")
    assert (only(config).steps, only(config).one_time_file) == ((), "/f")
    assert f"{config.path}:2: sequence: replaced by one_time_sequences in line 3" in map(str, config.notes)


def test_target_names_are_resolved(load_text: Load) -> None:
    """A host name in Target becomes all its addresses, looked up once, zones of link-local ones left out."""
    asked: list[str] = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return ["10.0.0.2", "fe80::1%eth0", "10.0.0.2"]

    config = load_text(
        "[a]\nsequence=1\ntarget=lan.example\n[b]\nsequence=1\ntarget=lan.example", resolve=resolve
    )
    expected = (ip_address("10.0.0.2"), ip_address("fe80::1"))
    assert [expected, expected] == [door.target for door in config.doors]
    assert asked == ["lan.example"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OSError(-2, "Name or service not known"), "Name or service not known"),
        (OSError("no route"), "no route"),
        (UnicodeError("label too long"), "label too long"),
        ([], "it has no address"),
        (["x"], "'x' does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_target_that_does_not_resolve(
    problems: Callable[..., list[str]], answer: object, reason: str
) -> None:
    """A Target that does not resolve is refused with the resolver's own reason."""

    def resolve(_: str) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    message = f"knockd.conf:3: Target: expected a host name with an address, got 'no.example': {reason}"
    assert [message] == problems("[a]\nsequence=1\nTarget = no.example\n", resolve=resolve)
