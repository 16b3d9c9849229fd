"""The report for people: 80 columns, openings in time, then the table by source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from knockd.replay import report
from knockd.replay.report import COLUMNS, format_report
from tests.support.doubles.played import door
from tests.support.doubles.replays import ALICE6, BOB, HOME, KEYS, STAMP, frame, keyed_knock, replayed
from tests.support.doubles.signed_replays import SSH as SIGNED
from tests.support.doubles.signed_replays import means_of, signed_frame, signed_packet

SSH = door("1 2", "ssh", start_command="open %IP%", stop_command="close %IP%", cmd_timeout=10.0)
KNOCK = [frame(0, 1), frame(1, 2), frame(2, 1, BOB)]


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are those of UTC."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_all() -> None:
    """File, configuration, filter, openings with their commands, and the table."""
    outcome = replayed(KNOCK, SSH, local=None)._replace(name="a.pcap")
    assert [
        "a.pcap: 3 packets, Ethernet, 2023-11-14 22:13:20.000000 to 2023-11-14",
        "  22:13:22.000000",
        "/etc/knockd.conf: 1 door at 10.0.0.1 (3 packets), the most knocked here; name",
        "  this host's with --local ADDR,...",
        "the kernel's filter lets 3 packets pass and drops 0; see --dry-run",
        "",
        "2023-11-14 22:13:21.000000 packet 2: 192.0.2.1 opens ssh at 10.0.0.1",
        "    would run: open 192.0.2.1",
        "2023-11-14 22:13:31.000000 ssh closes for 192.0.2.1",
        "    would run: close 192.0.2.1",
        "",
        "source            packets   dropped opened  guards  furthest",
        "192.0.2.1               2         0      1       0  ssh 2 of 2",
        "192.0.2.2               1         0      0       0  ssh 1 of 2",
        "    nothing came after step 1 of 2 before the capture ended",
    ] == list(format_report(outcome))


def test_named_addresses() -> None:
    """Addresses that somebody named need no advice how to name them."""
    lines = list(format_report(replayed([frame(0, 22)], SSH, local=["10.0.0.1"])))
    assert "/etc/knockd.conf: 1 door at 10.0.0.1" in lines


def test_one_packet() -> None:
    """One packet is no packets."""
    lines = list(format_report(replayed([frame(0, 22)], SSH, local=None)))
    assert lines[0].startswith("-: 1 packet, Ethernet, ")
    assert "the kernel's filter lets 0 packets pass and drops 1; see --dry-run" in lines


def test_nothing_opened() -> None:
    """That nothing opened is said, and that nobody tried."""
    lines = list(format_report(replayed([frame(0, 22)], SSH)))
    assert "nothing would have opened" in lines
    assert "no source has sent anything to a door" == lines[-1]


def test_knocks_with_a_key() -> None:
    """Who opened is told by the name of the key, and why a whole knock with one opened nothing."""
    at = 30 - STAMP / 1e6 % 30
    frames = [*keyed_knock(at, period=1), *keyed_knock(at + 9.7, period=-1, source=BOB)]
    assert list(format_report(replayed(frames, HOME, keys=KEYS)))[4:] == [
        "2023-11-14 22:13:30.300000 packet 4: 192.0.2.1 opens home at 10.0.0.1 with key",
        "    ann",
        "    would run: open 192.0.2.1",
        "2023-11-14 22:13:40.000000 packet 8: 192.0.2.2 knocks at home with key ann,",
        "    which opens nothing: clock of the knocker is 55 s behind",
        "",
        "source            packets   dropped opened  guards  furthest",
        "192.0.2.1               4         0      1       0  home 4 of 4",
        "192.0.2.2               4         0      0       0  home 4 of 4",
        "    knocked a whole sequence of a key: clock of the knocker is 55 s behind",
    ]


def test_refused() -> None:
    """What is not run has its reason."""
    lines = list(
        format_report(replayed([frame(0, 1, ALICE6)], door("1", start_command="a", start_command_6="")))
    )
    assert "    nothing is run: the door has no command for IPv6" in lines


def test_long_address() -> None:
    """An address that is longer than its column has a line of its own."""
    lines = list(format_report(replayed([frame(0, 1, "2001:db8:1111:2222:3333:4444:5555:6666")], SSH)))
    at = lines.index("2001:db8:1111:2222:3333:4444:5555:6666")
    assert lines[at + 1].startswith("                        1 ")


def test_width() -> None:
    """No line is wider than 80 columns but for commands, which stay whole."""
    frames = [*KNOCK, frame(0, 1, to="10.9.9.9"), frame(0, 1, vlan=5), frame(0, 2, ALICE6)]
    for line in format_report(replayed(frames, SSH, local=None)):
        assert len(line) <= COLUMNS


def test_most_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources beyond the most are counted."""
    monkeypatch.setattr(report, "MOST_ROWS", 1)
    assert (
        "and 1 more sources that did less, none beyond step 1" == [*format_report(replayed(KNOCK, SSH))][-1]
    )


def test_hostile_names() -> None:
    """No name of a door or file, and no command, moves the cursor."""
    hostile = door("1", "a\x1b[2J", start_command="b\x1b[2J")
    lines = format_report(replayed([frame(0, 1)], hostile)._replace(name="c\x1b[2J"))
    assert "\x1b" not in "".join(lines)


def test_no_frames() -> None:
    """A capture without frames is told without times."""
    assert "-: 0 packets, Ethernet" == next(format_report(replayed([], SSH)))


def test_signed_knocks() -> None:
    """Openings, renewals and closes have the key; what does nothing has the reason, and the door if known."""
    one = replace(SIGNED, cmd_timeout=30.0, stop_command="close %IP%")
    frames = [
        signed_frame(0, signed_packet()),
        signed_frame(1, signed_packet(verb="renew", nonce=2)),
        signed_frame(2, signed_packet(name="cellar", nonce=3)),
        signed_frame(3, signed_packet(wrong=True, nonce=4)),
        signed_frame(4, signed_packet(verb="close", nonce=5)),
    ]
    lines = list(format_report(replayed(frames, one, signed=means_of())))
    key = "alice@laptop (SHA256:ICWTIMFqIa1seHwfScxOpzmnnS/35sGRnuqEN5d9eOM)"
    told = " ".join(line.strip() for line in lines)
    assert f"packet 1: 192.0.2.1 opens ssh at 10.0.0.1 with key {key}" in told
    assert f"packet 2: 192.0.2.1 renews ssh with key {key}" in told
    refused = f"a signed knock of 192.0.2.1 with key {key} does nothing: no such door at this port"
    assert f"packet 3: {refused}" in told
    refused = f"a signed knock of 192.0.2.1 at ssh with key {key} does nothing: wrong signature"
    assert f"packet 4: {refused}" in told
    assert f"packet 5: 192.0.2.1 closes ssh with key {key}" in told
    assert "ssh closes for 192.0.2.1 would run: close 192.0.2.1" in told
    assert all(len(line) <= COLUMNS for line in lines)
