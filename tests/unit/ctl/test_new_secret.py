"""What a file holds when a secret has been made in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.ctl.new_secret import ThereError, add_secret, make_secret
from knockd_conf.knock_secret import KNOCK, format_secret, parse_secret

SECRET = bytes(range(32))
LINE = format_secret(SECRET)


@pytest.mark.parametrize("old", [b"", b"# mine", b"\n# a\n\n"])
def test_what_a_file_holds_then(old: bytes) -> None:
    """Comments stay, and the secret is there."""
    new = add_secret(old, SECRET, KNOCK)
    assert new.startswith(old)
    assert SECRET == parse_secret(new)


def test_a_secret_is_never_replaced() -> None:
    """Where there is one there is no second."""
    with pytest.raises(ThereError):
        add_secret(f"{LINE}\n".encode(), bytes(32), KNOCK)


def test_made_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A secret is made, with its directory; a second time it is kept, and how to replace it is said."""
    path = tmp_path / "etc" / "secret"
    for _ in range(2):
        assert make_secret(str(path), KNOCK, "the secret", make_directory=True) == 0
    assert len(parse_secret(path.read_bytes())) == 32
    assert capsys.readouterr().out.splitlines() == [
        f"{path} has the secret now.",
        f"{path} has the secret already, and keeps it.",
        "(To make another one, remove the file first: all who have a copy need the new one then.)",
    ]


def test_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What holds something else is left as it is; without its directory there is no file."""
    path = tmp_path / "secret"
    path.write_text("something else\n")
    path.chmod(0o600)
    assert make_secret(str(path), KNOCK, "the secret", make_directory=False) == 1
    assert path.read_text() == "something else\n"
    assert make_secret(str(tmp_path / "none" / "secret"), KNOCK, "the secret", make_directory=False) == 73
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith(f"knockctl keygen: {path}: ")
    assert errors[1].endswith(f"make its directory first: install -d -m 700 {tmp_path}/none")
