"""What of a configuration with signed knocks will surprise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.checks.signed_surprises import find_shared_ports, find_signed_surprises
from knockd.knocks.taken import number_of
from knockd_conf.load import load
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol

Said = Callable[..., list[str]]

OPTIONS = "[options]\nSigned_Port = 47811\nKnock_Secret = /s\nAuthorized_Keys = /k\n"
WEAKER = (
    "it is the weaker way in: whoever sees it can send it again, which no signed knock allows; without"
    " Sequence only keys open this door"
)


@pytest.fixture
def said(tmp_path: Path) -> Said:
    """The notes about a text, without its path."""

    def find(text: str, *ports: Step) -> list[str]:
        path = tmp_path / "knockd.conf"
        path.write_text(text)
        path.chmod(0o600)
        found = find_signed_surprises(load(str(path)), frozenset(map(number_of, ports)))
        return [str(note).removeprefix(f"{path}:") for note in found]

    return find


def test_good(said: Said) -> None:
    """Doors that keys alone open, and doors without signed knocks."""
    assert [] == said(f"{OPTIONS}[a]\nCommand = x\n[b]\nSigned_Port = none\nSequence = 1,2,3\n")
    assert [] == said("[b]\nSequence = 1,2,3\nTCPFlags = syn\n")


def test_keys_that_do_nothing(said: Said) -> None:
    """Files that no door needs."""
    door = "[b]\nSequence = 1,2,3\n"
    without = OPTIONS.replace("Signed_Port = 47811\n", "")
    assert [
        "2: Knock_Secret: does nothing without Signed_Port",
        "3: Authorized_Keys: does nothing: no door with a Signed_Port takes it",
        "6: Authorized_Keys: does nothing without Signed_Port",
    ] == said(f"{without}{door}Authorized_Keys = /w\n")
    assert ["4: Authorized_Keys: does nothing: no door with a Signed_Port takes it"] == said(
        f"{OPTIONS}[a]\nAuthorized_Keys = /w\n"
    )


def test_a_template_may_have_keys_for_others(said: Said) -> None:
    """What a door inherits is no mistake of its own."""
    template = "[t]\nAuthorized_Keys = /w\nSeq_Timeout = 5\n"
    doors = "[a : t]\n[b : t]\nSequence_Key = /x\nSigned_Port = none\n[c]\nCommand = x\n"
    assert [] == said(f"{OPTIONS}{template}{doors}")


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("Sequence = 4,1,3", [f"6: Sequence: {WEAKER}"]),
        ("Sequence_Key = /x", []),
        ("One_Time_Sequences = /x", []),
    ],
)
def test_a_sequence_beside(said: Said, sequence: str, expected: list[str]) -> None:
    """What can be heard and sent again is weaker; sequences that open once have their own worth."""
    assert expected == said(f"{OPTIONS}[a]\n{sequence}\n")


def test_what_means_something_to_sequences_only(said: Said) -> None:
    """It does nothing at a door that has none."""
    text = f"{OPTIONS}[a]\nSeq_Timeout = 5\nSeq_Cooldown = 5\nTCPFlags = syn\nGuard_Ports = none\n"
    assert [
        f"{line}: {key}: does nothing without a sequence"
        for line, key in ((6, "Seq_Timeout"), (7, "Seq_Cooldown"), (8, "TCPFlags"), (9, "Guard_Ports"))
    ] == said(text)


def test_a_port_that_is_served(said: Said) -> None:
    """A program would get the knocks, and might answer; where the door is somebody else's it does not."""
    udp, tcp = (Step(47811, protocol) for protocol in (Protocol.UDP, Protocol.TCP))
    assert [] == said(f"{OPTIONS}[a]\nCommand = x\n", tcp)
    assert [] == said(f"{OPTIONS}[a]\nTarget = 192.0.2.1\n", udp)
    assert [
        "6: Signed_Port: a program of this host listens to 47811:udp: it gets signed knocks too, and may"
        " answer them; choose a port that nobody serves"
    ] == said(f"{OPTIONS}[a]\nSigned_Port = 47811\n", udp)


def test_steps_that_may_come_to_a_port_of_signed_knocks(tmp_path: Path) -> None:
    """Rotating steps of UDP whose range has the port, and a one-time sequence that has it now."""
    path = tmp_path / "knockd.conf"
    keyed = "Sequence_Key = /key\nSequence_Protocol"
    path.write_text(
        f"{OPTIONS}[a]\n{keyed} = mixed\n[b]\n{keyed} = tcp\n"
        f"[c]\n{keyed} = udp\nSequence_Ports = 30000-47810\n"
        f"[d]\n{keyed} = udp\nSequence_Ports = 40000-50000\n"
        "[e]\nOne_Time_Sequences = /lines\n[f]\nOne_Time_Sequences = /others\n"
    )
    path.chmod(0o600)
    config = load(str(path))
    now = (Step(1), Step(47_811, Protocol.UDP)), (Step(47_811), Step(2))
    found = find_shared_ports(config, [(), (), (), (), *now])
    passes = "which takes signed knocks: while it is one the kernel lets all packets to it pass; choose"
    assert [
        f"5: [a]: a step may come to be 47811:udp, {passes} a Signed_Port outside of 20000-60000",
        f"18: Sequence_Ports: a step may come to be 47811:udp, {passes} a Signed_Port outside of 40000-50000",
        f"20: One_Time_Sequences: its sequence of now has 47811:udp, {passes} another Signed_Port",
    ] == [str(note).removeprefix(f"{path}:") for note in found]
