"""knockctl keygen: keys that are printed, and keys that are added to a file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl.cli import main
from knockd.ctl.keygen import NotAddedError, add_key, advise
from knockd_conf.key_file import MAX_KEYS, NamedKey, format_key, parse_keys

KEY = NamedKey("alice", bytes(range(32)))
LINE = format_key(KEY)
BOB = NamedKey("bob", bytes(32), "2027-01-31")
TODAY = time.strftime("%Y-%m-%d")
Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("guarded")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the subcommand: status, standard output and standard error. There is no configuration."""
    monkeypatch.setattr("knockd.ctl.door_config.DEFAULT_CONFIG", str(tmp_path / "knockd.conf"))

    def keygen(*arguments: str) -> tuple[int, str, str]:
        status = main(["keygen", *arguments])
        return (status, *capfd.readouterr())

    return keygen


def test_printed(run: Run, guarded: list[str]) -> None:
    """The line of a new key is printed and nothing else, another one each time; no core has it."""
    lines = set()
    for _ in range(2):
        status, out, err = run("alice")
        assert (status, err) == (0, "")
        assert ["alice"] == [key.name for key in parse_keys(out.encode()).keys]
        lines.add(out)
    assert 2 == len(lines)
    assert ["no core"] * 2 == guarded


def test_names_and_days(run: Run) -> None:
    """A key has the name and the last day that were given, or the name owner and none."""
    assert [("owner", "")] == [(key.name, key.expires) for key in parse_keys(run()[1].encode()).keys]
    found = parse_keys(run("bob", "--expires", TODAY)[1].encode()).keys
    assert [("bob", TODAY)] == [(key.name, key.expires) for key in found]


def test_a_new_file(run: Run, tmp_path: Path) -> None:
    """A file is made for its owner alone, and what is printed says what to do next, without the key."""
    path = tmp_path / "ssh.keys"
    status, out, err = run("alice", "--file", str(path))
    assert (status, err) == (0, "")
    assert 0o600 == path.stat().st_mode & 0o7777
    (key,) = parse_keys(path.read_bytes()).keys
    assert "alice" == key.name
    assert out.splitlines() == list(advise(str(path), "alice", None))
    assert path.read_text().split()[1] not in out


def test_a_door_that_has_the_file(run: Run, tmp_path: Path) -> None:
    """Where the configuration has a door with the file its name is in the command to type."""
    path = tmp_path / "ssh.keys"
    config = tmp_path / "knockd.conf"
    config.write_text(f"[my ssh]\nSequence_Key = {path}\n")
    config.chmod(0o600)
    _, out, _ = run("alice", "--file", str(path))
    assert "    knockctl export 'my ssh' --name alice --host THIS.SERVER\n" in out
    assert "It opens my ssh within 30 s, if that is loaded. Then:\n" in out
    assert "Sequence_Key" not in out


def test_another_key(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is added behind what is there, which stays as it is; the path may be relative."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ssh.keys"
    path.write_text(f"# keys of ssh\n{LINE}")
    path.chmod(0o600)
    status, out, _ = run("bob", "--file", "ssh.keys")
    assert 0 == status
    assert f"bob has a key in {path} now." == out.splitlines()[0]
    assert path.read_text().startswith(f"# keys of ssh\n{LINE}\nbob ")
    assert ["alice", "bob"] == [key.name for key in parse_keys(path.read_bytes()).keys]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LINE}\n", "alice has a key in it already: choose another name, or delete that line"),
        (
            "[ssh]\nSequence = 7000\n",
            "line 1: expected NAME KEY, got one word: mend it, or name another file",
        ),
        (
            f"bob {LINE[6:]}\n\n",
            "line 2: expected NAME KEY, got an empty line: mend it, or name another file",
        ),
        ("\n", "line 1: expected NAME KEY, got an empty line: mend it, or name another file"),
        (
            "".join(f"{format_key(NamedKey(f'k{n}', bytes([n]) * 32))}\n" for n in range(MAX_KEYS)),
            f"expected at most {MAX_KEYS} keys, got {MAX_KEYS + 1}",
        ),
    ],
)
def test_not_added(run: Run, tmp_path: Path, text: str, message: str) -> None:
    """Where a key cannot be added the file stays as it is, and the message shows no line of it."""
    path = tmp_path / "ssh.keys"
    path.write_text(text)
    path.chmod(0o600)
    assert run("alice", "--file", str(path)) == (1, "", f"knockctl keygen: {path}: {message}\n")
    assert path.read_text() == text


def test_a_file_that_others_can_read(run: Run, tmp_path: Path) -> None:
    """It is refused, with the command that mends it."""
    path = tmp_path / "ssh.keys"
    path.write_text(f"{LINE}\n")
    path.chmod(0o644)
    status, out, err = run("bob", "--file", str(path))
    assert (status, out) == (73, "")
    assert err == (
        f"knockctl keygen: {path}: others than its owner may use it (mode 0644), run chmod 600 {path}\n"
    )


def test_no_directory(run: Run, tmp_path: Path) -> None:
    """A directory that is missing is to be made first."""
    path = tmp_path / "knock d" / "ssh.keys"
    status, _, err = run("bob", "--file", str(path))
    assert 73 == status
    assert err == (
        f"knockctl keygen: {path}: No such file or directory; make its directory first:"
        f" install -d -m 700 '{path.parent}'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a b"], "NAME: expected a name of at most 64 letters, digits and _ @ . -, got 'a b'"),
        ([""], "NAME: expected a name of at most 64 letters, digits and _ @ . -, got ''"),
        (["--expires", "tomorrow"], "--expires: expected a day as YYYY-MM-DD, got 'tomorrow'"),
        (["--expires", "2027-02-29"], "--expires: expected a day as YYYY-MM-DD, got '2027-02-29'"),
        (["--expires", "2020-01-01"], "--expires: expected a day that is not over, got '2020-01-01'"),
        (["a", "b"], "unrecognized arguments: b"),
    ],
)
def test_mistakes(run: Run, arguments: list[str], message: str) -> None:
    """A mistake of the command line makes no key."""
    expected = f"knockctl keygen: {message}\ntry 'knockctl keygen --help'\n"
    assert run(*arguments) == (64, "", expected)


@pytest.mark.parametrize(
    "old", [b"", b"# only\n# comments", b"bob " + LINE[6:].encode(), LINE.encode() + b"\n"]
)
def test_what_a_file_holds_then(old: bytes) -> None:
    """What was there is there still, and the keys are those of before and the new one."""
    new = add_key(old, BOB._replace(name="carol"))
    assert new.startswith(old)
    expected = (*parse_keys(old).keys, BOB._replace(name="carol"))
    assert expected == parse_keys(new).keys


def test_no_key_in_a_message() -> None:
    """Nothing that is raised shows a line of the file."""
    with pytest.raises(NotAddedError) as refused:
        add_key(f"{LINE} nonsense\n".encode(), BOB)
    assert not re.search(re.escape(LINE[6:20]), str(refused.value))
