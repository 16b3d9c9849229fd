"""The client's copy of a one-time file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.client.hits import Hit
from knockd.client.one_time import advise_mark, read_next_line, strike_out
from knockd.client.status import CONFIG, IO_ERROR, NO_INPUT, Refused
from knockd_conf.protocol import Protocol

TEXT = "# ours\n#1000,2000\n 3000:udp, 4000\nwrong\n5000,6000\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file whose third line is next."""
    file = tmp_path / "once"
    file.write_text(TEXT)
    file.chmod(0o600)
    return file


def test_the_next_line(path: Path) -> None:
    """It is the first one that is not struck out; lines that are wrong are named and not shown."""
    line, problems = read_next_line(str(path))
    assert (3, 2) == (line.number, line.left)
    assert (Hit("3000", 3000, Protocol.UDP), Hit("4000", 4000, Protocol.TCP)) == line.hits
    expected = "line 4: expected port[:tcp|udp] steps divided by commas, got something else"
    assert (f"{path}: {expected} (not shown: it may be secret)",) == problems


def test_striking_out(path: Path) -> None:
    """A # stands over the line's first byte, nothing else has changed, and the next line is next."""
    line, _ = read_next_line(str(path))
    strike_out(line)
    assert TEXT.replace(" 3000", "#3000") == path.read_text()
    assert 5 == read_next_line(str(path))[0].number


def test_all_lines_in_turn(path: Path) -> None:
    """After the last line there is none, which is said with what to do."""
    for _ in range(2):
        strike_out(read_next_line(str(path))[0])
    with pytest.raises(Refused) as caught:
        read_next_line(str(path))
    assert CONFIG == caught.value.status
    expected = f"one-time file {path}: expected a sequence that is not struck out, got none; "
    assert f"{expected}copy a new file from the server" == caught.value.messages[-1]


def test_a_line_that_somebody_has_struck_out(path: Path) -> None:
    """Two that knocked the same line strike out one."""
    line, _ = read_next_line(str(path))
    strike_out(line)
    before = path.read_text()
    strike_out(line)
    assert before == path.read_text()


@pytest.mark.parametrize("text", ["", "# another\n", TEXT.replace("3000", "3001"), "9000\n" + TEXT])
def test_a_file_that_has_changed(path: Path, text: str) -> None:
    """What stands there now is not what was knocked: nothing is written, and that is said."""
    line, _ = read_next_line(str(path))
    path.write_text(text)
    with pytest.raises(Refused, match="expected line 3 as it was, got another") as caught:
        strike_out(line)
    assert IO_ERROR == caught.value.status
    assert text == path.read_text()


def test_a_file_that_has_gone(path: Path) -> None:
    """The message says what to do by hand, and no new file is made."""
    line, _ = read_next_line(str(path))
    path.unlink()
    with pytest.raises(Refused, match="line 3 is not struck out: No such file") as caught:
        strike_out(line)
    assert NO_INPUT == caught.value.status
    assert not path.exists()


def test_it_is_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The byte is written before the disk is waited for, and that is done."""
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.read_text()))
    strike_out(read_next_line(str(path))[0])
    assert [TEXT.replace(" 3000", "#3000")] == seen


def test_others_may_not_read_it(path: Path) -> None:
    """A file of sequences is as secret as a key."""
    path.chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        read_next_line(str(path))


def test_a_sequence_is_not_printed(path: Path) -> None:
    """Neither the value's text nor the advice shows a port."""
    line, _ = read_next_line(str(path))
    assert f"NextLine('{path}', 3)" == repr(line)
    expected = f"line 3 of {path} is not struck out: when the daemon has used it, "
    assert f"{expected}run knock --mark --sequence-file {path}" == advise_mark(line)
