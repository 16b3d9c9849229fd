"""knockctl gen-sequences: sequences that are printed, and sequences that are added to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.checks.weak_doors import find_reasons
from knockd.ctl.cli import main
from knockd_conf.one_time import find_lines, parse_one_time
from knockd_conf.protocol import Protocol

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the subcommand: status, standard output and standard error."""

    def gen_sequences(*arguments: str) -> tuple[int, str, str]:
        status = main(["gen-sequences", *arguments])
        return (status, *capfd.readouterr())

    return gen_sequences


def test_printed(run: Run) -> None:
    """So many lines of a one-time file are printed and nothing else; none is weak or there twice."""
    status, out, err = run("500")
    assert (status, err) == (0, "")
    assert all(line.startswith(" ") for line in out.splitlines())
    found = [line.steps for line in find_lines(out.encode())]
    assert 500 == len(found) == len(set(found)) == len(out.splitlines())
    assert not [steps for steps in found if any(find_reasons(steps))]
    assert {4} == {len(steps) for steps in found}
    assert all(
        20_000 <= step.port <= 60_000 and step.protocol is Protocol.TCP for one in found for step in one
    )


def test_options(run: Run) -> None:
    """Steps, ports and protocol are those that were asked for."""
    _, out, _ = run("20", "--steps", "6", "--ports", "1024-3000", "--protocol", "udp")
    found = [line.steps for line in find_lines(out.encode())]
    assert {6} == {len(steps) for steps in found}
    assert all(1_024 <= step.port <= 3_000 and step.protocol is Protocol.UDP for one in found for step in one)


def test_file(run: Run, tmp_path: Path) -> None:
    """A file is made for its owner alone, then added to; what is printed says what to do, and no sequence."""
    path = tmp_path / "codes"
    status, out, err = run("2", "--file", str(path))
    assert (status, err) == (0, "")
    assert f"{path} has 2 sequences now.\n" in out
    assert f"    One_Time_Sequences = {path}\n" in out
    assert 0o600 == path.stat().st_mode & 0o7777
    before = path.read_text()
    assert f"{path} has 3 sequences now.\n" in run("1", "--file", str(path))[1]
    assert path.read_text().startswith(before)
    assert 3 == parse_one_time(path.read_bytes()).left
    assert not [line for line in path.read_text().split() if line in out]


def test_not_added(run: Run, tmp_path: Path) -> None:
    """Another kind of file stays as it is, and so does one that others can read."""
    path = tmp_path / "codes"
    path.write_text("[options]\n")
    path.chmod(0o600)
    assert run("1", "--file", str(path)) == (
        1,
        "",
        f"knockctl gen-sequences: {path}: line 1: expected port[:tcp|udp] steps divided by commas, got"
        " something else (not shown: it may be secret): mend it, or name another file\n",
    )
    path.chmod(0o640)
    assert run("1", "--file", str(path)) == (
        73,
        "",
        f"knockctl gen-sequences: {path}: others than its owner may use it (mode 0640),"
        f" run chmod 600 {path}\n",
    )
    assert "[options]\n" == path.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: N"),
        (["0"], "N: expected a number from 1 to 10000, got '0'"),
        (["10001"], "N: expected a number from 1 to 10000, got '10001'"),
        (["many"], "N: expected a number from 1 to 10000, got 'many'"),
        (["1", "--steps", "2"], "--steps: expected a number from 3 to 16, got '2'"),
        (["1", "--steps", "x"], "--steps: expected a number from 3 to 16, got 'x'"),
        (
            ["1", "--ports", "20000"],
            "--ports: expected the lowest and the highest port, as in 20000-60000, got '20000'",
        ),
        (["1", "--ports", "1-70000"], "--ports: expected a highest port from 1 to 65535, got 70000"),
        (["1", "--ports", "1-100"], "--ports: expected at least 1024 ports, got 1-100"),
    ],
)
def test_mistakes(run: Run, arguments: list[str], message: str) -> None:
    """A mistake of the command line makes no sequence."""
    expected = f"knockctl gen-sequences: {message}\ntry 'knockctl gen-sequences --help'\n"
    assert run(*arguments) == (64, "", expected)


def test_another_protocol(run: Run) -> None:
    """Protocols are three words."""
    status, _, err = run("1", "--protocol", "sctp")
    assert 64 == status
    assert "--protocol" in err
