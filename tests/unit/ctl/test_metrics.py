"""knockctl metrics: what is printed, what is written, and what is said of a daemon that does not answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.statuses import status

COUNTERS = {
    "counts": [{"name": "openings", "door": "ssh", "interface": None, "value": 2}],
    "left_out": 0,
}


@pytest.fixture
def daemon(daemon: CannedDaemon) -> CannedDaemon:
    """A daemon with one count."""
    daemon.answers.update(Counters=COUNTERS, Status=status())
    return daemon


@pytest.mark.usefixtures("daemon")
def test_openmetrics(capfd: pytest.CaptureFixture[str]) -> None:
    """It is printed by default, and is read by Prometheus's library."""
    assert cli.main(["metrics"]) == 0
    out, err = capfd.readouterr()
    read = {one.name: one.value for family in text_string_to_metric_families(out) for one in family.samples}
    assert read["knockd_openings_total"] == 2
    assert read["knockd_up"] == 1
    assert "" == err


@pytest.mark.usefixtures("daemon")
def test_prometheus(capfd: pytest.CaptureFixture[str]) -> None:
    """The other format is printed when it is asked for."""
    assert cli.main(["metrics", "--prometheus"]) == 0
    out = capfd.readouterr().out
    assert "# TYPE knockd_openings_total counter\n" in out
    assert "# EOF" not in out


@pytest.mark.usefixtures("daemon")
def test_json(capfd: pytest.CaptureFixture[str]) -> None:
    """The counts as the daemon says them, with its version."""
    assert cli.main(["metrics", "--json"]) == 0
    assert {"version": "1.0.0", **COUNTERS} == json.loads(capfd.readouterr().out)


@pytest.mark.usefixtures("daemon")
def test_textfile(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The file has Prometheus's format; nothing is printed."""
    path = tmp_path / "knockd.prom"
    assert cli.main(["metrics", "--textfile", str(path)]) == 0
    assert '\nknockd_openings_total{door="ssh"} 2\n' in path.read_text()
    assert "\nknockd_up 1\n" in path.read_text()
    assert ("", "") == capfd.readouterr()


def samples(path: Path) -> list[str]:
    """The samples of a file."""
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_no_daemon(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Its sentence is said, and nothing is printed."""
    daemon.stop()
    assert os.EX_UNAVAILABLE == cli.main(["metrics"])
    out, err = capfd.readouterr()
    assert "" == out
    assert err.startswith("knockctl metrics: nobody answers at ")


def test_textfile_without_a_daemon(daemon: CannedDaemon, tmp_path: Path) -> None:
    """The old file is replaced by one that says that nobody answered, so that there is an alarm."""
    path = tmp_path / "knockd.prom"
    path.write_text("knockd_up 1\nknockd_leases 3\n")
    daemon.stop()
    assert os.EX_UNAVAILABLE == cli.main(["metrics", "--textfile", str(path)])
    assert ["knockd_up 0"] == samples(path)


def test_textfile_of_a_daemon_that_ends(daemon: CannedDaemon, tmp_path: Path) -> None:
    """One that does not answer now is written as one that does not answer."""
    path = tmp_path / "knockd.prom"
    daemon.answers["Status"] = ("NotNow", {"life": "ending"})
    assert os.EX_TEMPFAIL == cli.main(["metrics", "--textfile", str(path)])
    assert ["knockd_up 0"] == samples(path)


def test_another_version(daemon: CannedDaemon, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An answer that is not as the interface has it is told as one that did not come."""
    daemon.answers["Status"] = {}
    path = tmp_path / "knockd.prom"
    assert os.EX_PROTOCOL == cli.main(["metrics", "--textfile", str(path)])
    assert ["knockd_up 0"] == samples(path)
    assert "another version" in capfd.readouterr().err


@pytest.mark.parametrize("down", [False, True])
def test_a_file_that_cannot_be_written(
    daemon: CannedDaemon, down: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is told with its name, escaped; with a daemon that is down that decides the status."""
    if down:
        daemon.stop()
    ended = cli.main(["metrics", "--textfile", str(tmp_path / "gone\n" / "knockd.prom")])
    assert ended == (os.EX_UNAVAILABLE if down else os.EX_CANTCREAT)
    assert f"{tmp_path}/gone\\n/knockd.prom: could not be written: No such file" in capfd.readouterr().err


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("options", [["--prometheus"], ["--textfile", "x"]])
def test_one_form_alone(options: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """--json goes with no other form."""
    assert os.EX_USAGE == cli.main(["metrics", "--json", *options])
    assert "exclude each other" in capfd.readouterr().err
