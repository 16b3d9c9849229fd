"""Attacks one target with atheris; libFuzzer's options follow its name. Status 77 when something broke."""

from __future__ import annotations

import importlib
import sys

import atheris


def main(name: str, options: list[str]) -> None:
    """Never returns."""
    with atheris.instrument_imports(include=["knockd", "knockd_bpf", "knockd_conf", "tests.fuzz.targets"]):
        target = importlib.import_module(f"tests.fuzz.targets.{name}")
    # For a merge libFuzzer starts itself again with this as the command.
    atheris.Setup([f"{sys.executable} -m tests.fuzz.attack {name}", *options], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
