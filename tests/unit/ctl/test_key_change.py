"""A file of keys is changed as a whole, or why it is not is said with its path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.door_config import RefusedError
from knockd.ctl.key_change import change_keys
from knockd.ctl.key_lines import NotChangedError


def test_made(tmp_path: Path) -> None:
    """The file is made, and its directory if that is asked for."""
    path = tmp_path / "knockd" / "keys"
    change_keys(str(path), lambda old: old + b"a\n", makes_folder=True)
    change_keys(str(path), lambda old: old + b"b\n")
    assert path.read_bytes() == b"a\nb\n"


def test_not_changed(tmp_path: Path) -> None:
    """What keeps a file as it is stands behind its path."""

    def refuse(_: bytes) -> bytes:
        raise NotChangedError("it is there")

    with pytest.raises(RefusedError) as caught:
        change_keys(str(tmp_path / "keys"), refuse)
    assert (f"{tmp_path}/keys: it is there", NOT_DONE) == (str(caught.value), caught.value.status)


def test_no_directory(tmp_path: Path) -> None:
    """Where there is no directory the system's reason is said."""
    with pytest.raises(RefusedError) as caught:
        change_keys(str(tmp_path / "a" / "b" / "keys"), lambda old: old)
    assert os.EX_CANTCREAT == caught.value.status
    assert str(caught.value).startswith(f"{tmp_path}/a/b/keys: ")
