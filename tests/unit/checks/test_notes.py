"""All notes about a configuration, for the daemon's log and for -t."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.checks import notes
from knockd.checks.command_notes import Circumstances
from knockd.checks.keys import ELSEWHERE
from knockd.keeper.settings import Settings
from knockd.knocks.taken import Taken
from knockd.net.forwarded_ports import Forwarded
from knockd_conf.key_file import parse_keys
from knockd_conf.model import Config, Step


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Config]:
    """Loads a configuration from its text."""

    def loader(text: str) -> Config:
        path = tmp_path / "knockd.conf"
        path.write_text(text)
        path.chmod(0o600)
        return Settings(str(path)).load_config()

    return loader


def said(config: Config) -> list[str]:
    """The notes, without the path of the file."""
    return [
        str(note).removeprefix(f"{config.path}:")
        for note in notes.current_notes(config, Taken(), Circumstances(ipv6=True, ipv6_address=False))
    ]


def test_in_the_order_of_the_file(load: Callable[[str], Config]) -> None:
    """Notes of all kinds come by file and line, and one stands for all doors with the same mistake."""
    config = load(
        "[options]\nUseSyslog\nGuard_Ports = none\n"
        "[a]\nSequence = 47002,47001,47003\nTCPFlags = syn,ack\nCommand = true %IP%\n"
        "[b]\nSequence = 47011,47013,47015\nCommand = true %IP%\n"
        "[c]\nSequence = 47022,47021,47023\ntcpflags = syn,ack\nCommand = true %IP%\n"
    )
    assert said(config) == [
        "6: TCPFlags: syn,ack fits no packet of an ordinary client, which sends a bare syn: write"
        " TCPFlags = syn, or knock with knock --flags syn,ack (also line 13)",
        "9: Sequence: a port scan in ascending order opens the door:"
        " no guard port is close before or between its steps",
    ]


def test_what_is_sent_to_the_daemon(load: Callable[[str], Config]) -> None:
    """The daemon gets every note, and no places of keys besides."""
    config = load("[a]\nSequence = 47002,47001,47003\n")
    loaded = Settings(config.path).load_all().config
    assert [note.line for note in loaded.notes] == [None, 1]
    assert ((), ()) == (loaded.places, loaded.doors[0].places)
    assert config.doors == loaded.doors


def test_sequences_of_one_time_files(load: Callable[[str], Config], tmp_path: Path) -> None:
    """The live line of a file is a door's sequence; a file without one is a note in the file's order."""
    once = tmp_path / "once"
    once.write_text("1,x\n1,2,3\n")
    config = load(
        f"[a]\nOne_Time_Sequences = {once}\n[b]\nOne_Time_Sequences = {tmp_path}/none\n[c]\nSequence = 5\n"
    )
    live, found = notes.current_sequences(config)
    assert [[step.port for step in steps] for steps in live] == [[1, 2, 3], [], [5]]
    assert [str(note) for note in found] == [
        f"{once}: line 1: expected port[:tcp|udp] steps divided by commas, got something else"
        " (not shown: it may be secret)",
        f"{config.path}:4: One_Time_Sequences: {tmp_path}/none: No such file or directory,"
        f" make it with 'knockctl gen-sequences 100 --file {tmp_path}/none': the door is disabled",
    ]


@pytest.mark.parametrize(("mode", "told"), [(0o604, True), (0o600, False)])
def test_one_time_file_that_everybody_can_read(
    load: Callable[[str], Config], tmp_path: Path, mode: int, told: bool
) -> None:
    """A file that shows its sequences to everybody on this machine is a note, with the command that helps."""
    tmp_path.chmod(0o755)
    once = tmp_path / "once"
    once.write_text("1,2,3\n")
    once.chmod(mode)
    _, found = notes.current_sequences(load(f"[a]\nOne_Time_Sequences = {once}\n"))
    expected = f"{once}: everybody on this machine can read the sequences: run 'chmod o-r {once}'"
    assert ([expected] if told else []) == [str(note) for note in found]


def test_a_log_that_cannot_be_written(load: Callable[[str], Config], tmp_path: Path) -> None:
    """A log file in a directory that is missing, or that is one, is worth a note; not so on another host."""
    for log, message in (
        (f"{tmp_path}/none/log", f"there is no directory {tmp_path}/none: nothing is written until there is"),
        (f"{tmp_path}", "it is a directory: nothing is written there; name a file in it"),
        (f"{tmp_path}/log", None),
    ):
        config = load(f"[options]\nLogFile = {log}\n[a]\nSequence = 47002,47001,47003\nCommand = true\n")
        live, _ = notes.current_sequences(config)
        guards, known = (
            notes.current_guards(config, live, Taken()),
            Circumstances(ipv6=True, ipv6_address=False),
        )
        away = replace(config, host="elsewhere.example")
        assert [] == [
            one
            for one in notes.find_notes(away, live, guards, {}, None, known, Taken())
            if one.key == "LogFile"
        ]
        assert said(config) == ([f"2: LogFile: {message}"] if message else [])


def test_scans_that_skip_ports(load: Callable[[str], Config]) -> None:
    """-t says by which the door would be found; the log of a daemon says that its ports are in order."""
    config = load("[a]\nSequence = 47000,47010,47020\nCommand = true %IP%\n[options]\nUseSyslog\n")
    known = Circumstances(ipv6=True, ipv6_address=False)
    told = [notes.current_notes(config, Taken(), known._replace(starting=now)) for now in (False, True)]
    assert [["an ordered scan of every n-th port"], ["weak, as its ports ascend by 10 each"]] == [
        [note.message.split(":")[0].split(" opens")[0] for note in some] for some in told
    ]


def test_weak_doors(load: Callable[[str], Config]) -> None:
    """A weak sequence is one note, at the start as with -t, and knows the sockets of this host."""
    config = load("[a]\nSequence = 7000,8000\nCommand = true %IP%\n[options]\nUseSyslog\n")
    taken = Taken().with_sockets([Step(8000)])
    for now in (False, True):
        known = Circumstances(ipv6=True, ipv6_address=False, starting=now)
        [note] = [one for one in notes.current_notes(config, taken, known) if "weak" in one.message]
        assert "weak for 2 reasons, as it has 2 steps only and step 2 has a listening" in note.message
        assert (2, "Sequence") == note[1:3]


def test_weak_lines_of_one_time_files(load: Callable[[str], Config], tmp_path: Path) -> None:
    """Lines behind the live one are judged too, of each file once; one that cannot be read is left out."""
    once = tmp_path / "once"
    once.write_text("47001,47003\n#47001\n47001,47009,47003\n22,80,443\n")
    paths = (once, once, tmp_path / "none")
    config = load("".join(f"[d]\nOne_Time_Sequences = {path}\n" for path in paths))
    [note] = notes.find_weak_one_time(config)
    assert str(once) == note.path
    assert note.message.startswith("the next line is weak, as its ports ascend:")


KEY = f"ann {b64encode(bytes(range(32))).decode()}\n"


def test_key_files(load: Callable[[str], Config], tmp_path: Path) -> None:
    """Each key file is read, once; what keeps its door waiting is a note, and no key is in one."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(KEY)
    good.chmod(0o600)
    bad.write_text(KEY)
    bad.chmod(0o640)
    config = load(
        "[options]\nUseSyslog\n"
        + "".join(
            f"[{name}]\nSequence_Key = {path}\nCommand = true %IP%\n"
            for name, path in (("a", good), ("b", bad), ("c", tmp_path / "none"), ("d", good))
        )
    )
    files = notes.current_keys(config)
    assert [*files] == [str(good), str(bad), f"{tmp_path}/none"]
    assert files[str(good)] == parse_keys(KEY.encode())
    assert said(config) == [
        f"7: Sequence_Key: {bad}: others than its owner may use it (mode 0640), run chmod 600 {bad}:"
        " the door waits",
        f"10: Sequence_Key: {tmp_path}/none: No such file or directory,"
        f" make it with 'knockctl keygen NAME --file {tmp_path}/none': the door waits",
    ]
    assert KEY.split()[1] not in str((said(config), files))


