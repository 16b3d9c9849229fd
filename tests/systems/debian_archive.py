"""Fetches packages and sources of Debian: by apt, with a configuration of its own, not this machine's."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ENTRIES = {"sources.list": "\n", "sources.list.d/debian.sources": "\n\n"}
"""Where this machine names Debian's archive, and what is between its entries."""


def fetch_source(folder: Path, name: str) -> None:
    """Puts a source package of this machine's release into a folder. Raises CalledProcessError."""
    _run_apt(folder, "deb-src", None, "source", "--download-only", name)


def fetch_package(folder: Path, name: str, suite: str) -> Path:
    """Puts a package of a release into a folder, and unpacks it there. Raises CalledProcessError."""
    _run_apt(folder, "deb", suite, "download", name)
    [package] = folder.glob(f"{name}_*.deb")
    subprocess.run(("dpkg-deb", "-x", package, folder / name), check=True)
    return folder / name


def _run_apt(folder: Path, kind: str, suite: str | None, *words: str) -> None:
    """Runs apt-get in ``folder`` for the main archive's entries as ``kind``, of ``suite`` if it is named."""
    apt = folder / f"apt-{suite or kind}"
    for part in ("lists/partial", "cache/archives/partial", "parts"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    for name, separator in ENTRIES.items():
        file = Path("/etc/apt", name)
        if file.exists():
            entries = (entry for entry in file.read_text().split(separator) if "security" not in entry)
            text = re.sub(
                r"^(Types: *)?deb\b(?!-)", rf"\1{kind}", separator.join(entries), flags=re.MULTILINE
            )
            if suite is not None:
                text = re.sub(r"^(Suites: ).*", rf"\1{suite}", text, flags=re.MULTILINE)
                text = re.sub(r"^(deb(?: \[.*?\])? \S+) \S+", rf"\1 {suite}", text, flags=re.MULTILINE)
            (apt / "parts" / file.name).write_text(text)
    (apt / "apt.conf").write_text(
        f'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "{apt}/parts";\n'
        f'Dir::State::Lists "{apt}/lists";\nDir::Cache "{apt}/cache";\nAPT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
    for command in (("update",), words):
        subprocess.run(("apt-get", "-qq", *command), cwd=folder, env=environment, check=True)
