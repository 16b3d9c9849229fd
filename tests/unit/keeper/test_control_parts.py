"""The code that answers clients: not imported before the first one comes, and then in pieces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from knockd.keeper import control_parts as module
from knockd.keeper.control_parts import PARTS, REPLACED, ControlParts
from tests.support.doubles.manual_loop import ManualLoop

CODE = """
import json, sys
import knockd.process.loop
import knockd.keeper.keeper
from importlib import import_module
from knockd.keeper.control_parts import PARTS

def ours():
    return {name for name in sys.modules if name.partition(".")[0].startswith("knockd")}

early = sorted(ours() & set(PARTS))
also = {}
for part in PARTS:
    before = ours()
    import_module(part)
    also[part] = sorted(ours() - before - {part, part.rpartition(".")[0]})
print(json.dumps([early, also]))
"""


@pytest.fixture(scope="module")
def imported() -> Any:
    """Which parts a daemon has at its start, and what else of ours each part imports when its turn comes."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-c", CODE)
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def test_not_at_the_start(imported: Any) -> None:
    """The daemon starts without them."""
    assert [] == imported[0]


def test_one_at_a_time(imported: Any) -> None:
    """Each part imports nothing else of ours: the list has all, in order."""
    assert {} == {part: also for part, also in imported[1].items() if also}


def test_load() -> None:
    """All are imported, one a turn, and then it is said."""
    manual = ManualLoop()
    done: list[str] = []
    ControlParts(manual.loop, done.append).load()
    for _ in PARTS:
        (step,) = manual.soon
        manual.soon.clear()
        step.callback()
        assert [] == done
    manual.turn()
    assert [""] == done
    assert set(PARTS) <= sys.modules.keys()


def test_installed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another installation nothing is imported."""
    manual = ManualLoop()
    done: list[str] = []
    parts = ControlParts(manual.loop, done.append)
    monkeypatch.setattr(module, "__file__", "/nowhere/control_parts.py")
    parts.load()
    manual.turn()
    assert [REPLACED] == done


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be imported is named."""
    manual = ManualLoop()
    done: list[str] = []
    monkeypatch.setattr(module, "PARTS", ("knockd.nothing",))
    ControlParts(manual.loop, done.append).load()
    manual.turn()
    assert ["No module named 'knockd.nothing'"] == done


def test_half_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is just being replaced may hold anything: that is said too, and nobody waits for ever."""
    manual = ManualLoop()
    done: list[str] = []
    (tmp_path / "half_a_module.py").write_text("def load(\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "PARTS", ("half_a_module",))
    ControlParts(manual.loop, done.append).load()
    manual.turn()
    assert ["half_a_module cannot be imported: '(' was never closed (half_a_module.py, line 1)"] == done
