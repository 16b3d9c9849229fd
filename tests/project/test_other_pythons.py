"""What ``make musl`` and ``make mips`` keep and leave behind when they are interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems import cpython, mips
from tests.systems.cpython import Target, build_python, only_trial
from tests.systems.mips import emulator

RECIPE = Target("odd", "odd-linux", "here-linux", "/bin/sh", "ar", "readelf", ())


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Target]:
    """What was built, by a build that installs an interpreter and nothing else."""
    done: list[Target] = []

    def build(target: Target, _log: Path) -> None:
        target.python.parent.mkdir(parents=True)
        target.python.touch()
        done.append(target)

    monkeypatch.setattr(cpython, "FOLDER", tmp_path)
    monkeypatch.setattr(cpython, "_build", build)
    monkeypatch.setattr(cpython, "find", lambda tool: tool)
    return done


def test_a_build_is_kept(built: list[Target]) -> None:
    """What was built once is not built again."""
    assert build_python(RECIPE) == build_python(RECIPE)
    assert built == [RECIPE]


def test_an_interrupted_build_is_done_again(built: list[Target]) -> None:
    """An interpreter that was installed is no sign that the rest of it was."""
    RECIPE.python.parent.mkdir(parents=True)
    RECIPE.python.touch()
    leftover = RECIPE.root / "leftover"
    leftover.touch()
    build_python(RECIPE)
    assert built == [RECIPE]
    assert not leftover.exists()


def test_another_recipe_is_built(built: list[Target]) -> None:
    """A build by other options than today's is not used."""
    changed = RECIPE._replace(linker="-s")
    build_python(RECIPE)
    build_python(changed)
    assert built == [RECIPE, changed]


@pytest.mark.usefixtures("built")
def test_one_trial_at_a_time() -> None:
    """A second trial of the same target ends at once, and says why."""
    with only_trial(RECIPE):
        expected = pytest.raises(SystemExit, match="another make odd is running")
        with expected, only_trial(RECIPE):
            pass


@pytest.fixture
def formats(tmp_path: Path) -> Path:
    """Stands for binfmt_misc: a folder in which what is registered is not made."""
    (tmp_path / "register").touch()
    return tmp_path


def test_an_own_entry_that_was_left_is_made_anew(formats: Path) -> None:
    """Who was killed leaves an entry behind; the next trial removes it first, and its own at the end."""
    entry = formats / "knockd-mips"
    entry.write_text("enabled\n")
    with emulator(formats):
        assert entry.read_text() == "-1"
        assert (formats / "register").read_text().startswith(":knockd-mips:M::\\x7f\\x45")
        entry.write_text("enabled\n")
    assert entry.read_text() == "-1"


def test_debians_entry_is_used(formats: Path) -> None:
    """Where Debian's own entry is, nothing is registered, and nothing removed."""
    entry = formats / "qemu-mips"
    entry.write_text("enabled\ninterpreter /usr/bin/qemu-mips-static\n")
    with emulator(formats):
        assert (formats / "register").read_text() == ""
    assert entry.read_text().startswith("enabled")


def test_an_entry_that_is_switched_off_is_not_used(formats: Path) -> None:
    """Debian's entry may be there and switched off."""
    (formats / "qemu-mips").write_text("disabled\n")
    (formats / "knockd-mips").touch()
    with emulator(formats):
        assert mips.EMULATOR in (formats / "register").read_text()
