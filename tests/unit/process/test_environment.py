"""The environment of commands: nothing that Python has added."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.process.environment import forget_coerced_locale


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (b"PATH=/bin\0HOME=/root\0", {b"PATH": b"/bin"}),
        (b"PATH=/bin\0LC_CTYPE=C.UTF-8\0", {b"PATH": b"/bin", b"LC_CTYPE": b"C.UTF-8"}),
        (b"NOT_LC_CTYPE=x\0", {b"PATH": b"/bin"}),
    ],
)
def test_coerced_locale(tmp_path: Path, given: bytes, left: dict[bytes, bytes]) -> None:
    """LC_CTYPE goes, unless knockd was started with it."""
    (tmp_path / "environ").write_bytes(given)
    environment = {b"PATH": b"/bin", b"LC_CTYPE": b"C.UTF-8"}
    forget_coerced_locale(environment, str(tmp_path / "environ"))
    assert environment == left


def test_no_proc(tmp_path: Path) -> None:
    """Nothing goes where it cannot be seen what Python has added."""
    environment = {b"LC_CTYPE": b"C.UTF-8"}
    forget_coerced_locale(environment, str(tmp_path / "environ"))
    assert environment == {b"LC_CTYPE": b"C.UTF-8"}
