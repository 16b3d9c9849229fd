"""Which doors wait for a key on this host, or for the files of signed knocks.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.checks.keys import KeyFiles, find_keys
from knockd.checks.signed_keys import SignedFiles, explain_waiting, find_signed_keys
from knockd.doctor.findings import Finding, Looked
from knockd_conf.errors import Problem
from knockd_conf.key_file import KeyFile
from knockd_conf.model import Config, Door
from knockd_conf.text import printable

SUBJECT = "keys"
_MEND = "mend it, then run 'knockctl reload'"


def look_at_keys(
    config: Config, files: KeyFiles, signed: SignedFiles | None, missing: Problem | None, today: str
) -> Looked:
    """What keeps doors with a Sequence_Key or a Signed_Port from being opened.

    ``missing``: why signatures cannot be checked. ``today``: the date here (YYYY-MM-DD).
    """
    found = [*_find_waiting(config.doors, files, today)]
    if missing is not None:
        text, _, cure = missing.message.partition(": ")
        found.append(Finding("no-pynacl", text, cure, f"{missing.path}:{missing.line}"))
    if signed is not None:
        found += _find_waiting_signed(config, signed)
    return Looked(SUBJECT, tuple(found))


def _find_waiting_signed(config: Config, files: SignedFiles) -> Iterator[Finding]:
    for door, keys in zip(config.doors, find_signed_keys(config.doors, files), strict=True):
        if keys is not None and keys.waits:
            path, line, _ = door.place("signed_port")
            reason, cure = explain_waiting(config, door, files)
            text = f"door {printable(door.name)} waits for signed knocks: {reason}"
            yield Finding("signed-unusable", text, cure or _MEND, f"{path}:{line}")


def _find_waiting(doors: Sequence[Door], files: KeyFiles, today: str) -> Iterator[Finding]:
    for door, keys in zip(doors, find_keys(doors, files, today), strict=True):
        if keys is None or not keys.waits:
            continue
        path, line, _ = door.place("sequence_key")
        reason, cure = _explain(files[str(door.sequence_key)])
        text = f"door {printable(door.name)} waits for a key: {printable(str(door.sequence_key))}: {reason}"
        yield Finding("key-unusable", text, cure, f"{path}:{line}")


def _explain(file: KeyFile | str) -> tuple[str, str]:
    """Why no key of a file opens a door, and what to do."""
    if isinstance(file, str):
        return file, "give it back to root and to nobody else, or make a new one with 'knockctl keygen'"
    if file.problems:
        more = f" (and {len(file.problems) - 1} more mistakes)" if len(file.problems) > 1 else ""
        return file.problems[0] + more, "mend that line, or make it anew with 'knockctl keygen'"
    return (
        "every key in it has expired",
        "make new ones with 'knockctl keygen', and give them to their owners",
    )
