"""What the daemon runs by: what is configured, else what was, but nothing that somebody has taken away."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.keeper.last_good import find_place, load_and_keep, load_or_last_good
from knockd.keeper.settings import Settings
from knockd_conf.errors import ConfigError, Problem

GOOD = "[options]\nLogFile = /log\nInclude = d/*.conf\n[ssh]\nSequence = 1,2\nCommand = {command}\n"
MORE = "[more]\nSequence = 3,4\nCommand = true\n"
BAD = "[options]\nLogFil = /log\n[ssh]\nSequence = x\n"


class Files:
    """A configuration of two files, and the settings of a daemon that runs by it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "knockd.conf"
        self.state = folder / "state"
        self.settings = Settings(str(self.path), state_dir=str(self.state))
        self.more = folder / "d/more.conf"
        self.more.parent.mkdir()
        self.write(GOOD.format(command="old"))
        self.more.write_text(MORE)
        self.more.chmod(0o600)

    def write(self, text: str) -> None:
        """Write the main file."""
        self.path.write_text(text)
        self.path.chmod(0o600)

    def doors(self) -> list[str]:
        """The doors that a start would have; problems of the file when there is none."""
        return [door.name for door in load_or_last_good(self.settings).config.doors]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Files that are good, and were once read."""
    made = Files(tmp_path)
    load_and_keep(made.settings)
    return made


def test_good(files: Files) -> None:
    """A good file is used as it is, and the daemon gets no text of it."""
    loaded = load_or_last_good(files.settings)
    assert (loaded.refused, loaded.unkept, loaded.config.texts) == ((), "", ())


def test_bad(files: Files) -> None:
    """With a bad file the last good one is used, included files as they were, and its problems go along."""
    files.write(GOOD.format(command="newer"))
    load_and_keep(files.settings)
    files.write(BAD)
    files.more.unlink()
    loaded = load_or_last_good(files.settings)
    assert [door.start_command for door in loaded.config.doors] == ["newer", "true"]
    assert [problem.line for problem in loaded.refused] == [2, 4]
    assert os.path.dirname(loaded.kept) == str(files.state)
    assert loaded.config.texts == ()


def test_reload(files: Files) -> None:
    """A reload uses nothing but the file: what is in effect stays."""
    files.write(BAD)
    with pytest.raises(ConfigError):
        load_and_keep(files.settings)


def test_first_start(tmp_path: Path) -> None:
    """At the first start there is nothing else to use."""
    made = Files(tmp_path)
    made.write(BAD)
    with pytest.raises(ConfigError) as error:
        made.doors()
    assert len(error.value.problems) == 2


@pytest.mark.parametrize("taken", ["file", "doors"])
def test_taken_away(files: Files, taken: str) -> None:
    """Who removes the file, or every door, gets no door back."""
    if taken == "file":
        files.path.unlink()
    else:
        files.write("[options]\nLogFile = /log\n")
    with pytest.raises(ConfigError):
        files.doors()


@pytest.mark.parametrize("mistake", ["mode", "include", "encoding"])
def test_other_mistakes(files: Files, mistake: str) -> None:
    """A file that others can write, an included file that is gone, bytes that are no text: all fall back."""
    if mistake == "mode":
        if os.geteuid() != 0:
            pytest.skip("only a config that root runs is refused")
        files.path.chmod(0o666)
    elif mistake == "include":
        files.write(GOOD.format(command="new").replace("d/*.conf", "d/none.conf"))
    else:
        files.path.write_bytes(b"[ssh]\nSequence = \xff\n")
    assert files.doors() == ["ssh", "more"]


def test_no_working_directory(files: Files) -> None:
    """A relative state directory needs one: without it no last good configuration is looked for."""
    files.settings = replace(files.settings, state_dir=None, directory="")
    files.write(BAD.replace("[ssh]", "StateDir = state\n[ssh]"))
    with pytest.raises(ConfigError) as error:
        files.doors()
    assert len(error.value.problems) == 2
    assert find_place(files.settings, error.value) is None


def test_name_server(files: Files) -> None:
    """A name that cannot be looked up is no mistake: it is tried again."""
    files.write(GOOD.format(command="new") + "Target = a.invalid\n")
    with pytest.raises(ConfigError) as error:
        files.doors()
    assert error.value.passing


def test_not_wanted(files: Files) -> None:
    """With Last_Good = no nothing is kept, nor used, be the rest of the file good or bad."""
    files.write(BAD.replace("LogFil = /log", "Last_Good = no"))
    with pytest.raises(ConfigError):
        files.doors()
    files.write(GOOD.format(command="new").replace("LogFile", "Last_Good = no\nLogFile"))
    load_and_keep(files.settings)
    assert os.listdir(files.state) == []


def test_state_directory_of_a_bad_file(files: Files, tmp_path: Path) -> None:
    """Where the file names StateDir it is looked there, though the rest of it is bad."""
    elsewhere = tmp_path / "elsewhere"
    settings = Settings(str(files.path))
    files.write(f"[options]\nStateDir = {elsewhere}\n[ssh]\nSequence = 1,2\n")
    load_and_keep(settings)
    files.write(f"[options]\nStateDir = {elsewhere}\nnonsense = 1\n")
    loaded = load_or_last_good(settings)
    assert [door.name for door in loaded.config.doors] == ["ssh"]


def test_damaged(files: Files) -> None:
    """A kept file that cannot be used is a problem beside those of the file."""
    files.write(BAD)
    place = find_place(files.settings, ConfigError([Problem("f", 1, None, "bad")]))
    assert place is not None
    Path(place.path).write_text("x")
    with pytest.raises(
        ConfigError, match="the last good configuration cannot be used: it is damaged"
    ) as error:
        files.doors()
    assert len(error.value.problems) == 3


def test_not_kept(files: Files) -> None:
    """Where it cannot be kept the daemon runs all the same, and hears why."""
    files.state.chmod(0o777)
    files.write(GOOD.format(command="new"))
    assert "others can write to it" in load_and_keep(files.settings).unkept
