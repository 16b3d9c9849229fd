"""Notes of used sequences: what survives, where they go, and whose notes are believed."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from knockd.sequences.noted_lines import MAX_SIZE
from knockd.sequences.used_sequences import NAME, UsedSequences
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import steps

POLICY = TrustPolicy(enforce=True, owners=frozenset({0, os.getuid()}))
CODES, OTHER = "/etc/knockd/codes", "/etc/knockd/other"


class Notes:
    """Starts of a daemon that notes used sequences in some directories."""

    def __init__(self, *directories: Path) -> None:
        self.directories = [str(one) for one in directories]
        self.said: list[str] = []

    def start(self) -> UsedSequences:
        """Another start."""
        return UsedSequences(self.directories, POLICY, self._log)

    def _log(self, event: str, **fields: Any) -> None:
        self.said.append(" ".join((event, *map(str, fields.values()))))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory."""
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made


def test_nothing_is_noted(state: Path) -> None:
    """Without notes there is nothing, and no file is made."""
    assert frozenset() == Notes(state).start().of(CODES)
    assert [] == list(state.iterdir())


def test_the_next_start_knows(state: Path) -> None:
    """What was noted is known after a restart, for its own file only; the notes are ours alone."""
    notes = Notes(state)
    assert notes.start().add(CODES, steps("1 2u")) is None
    assert frozenset({"1:tcp,2:udp"}) == notes.start().of(CODES)
    assert frozenset() == notes.start().of(OTHER)
    assert 0o600 == (state / NAME).stat().st_mode & 0o777


def test_forgotten(state: Path) -> None:
    """What a file holds no more is forgotten at once and after a restart; other files' notes stay."""
    notes = Notes(state)
    one = notes.start()
    one.add(CODES, steps("1 2"))
    one.add(OTHER, steps("3 4"))
    one.forget(CODES)
    for now in (one, notes.start()):
        assert (frozenset(), frozenset({"3:tcp,4:tcp"})) == (now.of(CODES), now.of(OTHER))
    one.forget(OTHER)
    assert b"" == (state / NAME).read_bytes()
    assert [] == notes.said


def test_without_a_state_directory(state: Path, tmp_path: Path) -> None:
    """It is noted in the next directory; what any of them holds is known."""
    notes = Notes(tmp_path / "missing", state)
    notes.start().add(CODES, steps("1 2"))
    assert (state / NAME).exists()
    assert frozenset({"1:tcp,2:tcp"}) == notes.start().of(CODES)
    assert [] == notes.said


def test_nowhere(tmp_path: Path) -> None:
    """When no directory takes it, that is said; this life of the daemon knows it all the same."""
    notes = Notes(tmp_path / "missing")
    one = notes.start()
    assert f"{tmp_path}/missing: No such file or directory" == one.add(CODES, steps("1 2"))
    assert frozenset({"1:tcp,2:tcp"}) == one.of(CODES)
    assert [f"used-unnoted {CODES} {tmp_path}/missing: No such file or directory"] == notes.said


def test_another_state_directory(state: Path, tmp_path: Path) -> None:
    """What is known goes along to another directory."""
    notes = Notes(state)
    one = notes.start()
    one.add(CODES, steps("1 2"))
    (tmp_path / "new").mkdir(mode=0o700)
    one.move([str(tmp_path / "new")])
    assert frozenset({"1:tcp,2:tcp"}) == Notes(tmp_path / "new").start().of(CODES)


@pytest.mark.parametrize(
    "text", ['["/etc/knockd/co', "nonsense\n", "[]\n", "5\n", "[1, 2]\n", "\xff\n", '["a"]\n']
)
def test_damage(state: Path, text: str) -> None:
    """A line that is none is left out, those around it count."""
    notes = Notes(state)
    notes.start().add(CODES, steps("1 2"))
    with (state / NAME).open("a", encoding="latin-1") as file:
        file.write(text)
    assert frozenset({"1:tcp,2:tcp"}) == notes.start().of(CODES)


def test_notes_behind_a_torn_line(state: Path) -> None:
    """A line that a power cut has torn does not swallow the next one."""
    notes = Notes(state)
    (state / NAME).write_text('["/etc')
    (state / NAME).chmod(0o600)
    notes.start().add(CODES, steps("1 2"))
    assert frozenset({"1:tcp,2:tcp"}) == notes.start().of(CODES)


