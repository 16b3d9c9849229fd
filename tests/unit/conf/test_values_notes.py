"""What of a section's values is worth a note."""

from __future__ import annotations

from collections.abc import Callable

from knockd_conf.model import Config

Load = Callable[..., Config]


def notes(config: Config) -> list[str]:
    """The notes, without the path of the file."""
    return [str(note).removeprefix(f"{config.path}:") for note in config.notes]


def test_a_comment_behind_a_value(load_text: Load) -> None:
    """It is left out, as 0.8 leaves it out, and a note says where; behind a command it stays."""
    config = load_text("[a]\nsequence = 1,2 # x\nseq_timeout = 10 # s\ncommand = x # y\n")
    [door] = config.doors
    assert ((1, 2), 10.0, "x # y") == (
        tuple(s.port for s in door.steps),
        door.seq_timeout,
        door.start_command,
    )
    assert [note.split(": the")[0] for note in notes(config)] == ["2: sequence", "3: seq_timeout"]


def test_a_key_given_twice(load_text: Load) -> None:
    """The later one wins, and the note at the first says where it stands, by any of its names."""
    config = load_text(
        "[a]\nsequence = 1\nCommand = x\nseq_timeout = 4\nStart_Command = y\nseq_timeout = 4\n"
    )
    assert "y" == config.doors[0].start_command
    assert ["3: Command: replaced by Start_Command in line 5"] == notes(config)


def test_variants_and_includes_are_no_repetition(load_text: Load) -> None:
    """A key for one host beside one for all, and the same key in two sections, are meant."""
    config = load_text("[a]\nsequence = 1\ntimeout = 4\ntimeout[web1] = 5\n[b]\nsequence = 2\ntimeout = 6\n")
    assert [] == notes(config)
