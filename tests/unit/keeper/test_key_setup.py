"""What doors with keys are made of in the daemon."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.keeper.key_setup import make_keyed_doors
from knockd.log.logger import Log
from knockd.process.loop import Loop, run
from knockd.sequences.keyed_doors import KeyedDoors
from knockd_conf.model import ClockTrust, Config
from tests.support.doubles.keyed import ANNE, keyed_config, keyed_door, text_of


def serve(config: Config, log: Log) -> list[str]:
    """Whose sequences are live as soon as a real child has read the file."""
    names: list[str] = []
    made: list[KeyedDoors] = []

    def begin(loop: Loop) -> None:
        doors = make_keyed_doors(loop, log, config)
        made.append(doors)

        def end() -> None:
            names.extend(one.key for one in doors.list_sequences(config.doors[0], 0))
            doors.stop()
            loop.stop()

        doors.changed = end
        loop.call_later(20.0, loop.stop)
        doors.adopt(config)

    run(begin, pytest.fail)
    with suppress(ChildProcessError):  # it has been collected
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    made[0].reap()
    with pytest.raises(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    return names


def test_real_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child reads the file, by the kernel's clock; notes of this boot are named after the file."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    keys = tmp_path / "keys"
    keys.write_bytes(text_of(ANNE))
    keys.chmod(0o600)
    said: list[str] = []

    def log(event: str, **fields: object) -> None:
        said.append(f"{event} {fields}")

    config = keyed_config(
        keyed_door(path=str(keys)), state_dir=str(tmp_path / "state"), clock=ClockTrust.TRUST
    )
    assert serve(config, log) == ["anne"]
    other = replace(config, path="/etc/other.conf")
    assert serve(other, log) == ["anne"]
    assert os.listdir(tmp_path / "state") == ["used-periods"]
    notes = os.listdir(tmp_path / "run")
    assert len(notes) == 2
    assert all(one.startswith("used-periods-") for one in notes)
    assert not [line for line in said if not line.startswith("periods-")]
