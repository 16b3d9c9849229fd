"""One-time sequences: each opens once, then the next one in the file is live."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.services import send_knock

LINES = ("700,800,900", "1700:udp,1800:tcp", "2700,2800,2900")
FILE = "# codes for the trip\n\n" + "".join(f"{line}\n" for line in LINES)
EXHAUSTED = "no more sequences left in the one time sequences file for door trip --> disabling the door"
OPENED = f"{CLIENT[4]}: trip: OPEN SESAME"


def with_marker(codes: Path) -> str:
    """A config with the one-time door ``trip`` and an ordinary one."""
    trip = f"[trip]\none_time_sequences = {codes}\nseq_timeout = 10\n\n"
    return config(trip, door("marker", "4700,4800"))


def knock(pair: Pair, sequence: str) -> None:
    """Knock a line of the file from the client."""
    send_knock(pair.client, SERVER[4], *sequence.split(","))


def test_each_line_opens_once_until_the_door_is_disabled(
    pair: Pair, start: Start, either: tuple[str, ...], tmp_path: Path
) -> None:
    """Three lines open three times; each used line is struck out, and after the last the door is disabled."""
    codes = tmp_path / "codes"
    codes.write_text(FILE)
    daemon = start(pair.server, with_marker(codes), program=either)
    for number, line in enumerate(LINES, 1):
        pair.knock_until(daemon, line.split(","), OPENED, times=number)
    daemon.wait_for(EXHAUSTED)
    used = [f"#{line[1:]}" for line in LINES]
    assert codes.read_text() == "# codes for the trip\n\n" + "".join(f"{line}\n" for line in used)


def test_a_used_sequence_does_not_open_again(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A knock that was overheard and is repeated gets nothing, not even a stage."""
    codes = tmp_path / "codes"
    codes.write_text(FILE)
    daemon = start(pair.server, with_marker(codes))
    knock(pair, LINES[0])
    daemon.wait_for(OPENED)
    knock(pair, LINES[0])
    knock(pair, "4700,4800")
    lines = daemon.wait_for("marker: OPEN SESAME")
    assert [line for line in lines[lines.index(OPENED) + 1 :] if "trip" in line] == []
    pair.knock_until(daemon, LINES[1].split(","), OPENED, times=2)


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_file_that_cannot_be_read_disables_its_door_only(
    pair: Pair, start: Start, tmp_path: Path, kind: str
) -> None:
    """The message names door and file; the other doors go on."""
    codes = tmp_path / "codes"
    if kind == "directory":
        codes.mkdir()
    daemon = start(pair.server, with_marker(codes))
    knock(pair, "4700,4800")
    lines = daemon.wait_for("marker: OPEN SESAME")
    (said,) = [line for line in lines if "disabling the door" in line]
    assert said.startswith(f"trip: one time sequences file {codes}: ")


def test_an_empty_file_disables_its_door_only(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A file with nothing but comments has no sequence left."""
    codes = tmp_path / "codes"
    codes.write_text("# none yet\n\n")
    daemon = start(pair.server, with_marker(codes))
    knock(pair, "4700,4800")
    assert EXHAUSTED in daemon.wait_for("marker: OPEN SESAME")


def test_a_file_that_was_changed_meanwhile_disables_its_door(
    pair: Pair, start: Start, tmp_path: Path
) -> None:
    """When the used line is no longer in the file nothing is struck out by guess; the door is disabled."""
    codes = tmp_path / "codes"
    codes.write_text(FILE)
    daemon = start(pair.server, with_marker(codes))
    codes.write_text("5700,5800\n")
    knock(pair, LINES[0])
    daemon.wait_for("disabling the door")
    assert codes.read_text() == "5700,5800\n"
    knock(pair, "4700,4800")
    lines = daemon.wait_for("marker: OPEN SESAME")
    assert [line for line in lines if "trip: not opened" in line] == [
        f"{CLIENT[4]}: trip: not opened: its sequence could not be struck out"
        " (its file changed while its sequence was in use)"
    ]
    assert OPENED not in lines


def test_two_daemons_of_one_file(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Of two daemons that hear a knock one opens by it; the other finds its line struck out and does not."""
    codes = tmp_path / "codes"
    codes.write_text(FILE)
    daemons = [start(pair.server, with_marker(codes)) for _ in range(2)]
    knock(pair, LINES[0])
    knock(pair, "4700,4800")
    said = [line for daemon in daemons for line in daemon.wait_for("marker: OPEN SESAME")]
    assert said.count(OPENED) == 1
    (refused,) = [line for line in said if "trip: not opened" in line]
    assert "its sequence could not be struck out" in refused
    assert codes.read_text().count("#") == 2
