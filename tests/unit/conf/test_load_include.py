"""Include: which files are read, in which order, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from knockd_conf.errors import Problem
from knockd_conf.model import Config

Load = Callable[..., Config]
Problems = Callable[..., list[str]]


def door(name: str, port: int) -> str:
    """The text of a door."""
    return f"[{name}]\nsequence = {port}\n"


def add(path: Path, text: str) -> None:
    """Write a file, and the directory that it stands in."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_pattern(load_text: Load, tmp_path: Path) -> None:
    """A pattern is relative to the including file; its files are read in sorted order after that file."""
    add(tmp_path / "d/b.conf", door("b", 1))
    add(tmp_path / "d/a.conf", door("a", 1))
    add(tmp_path / "d/c.txt", "not a configuration")
    config = load_text("[options]\ninclude = d/*.conf\n" + door("main", 1))
    assert [one.name for one in config.doors] == ["main", "a", "b"]
    assert tuple(f"{tmp_path}/{one}" for one in ("knockd.conf", "d/a.conf", "d/b.conf")) == config.files
    assert f"{tmp_path}/d/a.conf" == config.doors[1].path


def test_absolute_pattern(load_text: Load, tmp_path: Path) -> None:
    """A pattern may be absolute."""
    add(tmp_path / "d/a.conf", door("a", 1))
    assert [one.name for one in load_text(f"[options]\ninclude = {tmp_path}/d/*\n").doors] == ["a"]


def test_wildcards_in_the_own_directory(load_text: Load, tmp_path: Path) -> None:
    """Wildcard characters in the including file's own path are literal."""
    add(tmp_path / "[d]/sub.conf", "[options]\ninclude = ?.conf\n")
    add(tmp_path / "[d]/x.conf", door("x", 1))
    assert [one.name for one in load_text("[options]\ninclude = [[]d]/sub.conf\n").doors] == ["x"]


def test_every_include_counts(load_text: Load, tmp_path: Path) -> None:
    """A second Include does not replace the first."""
    add(tmp_path / "a", door("a", 1))
    add(tmp_path / "b", door("b", 1))
    assert [one.name for one in load_text("[options]\ninclude=b\ninclude=a\n").doors] == ["b", "a"]


def test_options_of_an_included_file(load_text: Load, tmp_path: Path) -> None:
    """Options of an included file replace those of the file that includes it."""
    add(tmp_path / "a", "[options]\nlatency = 2\n")
    assert load_text("[options]\ninclude=a\nlatency=1\n").options.latency == 2


def test_one_name_space(load_text: Load, tmp_path: Path) -> None:
    """A door may inherit from a template in another file."""
    add(tmp_path / "a", "[d : base]\nsequence=1\n")
    [one] = load_text("[options]\ninclude=a\n[base]\ntimeout=5\n").doors
    assert (one.name, one.seq_timeout) == ("d", 5.0)


def test_include_for_a_host(load_text: Load, tmp_path: Path) -> None:
    """An Include for another host reads nothing, and its file need not exist here."""
    add(tmp_path / "a", door("a", 1))
    assert [one.name for one in load_text("[options]\ninclude[web1]=a\ninclude[web2]=nope\n").doors] == ["a"]


def test_pattern_that_matches_nothing(load_text: Load, tmp_path: Path) -> None:
    """A pattern that matches nothing is good, and a note says so."""
    expected = f"{tmp_path}/knockd.conf:2: include: no file matches 'd/*.conf'"
    assert expected in map(str, load_text("[options]\ninclude = d/*.conf\n" + door("a", 1)).notes)


def test_file_that_is_not_there(problems: Problems) -> None:
    """A name without wildcards must exist."""
    assert problems("[options]\ninclude = nope.conf\n") == [
        "knockd.conf:2: include: expected a file that exists, got 'nope.conf'"
    ]


def test_problems_of_all_files(problems: Problems, tmp_path: Path) -> None:
    """Problems of included files come with those of the main file, in the order of reading."""
    add(tmp_path / "a", "[options]\nlatency = x\n")
    message = "expected a whole number of milliseconds from 1 to 1000"
    assert [
        f"knockd.conf:3: latency: {message}, got 'y'",
        f"a:2: latency: {message}, got 'x'",
    ] == problems("[options]\ninclude = a\nlatency = y\n")


def test_loop(problems: Problems, tmp_path: Path) -> None:
    """A file that includes itself, here by way of another, is refused."""
    add(tmp_path / "a", "[options]\ninclude = knockd.conf\n")
    [message] = problems("[options]\ninclude = a\n")
    assert message.startswith("a:2: include: expected files that do not include themselves, got a loop to '")


def test_loop_through_a_link(problems: Problems, tmp_path: Path) -> None:
    """Another name for the same file does not hide a loop."""
    (tmp_path / "a").symlink_to("knockd.conf")
    [message] = problems("[options]\ninclude = a\n")
    assert message.startswith("knockd.conf:2: include: expected files that do not include themselves")


def test_file_named_twice(load_text: Load, tmp_path: Path) -> None:
    """A file that two patterns match is read once, and a note says so."""
    add(tmp_path / "a", door("a", 1))
    config = load_text("[options]\ninclude = a\ninclude = a*\n")
    assert [one.name for one in config.doors] == ["a"]
    assert f"{tmp_path}/a: included more than once, read once" in map(str, config.notes)


def chain(tmp_path: Path, depth: int) -> str:
    """A main file whose includes nest ``depth`` deep."""
    for level in range(1, depth):
        add(tmp_path / str(level), f"[options]\ninclude = {level + 1}\n")
    add(tmp_path / str(depth), door("deepest", 1))
    return "[options]\ninclude = 1\n"


def test_deepest(load_text: Load, tmp_path: Path) -> None:
    """Includes nest 8 deep."""
    assert [one.name for one in load_text(chain(tmp_path, 8)).doors] == ["deepest"]


def test_too_deep(problems: Problems, tmp_path: Path) -> None:
    """A ninth level is refused where it is asked for."""
    assert problems(chain(tmp_path, 9)) == [
        "8:2: include: expected at most 8 levels of Include, got one more"
    ]


def test_too_many_files(problems: Problems, tmp_path: Path) -> None:
    """More than 256 files are refused."""
    for number in range(256):
        add(tmp_path / f"d/{number:03}", "")
    assert problems("[options]\ninclude=d/*\n") == [
        "knockd.conf:2: include: expected at most 256 files, got more"
    ]


def test_directory(problems: Problems, tmp_path: Path) -> None:
    """A directory is not a file: the message says so and stands where the file would."""
    (tmp_path / "d").mkdir()
    assert problems("[options]\ninclude = d\n") == ["d: expected a regular file, got a directory"]


def test_problem_without_a_line() -> None:
    """A problem prints only the parts that it knows, escapes included."""
    assert str(Problem("a\nb", None, None, "why")) == "a\\nb: why"
