"""knockctl log as a review: on a terminal, as JSON, as a page, for cron."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from knockd.ctl import cli

LINES = """\
{stamp} 192.0.2.7: ssh: Stage 1
{stamp} 192.0.2.7: ssh: OPEN SESAME
{stamp} ssh: running command: true
{stamp} 198.51.100.9: ssh: Stage 1
{stamp} 198.51.100.9: ssh: sequence timeout (stage 1)
"""


def lines(ago: float) -> str:
    """What happened some seconds ago, as 0.8 writes it."""
    return LINES.format(stamp=time.strftime("[%Y-%m-%d %H:%M]", time.localtime(time.time() - ago)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of two days ago."""
    (tmp_path / "knockd.log").write_text(lines(2 * 86400))
    return tmp_path / "knockd.log"


def test_terminal(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The summary is the default, and not wider than it may be."""
    assert cli.main(["log", "--columns", "60", str(path)]) == 0
    out, err = capfd.readouterr()
    assert "192.0.2.7" in out
    assert max(map(len, out.splitlines())) <= 60
    assert "" == err


def test_what_was_odd_is_on_the_screen(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Notes are part of the summary; a file that could not be read is told on standard error."""
    assert cli.main(["log", "--columns", "300", str(path), str(path), "/dev/null"]) == 66
    out, err = capfd.readouterr()
    assert "is the same file as" in out
    assert err.startswith("knockctl log: /dev/null: it is a device")


def test_selection(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is not asked for is not shown."""
    assert cli.main(["log", "--ip", "198.51.100.0/24", "--json", str(path)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [] == found["openings"]
    assert len(found["scanners"]) == 1


def test_json(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One object, which also says what could not be read."""
    cli.main(["log", "--json", str(path), "/nowhere/a"])
    found = json.loads(capfd.readouterr().out)
    assert ["192.0.2.7"] == [one["ip"] for one in found["openings"]]
    assert found["lines"]["total"] == 5
    assert ["/nowhere/a: no such file or directory"] == found["notices"]


def test_quiet(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Cron hears nothing of what was long ago, nor of what is as ever."""
    assert cli.main(["log", "-q", str(path)]) == 0
    assert ("", "") == tuple(capfd.readouterr())


def test_quiet_when_a_person_is_needed(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An opening by an address that was never seen before is told, with status 1."""
    with path.open("a") as file:
        file.write(lines(60).replace("192.0.2.7", "203.0.113.5"))
    assert cli.main(["log", "-q", str(path)]) == 1
    assert "203.0.113.5" in capfd.readouterr().out


def test_quiet_with_a_bad_file(path: Path) -> None:
    """A file that cannot be read needs a person, too: its status comes first."""
    path.write_text("once upon a time\n")
    assert cli.main(["log", "-q", str(path)]) == 65


def test_page(path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The page is written to its file, and over an older one."""
    pytest.importorskip("jinja2", reason="Jinja2 is not installed")
    page = tmp_path / "page.html"
    for _ in range(2):
        assert cli.main(["log", "--html", str(page), str(path)]) == 0
        assert page.read_text().lower().startswith("<!doctype html>")
    assert cli.main(["log", "--html", "-", str(path)]) == 0
    assert capfd.readouterr().out.lower().startswith("<!doctype html>")


def test_a_log_is_not_overwritten(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Who names the log behind --html keeps it."""
    pytest.importorskip("jinja2", reason="Jinja2 is not installed")
    before = path.read_text()
    assert cli.main(["log", "--html", str(path), str(path)]) == 73
    assert before == path.read_text()
    expected = f"knockctl log: {path} is there and is no HTML page: not overwritten, name another file\n"
    assert expected == capfd.readouterr().err


def test_a_page_that_cannot_be_written(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The message says where and why."""
    pytest.importorskip("jinja2", reason="Jinja2 is not installed")
    assert cli.main(["log", "--html", "/nowhere/page.html", str(path)]) == 73
    expected = "knockctl log: /nowhere/page.html: the page could not be written: No such file or directory\n"
    assert expected == capfd.readouterr().err


def test_no_jinja(path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Jinja2 is missing the message names it, with status 69."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert cli.main(["log", "--html", "/nowhere/page.html", str(path)]) == 69
    assert "Jinja2" in capfd.readouterr().err
