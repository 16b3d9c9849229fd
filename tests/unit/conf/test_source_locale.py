"""Names that the locale has no characters for: found, read and shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemons.daemon import environment

ASCII = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}


@pytest.mark.parametrize("include", ["türen/*.conf", "türen/eins.conf"], ids=["pattern", "file"])
@pytest.mark.parametrize("option", ["-t", "--dry-run"])
def test_include(tmp_path: Path, include: str, option: str) -> None:
    """An Include is UTF-8 in any locale, and what is shown of doors is escaped."""
    folder = tmp_path / os.fsdecode("türen".encode())
    folder.mkdir()
    (folder / "eins.conf").write_bytes("[tür]\nsequence = 1,2\nstart_command = echo ö\n".encode())
    main = tmp_path / "knockd.conf"
    main.write_bytes(f"[options]\nInclude = {include}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "knockd", option, "-i", "lo", "-c", main],
        env=environment() | ASCII,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, True, "") == (done.returncode, "t\\xfcr" in done.stdout, done.stderr)
