"""What doors with keys are made of in the daemon."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.keeper import key_setup
from knockd.keeper.key_setup import KeySetup
from knockd.log.logger import Log
from knockd.process.loop import Loop, run
from knockd.sequences import kernel_clock
from knockd.signed.signed_doors import SignedDoors
from knockd_conf.knock_secret import format_secret
from knockd_conf.model import ClockTrust, Config
from tests.support.doubles.keyed import ANNE, keyed_config, keyed_door, text_of
from tests.support.doubles.linked_workers import CONFIG, NullLogger
from tests.support.doubles.live_signed import signed_config
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.signed import signed_door
from tests.support.lab.waiting import wait_until
from tests.support.samples.signed_vectors import KEYS


def serve(config: Config, log: Log) -> list[str]:
    """Whose sequences are live as soon as a real child has read the file."""
    names: list[str] = []
    made: list[KeySetup] = []

    def begin(loop: Loop) -> None:
        setup = KeySetup(loop, log, config)
        doors = setup.get()
        made.append(setup)

        def end() -> None:
            names.extend(one.key for one in doors.list_sequences(config.doors[0], 0))
            setup.stop()
            loop.stop()

        def changed() -> None:
            loop.call_soon(end)  # at a boundary of periods a file is read once more right after this

        setup.changed = changed
        loop.call_later(20.0, loop.stop)
        setup.adopt(config)

    run(begin, pytest.fail)

    def all_collected() -> bool:
        made[0].reap()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            return True
        return False

    wait_until(all_collected, 10, "every child has been collected")  # at a boundary of periods there are two
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


LOOK = """
import sys
import knockd.cli, knockd.keeper.keeper, knockd.worker.poll
print(*sys.modules)
"""


def test_code_of_a_daemon_without_keys() -> None:
    """Neither keeper nor packet process have the code of doors with keys in memory from the start."""
    path = os.pathsep.join(sys.path)
    out = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        stdout=subprocess.PIPE,
    )
    sequences = {one for one in out.stdout.decode().split() if one.startswith("knockd.sequences.")}
    assert not {one for one in out.stdout.decode().split() if one.partition(".")[0] == "nacl"}
    plain = ("live_periods", "noted_lines", "rotating_watches", "rotation", "used_sequences")
    assert sequences == {f"knockd.sequences.{name}" for name in plain}


def test_plain_to_keyed_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made for doors without keys; what is made for the first stays, and hears of its end."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))

    def fail(*_: object) -> None:
        raise OSError("no child is needed")

    monkeypatch.setattr(key_setup, "fork_child", fail)
    setup = KeySetup(ManualLoop().loop, NullLogger().log, CONFIG)
    setup.adopt(CONFIG)
    setup.reap()
    setup.stop()
    assert setup.made is None
    setup.adopt(keyed_config(keyed_door(path=str(tmp_path / "none")), state_dir=str(tmp_path / "state")))
    made = setup.get()
    assert made.why_waiting(keyed_door()) is not None
    setup.adopt(CONFIG)
    assert setup.get() is made
    assert made.why_waiting(keyed_door()) is None
    setup.stop()
    setup.reap()


def serve_signed(config: Config, log: Log) -> int:
    """How many minutes are watched as soon as a real child has read the files."""
    watched: list[int] = []
    made: list[SignedDoors] = []

    def begin(loop: Loop) -> None:
        doors = KeySetup(loop, log, config).make_signed()
        made.append(doors)

        def end() -> None:
            watched.append(len(doors.watch().minutes))
            doors.stop()
            loop.stop()

        def changed() -> None:
            loop.call_soon(end)

        doors.changed = changed
        loop.call_later(20.0, loop.stop)
        doors.adopt(config)

    run(begin, pytest.fail)
    with suppress(ChildProcessError):  # it has been collected
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    made[0].reap()
    return sum(watched)


def test_real_child_of_signed_knocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child reads secret and keys, by the kernel's clock; the record is the one of sequences."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    secret, keys = tmp_path / "secret", tmp_path / "authorized_keys"
    secret.touch(0o600)
    secret.write_text(f"{format_secret(bytes(32))}\n")
    keys.write_text("".join(f"{key.line}\n" for key in KEYS.values()))
    said: list[str] = []

    def log(event: str, **fields: object) -> None:
        said.append(f"{event} {fields}")

    config = signed_config(
        signed_door(authorized_keys=str(keys)),
        state_dir=str(tmp_path / "state"),
        knock_secret=str(secret),
        clock=ClockTrust.TRUST,
    )
    assert serve_signed(config, log) == 3
    assert os.listdir(tmp_path / "state") == ["used-periods"]
    assert not [line for line in said if not line.startswith("periods-")]


def test_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doors of both kinds have one clock: that it is bad is said once."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(key_setup, "fork_child", lambda *_, **__: pytest.fail("no file is to be read"))
    monkeypatch.setattr(kernel_clock, "_find_why_loose", lambda: "it is loose")
    said: list[str] = []
    state = str(tmp_path / "state")
    config = signed_config(signed_door(), keyed_door("web"), state_dir=state)
    setup = KeySetup(ManualLoop().loop, lambda event, **_: said.append(event), config)
    signed = setup.make_signed()
    signed.adopt(config)
    setup.adopt(config)
    assert [event for event in said if event.startswith("clock-")] == ["clock-waiting"]
    assert signed.why_waiting(signed_door()) == setup.get().why_waiting(keyed_door("web"))
    setup.stop()
    signed.stop()
