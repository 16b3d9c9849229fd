"""What a person has to know of a replay beside its openings."""

from __future__ import annotations

import pytest

from knockd.replay.notes import find_notes
from knockd.worker.capture_file import Frame
from knockd_bpf.wire import DLT_LINUX_SLL, DLT_LINUX_SLL2
from knockd_conf.model import FlagRule
from tests.support.doubles.played import door
from tests.support.doubles.replays import OURS, frame, on_link, replayed
from tests.support.samples.frames import packet

SSH = door("1 2", "ssh", start_command="open", flags=FlagRule(must_set=2, must_clear=0))
TAGGED = frame(0, 1).data[:12] + b"\x88\xa8\0\x64\x81\0\0\7" + frame(0, 1).data[12:]


def test_nothing_to_say() -> None:
    """A plain knock needs no note."""
    assert [] == list(find_notes(replayed([frame(0, 1), frame(0, 2)], SSH)))


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (
            [frame(0, 1, to="10.9.9.9")],
            "1 packet to knock ports of addresses that are not watched: 10.9.9.9 (1)",
        ),
        ([frame(0, 1, flags=0x10)] * 2, "2 packets to knock ports with flags that no door there asks for"),
        ([frame(0, 1, vlan=100)], "1 packet to knock ports in VLANs 100 (1)"),
        ([on_link(0, TAGGED)], "1 packet with two VLAN tags: the filter drops them"),
        ([frame(0, 1, OURS)], "1 packet ignored: no packet off the wire can have such a source"),
        ([on_link(0, frame(0, 1).data[:40])], "1 packet cut before port or flags"),
        ([frame(90, 22), frame(30, 22)], "the clock of the capture goes back 60 s at packet 2"),
        ([frame(1, 22), frame(0.5, 22)], "1 packet stamped earlier than the one before"),
    ],
)
def test_note(frames: list[Frame], said: str) -> None:
    """Whatever was left out has a note with its count."""
    (note,) = find_notes(replayed(frames, SSH))
    assert note.startswith(said)


def test_sent_by_the_host() -> None:
    """What the host sent has a note."""
    sent = on_link(0, b"\0\4" + bytes(12) + b"\x08\0" + packet("192.0.2.1", OURS, 1))
    (note,) = find_notes(replayed([sent], SSH, linktype=DLT_LINUX_SLL))
    assert note == "1 packet sent by the host itself: knockd does not capture them"


def test_clock_set_back_often() -> None:
    """Beyond the first few times that the clock was set back they are counted."""
    notes = list(find_notes(replayed([frame(100 - 4 * n, 22) for n in range(8)], SSH)))
    assert (5, "and 3 more times: is this several captures in one file?") == (len(notes), notes[-1])


def test_duplicates() -> None:
    """What two interfaces have seen has a note."""
    head = b"\x08\0\0\0\0\0\0%c" + bytes(12)
    frames = [on_link(0, head % port + packet("192.0.2.1", OURS, 1)) for port in (1, 2)]
    (note,) = find_notes(replayed(frames, SSH, linktype=DLT_LINUX_SLL2))
    assert note == "1 packet seen by another interface already: judged once"


def test_nothing_watched() -> None:
    """Where nobody knocked no address is watched."""
    (note,) = find_notes(replayed([frame(0, 22)], SSH, local=None))
    assert "name this host's addresses with --local" in note


def test_one_time() -> None:
    """A used one-time sequence has a note."""
    once = door("1", "otp", start_command="a", one_time_file="/etc/otp")
    (note,) = find_notes(replayed([frame(0, 1)], once))
    assert note.startswith(
        "one-time door otp: its sequence is used, and the next one of /etc/otp is not tried"
    )


def test_left_out_and_broken() -> None:
    """Lines that are left out are counted, and a file that breaks off is said with its reason, escaped."""
    outcome = replayed([frame(0, 22)], SSH)._replace(broken="truncated\x1b[2J")
    outcome.timeline.left_out = 7
    assert ["7 lines", "the capture breaks off after packet 1 (truncated\\x1b[2J)"] == [
        "7 lines" if "7 lines" in note else note for note in find_notes(outcome)
    ]