def test_key_files_of_another_host(load: Callable[[str], Config]) -> None:
    """Of another host's configuration no key file is read."""
    config = load("[options]\nUseSyslog\n[a]\nSequence_Key = /none\nCommand = true %IP%\n")
    away = replace(config, host="elsewhere.example")
    assert notes.current_keys(away) == {"/none": ELSEWHERE}
    assert said(away) == []


NAMING = """[options]
Guard_Ports = {guards}
[a]
Sequence = 7000,8000,9000
Start_Command = open --dport 7001
Stop_Command_6 = close --dport 9001
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was asked what is in use here."""
    found: list[str] = []

    def read() -> Forwarded:
        found.append("firewall")
        return Forwarded(((6 << 16 | 80, 6 << 16 | 90),), ("it is not sure",))

    def look() -> frozenset[Step]:
        found.append("kernel")
        return frozenset({Step(8001)})

    monkeypatch.setattr(notes, "read_forwarded_ports", read)
    monkeypatch.setattr(notes, "ports_in_use", look)
    return found


def test_what_can_be_no_guard(load: Callable[[str], Config], asked: list[str]) -> None:
    """Numbers that commands name, sockets and forwarded ports; what is not sure is a note."""
    config = load(NAMING.format(guards="auto"))
    taken, unsure = notes.current_taken(config)
    assert {7001, 9001} == taken.named
    assert {6 << 16 | 8001} == taken.in_use
    assert ((6 << 16 | 80, 6 << 16 | 90),) == taken.forwarded
    assert [f"{config.path}:2: Guard_Ports: it is not sure"] == [str(note) for note in unsure]
    assert ["kernel", "firewall"] == asked


