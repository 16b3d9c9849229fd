"""A state directory or one-time file on a disk that is full, read-only or gone: doors open and close."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.disks import Disk
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

STARTED = "starting up, listening on eth0"
MEMORY = "memory alone"


@dataclass(frozen=True)
class Scene:
    """A daemon with one door that opens for a second, and what its commands did."""

    pair: Pair
    start: Start
    directory: Path

    @property
    def runtime(self) -> Path:
        """Where open doors are noted when they cannot be in the state directory."""
        return self.directory / "runtime"

    @property
    def done(self) -> Path:
        """A line for each command."""
        return self.directory / "done"

    def begin(
        self, state: Path, *, runtime: Path | None = None, cmd_timeout: int = 1, **options: object
    ) -> Daemon:
        """Starts the daemon, with its state directory somewhere.

        What is noted of its door is so long that it does not fit into a file without leases.
        """
        command = f"echo {{}} >> {self.done} {'#' * 3_500}".format
        secret = door(
            *("secret", "700,800"),
            start_command=command("open"),
            stop_command=command("close"),
            cmd_timeout=cmd_timeout,
        )
        program = ("env", f"RUNTIME_DIRECTORY={runtime or self.runtime}", *OURS)
        folder = self.directory / "daemon"
        return self.start(
            self.pair.server,
            config(secret, **options),
            *("-g", str(folder / "knockd.log"), "--state-dir", str(state)),
            program=program,
            directory=folder,
        )

    def commands(self) -> list[str]:
        """What was run so far."""
        return self.done.read_text().split() if self.done.exists() else []

    def has_run(self, commands: list[str]) -> bool:
        """Whether these and no other commands were run."""
        return self.commands() == commands

    def knock(self) -> None:
        """Knocks once."""
        send_knock(self.pair.client, SERVER[4], "700", "800")

    def open_and_close(self) -> None:
        """Knocks, and waits until the door has opened and is closed again."""
        before = self.commands()
        self.knock()
        wait_until(partial(self.has_run, [*before, "open", "close"]), 10, "the door opens and closes")


@pytest.fixture
def scene(pair: Pair, start: Start, tmp_path: Path) -> Scene:
    """A door to knock at."""
    return Scene(pair, start, tmp_path)


def problem(state: Path, reason: str, place: Path | str) -> str:
    """What is said of a state directory that cannot be used."""
    return f"open doors cannot be noted in {state} ({reason}), noting them in {place}"


def state_lines(daemon: Daemon) -> list[str]:
    """What the log says of the state directory."""
    return [line for line in daemon.log_lines() if "noted in" in line]


def test_full_disk(disk: Disk, scene: Scene) -> None:
    """A full disk is named once; from the next choice on /run serves, until there is room again."""
    state = disk.path / "state"
    daemon = scene.begin(state)
    disk.fill()
    for _ in range(2):
        scene.open_and_close()
    full = [problem(state, "No space left on device", place) for place in (MEMORY, scene.runtime)]
    assert state_lines(daemon) == full[:1]
    daemon.signal(signal.SIGHUP)
    daemon.wait_for(full[1])
    scene.open_and_close()
    disk.free()
    scene.open_and_close()
    assert state_lines(daemon) == full
    daemon.signal(signal.SIGHUP)
    daemon.wait_for(f"open doors are noted in {state} again")
    assert state_lines(daemon)[:-1] == full
    assert daemon.stop() == 0


def test_read_only_file_system(disk: Disk, scene: Scene) -> None:
    """A disk that becomes read-only is no different."""
    state = disk.path / "state"
    daemon = scene.begin(state)
    scene.open_and_close()
    disk.read_only(True, daemon.pid)
    scene.open_and_close()
    disk.read_only(False, daemon.pid)
    scene.open_and_close()
    assert state_lines(daemon) == [
        problem(state, "Read-only file system", MEMORY),
        f"open doors are noted in {state} again",
    ]


def test_directory_gone(scene: Scene) -> None:
    """A state directory that goes while the door is open is made anew, and the door closed."""
    state = scene.directory / "state"
    daemon = scene.begin(state)
    scene.knock()
    wait_until(partial(scene.has_run, ["open"]), 10, "the door opens")
    state.rename(scene.directory / "gone")
    wait_until(partial(scene.has_run, ["open", "close"]), 10, "the door closes")
    scene.open_and_close()
    assert (state_lines(daemon), (state / "leases").exists()) == ([], True)


def test_nowhere_to_write(disk: Disk, scene: Scene) -> None:
    """When /run is full too, memory serves: the owner gets in, and the door is closed."""
    disk.fill()
    state = disk.path / "state"
    daemon = scene.begin(state, runtime=disk.path / "run")
    scene.open_and_close()
    lines = state_lines(daemon)
    assert (len(lines), lines[-1].endswith(f"noting them in {MEMORY}")) == (1, True)
    scene.knock()
    wait_until(partial(scene.has_run, ["open", "close", "open"]), 10, "the door opens")
    assert (daemon.stop(), scene.commands()) == (0, ["open", "close", "open", "close"])


@pytest.mark.parametrize("state", ["/proc/knockd", "/dev/null/state"])
def test_directory_that_cannot_be(scene: Scene, state: str) -> None:
    """A state directory that cannot be made is named once."""
    daemon = scene.begin(Path(state))
    scene.open_and_close()
    scene.open_and_close()
    (line,) = state_lines(daemon)
    assert line.startswith(f"open doors cannot be noted in {state} (")


def test_required(disk: Disk, scene: Scene) -> None:
    """With State_Required a door that cannot be noted stays shut, which is said, and opens when it can be."""
    state = disk.path / "state"
    daemon = scene.begin(state, State_Required="yes")
    disk.fill()
    scene.knock()
    lines = daemon.wait_for("not opened")
    assert f"{CLIENT[4]}: secret: not opened: " in lines[-1]
    assert "No space left on device" in "".join(lines)
    assert "OPEN SESAME" not in "".join(lines)
    assert scene.commands() == []
    disk.free()
    scene.open_and_close()
    disk.fill()
    scene.open_and_close()  # where there was room for it once there is room for it again
    assert scene.commands() == ["open", "close"] * 2


def test_killed_while_the_disk_is_full(disk: Disk, scene: Scene) -> None:
    """What was noted in /run is found by the next start, and closed."""
    state = disk.path / "state"
    state.mkdir(mode=0o700)
    disk.fill()
    daemon = scene.begin(state, cmd_timeout=3600)
    scene.knock()
    wait_until(partial(scene.has_run, ["open"]), 10, "the door opens")
    daemon.signal(signal.SIGKILL)
    daemon.process.wait()
    again = scene.begin(state)
    again.wait_for("recovered an open door")
    assert (again.stop(), scene.commands()) == (0, ["open", "close"])


@dataclass(frozen=True)
class Trip:
    """A one-time door whose file is on the disk, beside an ordinary one."""

    pair: Pair
    codes: Path
    daemon: Daemon

    def knock(self, *steps: str) -> None:
        """Knocks once."""
        send_knock(self.pair.client, SERVER[4], *steps)

    def others_open(self, times: int = 1) -> list[str]:
        """Waits until the ordinary door has opened so often; the log then."""
        self.knock("4700", "4800")
        return self.daemon.wait_for("marker: OPEN SESAME", times=times)

    def disabled(self, reason: str) -> str:
        """What is said of the one-time door."""
        return f"trip: one time sequences file {self.codes}: {reason} --> disabling the door"


def trip(pair: Pair, start: Start, disk: Disk, directory: Path | None = None) -> Trip:
    """Starts a daemon with a one-time file on the disk."""
    codes = disk.path / "codes"
    if not codes.exists():
        codes.write_text("700,800\n1700,1800\n")
    doors = (f"[trip]\none_time_sequences = {codes}\nseq_timeout = 10\n\n", door("marker", "4700,4800"))
    return Trip(pair, codes, start(pair.server, config(*doors), directory=directory))


def test_one_time_file_that_cannot_be_struck_out(pair: Pair, disk: Disk, start: Start) -> None:
    """On a read-only disk the door is disabled from the start, and said so; others work."""
    (disk.path / "codes").write_text("700,800\n")
    disk.read_only(True)
    made = trip(pair, start, disk)
    made.knock("700", "800")
    lines = made.others_open()
    assert made.disabled("Read-only file system") in lines
    assert [line for line in lines if "trip: OPEN" in line] == []


def test_one_time_file_that_becomes_read_only(pair: Pair, disk: Disk, start: Start) -> None:
    """A sequence that cannot be struck out opens no second time: the door is disabled, and said so."""
    made = trip(pair, start, disk)
    disk.read_only(True, made.daemon.pid)
    made.knock("700", "800")
    made.daemon.wait_for(made.disabled("Read-only file system"))
    for steps in (("700", "800"), ("1700", "1800")):
        made.knock(*steps)
    assert [line for line in made.others_open() if "OPEN" in line] == [
        f"{CLIENT[4]}: trip: OPEN SESAME",
        f"{CLIENT[4]}: marker: OPEN SESAME",
    ]


@pytest.mark.parametrize("restart", [False, True], ids=["HUP", "restart"])
def test_a_used_sequence_on_a_read_only_disk(
    pair: Pair, disk: Disk, start: Start, tmp_path: Path, *, restart: bool
) -> None:
    """It opens no second time; when the disk can be written it is struck out, and the next one opens."""
    made = trip(pair, start, disk, tmp_path / "daemon")
    disk.read_only(True, made.daemon.pid)
    made.knock("700", "800")
    made.daemon.wait_for(made.disabled("Read-only file system"))
    for turn, read_only in ((1, True), (2, False)):
        disk.read_only(read_only, made.daemon.pid)
        if restart:
            made.daemon.stop()
            made = trip(pair, start, disk, tmp_path / "daemon")
        else:
            made.daemon.signal(signal.SIGHUP)
            made.daemon.wait_for("re-reading config file", times=turn)
            made.others_open(turn)
        made.knock("700", "800")
    pair.knock_until(made.daemon, ("1700", "1800"), "trip: OPEN SESAME", times=2)
    made.daemon.wait_for("no more sequences left")  # said after the line is struck out, OPEN SESAME before
    assert made.codes.read_text() == "#00,800\n#700,1800\n"


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "nowhere"])
def test_two_names_of_a_read_only_file(
    pair: Pair, disk: Disk, start: Start, tmp_path: Path, *, noted: bool
) -> None:
    """A sequence that cannot be struck out opens once where it can be noted, by one name, and else not."""
    codes, link = disk.path / "codes", tmp_path / "link"
    codes.write_text("700,800\n")
    link.symlink_to(codes)
    doors = (f"[{name}]\none_time_sequences = {path}\n\n" for name, path in (("a", codes), ("b", link)))
    state, runtime = (tmp_path / "state", tmp_path / "run") if noted else ("/proc/knockd", "/dev/null/run")
    daemon = start(
        pair.server,
        config(*doors, door("marker", "4700,4800")),
        *("--state-dir", str(state)),
        program=("env", f"RUNTIME_DIRECTORY={runtime}", *OURS),
        directory=tmp_path / "daemon",
    )
    disk.read_only(True, daemon.pid)
    send_knock(pair.client, SERVER[4], "700", "800")
    send_knock(pair.client, SERVER[4], "4700", "4800")
    lines = daemon.wait_for("marker: OPEN SESAME")
    opened = [line for line in lines if line.endswith(("a: OPEN SESAME", "b: OPEN SESAME"))]
    refused = [line for line in lines if "not opened: its sequence could not be struck out" in line]
    assert (len(opened), len(refused)) == ((1, 1) if noted else (0, 2))


def test_one_time_file_on_a_full_disk(pair: Pair, disk: Disk, start: Start) -> None:
    """Striking out needs no room: every sequence opens once."""
    made = trip(pair, start, disk)
    disk.fill()
    pair.knock_until(made.daemon, ("700", "800"), "trip: OPEN SESAME")
    pair.knock_until(made.daemon, ("1700", "1800"), "trip: OPEN SESAME", times=2)
    made.daemon.wait_for("no more sequences left")
    assert made.codes.read_text() == "#00,800\n#700,1800\n"
