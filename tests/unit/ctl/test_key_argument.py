"""The public key that a subcommand is given, and private ones that are given by mistake."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl.door_config import RefusedError
from knockd.ctl.key_argument import read_key_argument, refuse_private
from knockd_conf.key_line import KeyLine, format_key_line
from knockd_conf.ssh_keys import PublicKey

KEY = KeyLine(PublicKey(bytes(range(32))), "me@laptop at home")
LINE = format_key_line(KEY)
PRIVATE = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAAsecret\n-----END OPENSSH PRIVATE KEY-----\n"
)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], io.BytesIO]:
    """Gives a text to standard input."""

    def give(text: str) -> io.BytesIO:
        data = io.BytesIO(text.encode())
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
        return data

    return give


def refuse(words: list[str]) -> tuple[str, int]:
    """Why a key is refused, and the exit status."""
    with pytest.raises(RefusedError) as refused:
        read_key_argument(words)
    return str(refused.value), refused.value.status


@pytest.mark.parametrize("words", [[LINE], LINE.split(" "), [f"{LINE}\n"]])
def test_the_words_of_a_line(words: list[str]) -> None:
    """A line is taken in quotes and without."""
    assert read_key_argument(words) == KEY


def test_a_file(tmp_path: Path) -> None:
    """A .pub file has the line; comments in it are nothing."""
    path = tmp_path / "key.pub"
    path.write_text(f"# of the laptop\n{LINE}\n")
    assert read_key_argument([str(path)]) == KEY


def test_standard_input(stdin: Callable[[str], io.BytesIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """- is standard input: all of it, at a terminal one line."""
    stdin(f"# a comment\n{LINE}\n")
    assert read_key_argument(["-"]) == KEY
    stdin(f"{LINE}\nwhat is typed later\n")
    monkeypatch.setattr("knockd.ctl.key_argument.is_terminal", lambda _: True)
    assert read_key_argument(["-"]) == KEY


def test_a_private_key_at_the_terminal(
    stdin: Callable[[str], io.BytesIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its lines are read, for the shell would be given the others; none is shown."""
    monkeypatch.setattr("knockd.ctl.key_argument.is_terminal", lambda _: True)
    given = stdin(f"{PRIVATE}next\n")
    text, status = refuse(["-"])
    assert (text, status) == (
        "standard input: expected a public key, got a private key: name the file that ends in .pub",
        os.EX_DATAERR,
    )
    assert given.readline() == b"next\n"


def test_a_private_key_in_a_file(tmp_path: Path) -> None:
    """The file of the private key is refused, and which one is meant is said."""
    path = tmp_path / "key"
    path.write_text(PRIVATE)
    text, status = refuse([str(path)])
    assert f"{path}: expected a public key, got a private key: name the file that ends in .pub" == text
    assert status == os.EX_DATAERR


@pytest.mark.parametrize(
    "arguments",
    [
        [PRIVATE],
        PRIVATE.split(),
        ["--door", "ssh", "-----BEGIN OPENSSH PRIVATE KEY-----"],
        ["b3BlbnNzaC1rZXktdjEAAAAAsecret"],
        ["PuTTY-User-Key-File-3: ssh-ed25519"],
    ],
)
def test_a_private_key_on_the_command_line(arguments: list[str]) -> None:
    """It is not to be used any more, and nothing of it is shown."""
    with pytest.raises(
        RefusedError, match=r"^expected a public key, got a private key .* use that key no more"
    ) as e:
        refuse_private(arguments)
    assert "secret" not in str(e.value)
    assert os.EX_USAGE == e.value.status


def test_no_private_key() -> None:
    """What is given usually is no private key."""
    refuse_private(["key.pub", "--door", "ssh", LINE])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{path}: expected one line TYPE KEY COMMENT, got none"),
        (f"{LINE}\n{LINE}\n".encode(), "{path}: expected one line TYPE KEY COMMENT, got 2"),
        (b"\xff\xfe", "{path}: expected text in UTF-8"),
        (f"{LINE}\x1b[2J".encode(), "{path}: expected a comment without control characters"),
        (
            b"ssh-rsa AAAAB3NzaC1yc2E= me",
            "{path}: expected a key of type ssh-ed25519 or sk-ssh-ed25519@openssh.com, got ssh-rsa:"
            " 'ssh-keygen -t ed25519' makes one",
        ),
    ],
)
def test_what_is_no_key(tmp_path: Path, content: bytes, message: str) -> None:
    """What cannot knock is refused with its reason."""
    path = tmp_path / "key.pub"
    path.write_bytes(content)
    assert (message.format(path=path), os.EX_DATAERR) == refuse([str(path)])


def test_no_file(tmp_path: Path) -> None:
    """Where there is no such file, what may be given is said."""
    path = tmp_path / "key.pub"
    assert refuse([str(path)]) == (
        f"{path}: No such file or directory; expected FILE.pub, - for standard input, or the line of the key"
        " in quotes",
        os.EX_NOINPUT,
    )
    assert (f"{tmp_path}: Is a directory", os.EX_NOINPUT) == refuse([str(tmp_path)])