def test_a_directory_of_others(state: Path) -> None:
    """Where others can write nothing is believed and nothing noted; what may be used there nobody knows."""
    notes = Notes(state)
    notes.start().add(CODES, steps("1 2"))
    state.chmod(0o777)
    one = notes.start()
    with pytest.raises(OSError, match="expected a directory that only its owner can write"):
        one.of(CODES)
    said = one.add(CODES, steps("3 4"))
    assert said is not None
    assert "expected a directory that only its owner can write" in said
    assert ["used-unnoted"] == [line.split()[0] for line in notes.said]


def test_notes_of_others(state: Path) -> None:
    """A file that others can write is not believed; when that is mended it is read."""
    notes = Notes(state)
    notes.start().add(CODES, steps("1 2"))
    (state / NAME).chmod(0o666)
    one = notes.start()
    for _ in range(2):
        with pytest.raises(OSError, match=f"others can write {NAME} in it, remove it"):
            one.of(CODES)
    (state / NAME).chmod(0o600)
    assert frozenset({"1:tcp,2:tcp"}) == one.of(CODES)
    assert [] == notes.said


def test_too_long(state: Path) -> None:
    """Notes are read whole or not at all."""
    notes = Notes(state)
    notes.start().add(CODES, steps("1 2"))
    os.truncate(state / NAME, MAX_SIZE + 1)
    with pytest.raises(OSError, match=f"it has more than {MAX_SIZE} bytes"):
        notes.start().of(CODES)


def test_noted_before(state: Path) -> None:
    """What is noted already opens nothing: by this daemon, or by another one that notes there."""
    notes = Notes(state)
    one, other = notes.start(), notes.start()
    assert frozenset() == other.of(CODES)
    assert one.add(CODES, steps("1 2")) is None
    for daemon in (one, other, notes.start()):
        assert "it is noted that it has been used" == daemon.add(CODES, steps("1 2"))
    assert 1 == (state / NAME).read_bytes().count(b"1:tcp")


def test_noted_by_another_meanwhile(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two daemons that note a sequence at one moment one is told that the other was first."""
    notes = Notes(state)
    one, other = notes.start(), notes.start()
    really = one.of

    def read_and_lose(path: str) -> frozenset[str]:
        known = really(path)
        assert other.add(path, steps("1 2")) is None
        return known

    monkeypatch.setattr(one, "of", read_and_lose)
    assert "it is noted that it has been used" == one.add(CODES, steps("1 2"))


def test_locked_by_another(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process has the notes locked all the time a sequence is not noted, which is said."""
    monkeypatch.setattr("knockd.files.brief_lock.PATIENCE", 0.05)
    notes = Notes(state)
    one = notes.start()
    one.add(CODES, steps("1 2"))
    with (state / NAME).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert f"{state}: another process has locked it" == one.add(CODES, steps("3 4"))


def test_another_name_of_the_file(state: Path, tmp_path: Path) -> None:
    """A link to the file, or another name of it, is the same file; it is forgotten by all its names."""
    codes, link, hard = tmp_path / "codes", tmp_path / "link", tmp_path / "hard"
    codes.write_text("1,2\n")
    link.symlink_to(codes)
    hard.hardlink_to(codes)
    notes = Notes(state)
    one = notes.start()
    assert one.add(str(codes), steps("1 2")) is None
    for name in (link, hard, tmp_path / "." / "codes"):
        assert frozenset({"1:tcp,2:tcp"}) == notes.start().of(str(name))
        assert one.add(str(name), steps("1 2")) is not None
    one.forget(str(hard))
    assert frozenset() == notes.start().of(str(codes))


def test_forgotten_beside_another_daemon(state: Path) -> None:
    """What one daemon forgets takes nothing away that another has noted."""
    notes = Notes(state)
    one, other = notes.start(), notes.start()
    one.add(CODES, steps("1 2"))
    other.add(OTHER, steps("3 4"))
    one.forget(CODES)
    assert (frozenset(), frozenset({"3:tcp,4:tcp"})) == (notes.start().of(CODES), notes.start().of(OTHER))
