"""What this host has of what signed knocks need: their files, the clock, and PyNaCl.

Whoever calls ``current_signed`` has read the knock secret: short-lived processes only.

World: files of signed knocks and PyNaCl.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping

from knockd.checks.command_notes import is_elsewhere
from knockd.checks.signed_keys import SignedFiles
from knockd.sequences.kernel_clock import read_clock
from knockd.signed.key_files import read_authorized_keys, read_knock_secret
from knockd.signed.known_keys import CROWDED
from knockd.signed.signature import explain_missing
from knockd_conf.authorized_keys import MAX_KEYS, AuthorizedFile
from knockd_conf.errors import Problem
from knockd_conf.model import Config
from knockd_conf.trust import TrustPolicy


def current_signed(config: Config) -> SignedFiles | None:
    """What the files of signed knocks hold now; None: they are on another host."""
    signed = [door for door in config.doors if door.is_signed]
    if not signed:
        return SignedFiles()
    if is_elsewhere(config):
        return None
    policy = TrustPolicy.current(allow_insecure=config.insecure)
    secret = _judge_secret(str(config.options.knock_secret), policy)
    paths = dict.fromkeys(str(door.authorized_keys) for door in signed)
    keys = {path: _read_keys(path, policy) for path in paths}
    return SignedFiles(secret, dict(_without_crowds(keys)), read_clock().wall)


def _without_crowds(files: Mapping[str, AuthorizedFile | str]) -> Iterator[tuple[str, AuthorizedFile | str]]:
    """Yields the files, those that have more keys than the daemon takes as it tells of them."""
    left = MAX_KEYS
    for path, file in files.items():
        count = len(file.keys) if isinstance(file, AuthorizedFile) else 0
        yield path, file if count <= left else CROWDED
        left -= count if count <= left else 0


def _judge_secret(path: str, policy: TrustPolicy) -> str:
    """Why a secret cannot be used; empty: it can."""
    try:
        read_knock_secret(path, policy)
    except OSError as error:
        return _explain(error)
    return ""


def _read_keys(path: str, policy: TrustPolicy) -> AuthorizedFile | str:
    try:
        return read_authorized_keys(path, policy)
    except OSError as error:
        return _explain(error)


def _explain(error: OSError) -> str:
    hint = " to who is not root" if error.errno == errno.EACCES and os.geteuid() else ""
    return f"{error.strerror}{hint}"


def find_missing_package(config: Config) -> Problem | None:
    """What keeps this host from checking signatures where a door has signed knocks; None: nothing does."""
    door = next((door for door in config.doors if door.is_signed), None)
    if door is None or (missing := explain_missing()) is None:
        return None
    return Problem(*door.place("signed_port"), missing)