@pytest.mark.parametrize("guards", ["none", "5000"])
def test_no_automatic_guards(load: Callable[[str], Config], asked: list[str], guards: str) -> None:
    """Sockets matter to steps; the firewall is not asked for what nothing depends on."""
    taken, unsure = notes.current_taken(load(NAMING.format(guards=guards)))
    assert [] == unsure
    assert {6 << 16 | 8001} == taken.in_use
    assert ["kernel"] == asked


def test_steps_at_ports_of_signed_knocks(load: Callable[[str], Config]) -> None:
    """Whoever writes the file is told of steps that may come to be such a port; no start is."""
    config = load(
        "[options]\nSigned_Port = 47811\nKnock_Secret = /s\nAuthorized_Keys = /k\n"
        "[a]\nSequence_Key = /key\nSequence_Protocol = udp\nCommand = true %IP%\n"
    )
    for starting in (False, True):
        known = Circumstances(ipv6=True, ipv6_address=False, starting=starting)
        found = [note.message for note in notes.current_notes(config, Taken(), known)]
        assert starting is not any(one.startswith("a step may come to be 47811:udp") for one in found)


def test_ports_of_signed_knocks(load: Callable[[str], Config], asked: list[str]) -> None:
    """They can be no automatic guards, on this host or another one."""
    config = load(NAMING.format(guards="auto"))
    signed = replace(config, doors=tuple(replace(door, signed_port=47_811) for door in config.doors))
    for one in (signed, replace(signed, host="elsewhere")):
        assert {17 << 16 | 47_811} == notes.current_taken(one)[0].signed
    assert not notes.current_taken(config)[0].signed
    assert asked


def test_another_host(load: Callable[[str], Config], asked: list[str]) -> None:
    """What is in use here says nothing of another host."""
    taken, _ = notes.current_taken(replace(load(NAMING.format(guards="auto")), host="elsewhere"))
    assert Taken(frozenset({7001, 9001})) == taken
    assert [] == asked
