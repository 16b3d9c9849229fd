"""The files of the fleet on disk: its key, the password for the store, certificates to check the store with.

Whoever reads them holds them from then on: the fleet child only, never the keeper.

World: files of the fleet.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Final, TypeVar

from knockd.files.trusted import judge_public, judge_secret, open_trusted, read_at_most
from knockd_conf import knock_secret
from knockd_conf.classes import NamedTuple
from knockd_conf.knock_secret import parse_secret
from knockd_conf.model import Options
from knockd_conf.trust import TrustPolicy

MAX_SIZE: Final = 1_048_576
"""Bytes of the longest file with certificates."""

MAX_PASSWORD: Final = 1_024
"""Bytes of the longest password."""


_T = TypeVar("_T")


class Secrets(NamedTuple):
    """What the files hold. ``ca``: PEM; None: the system's certificates are used."""

    key: bytes
    password: str | None
    ca: str | None


def read_secrets(options: Options, policy: TrustPolicy) -> Secrets:
    """Reads the files that the options name. Raises OSError, whose ``strerror`` names one."""
    return Secrets(
        _read(str(options.fleet_key), policy, judge_secret, knock_secret.MAX_SIZE, parse_secret),
        _maybe(options.fleet_password, lambda path: read_password(path, policy)),
        _maybe(
            options.fleet_ca,
            lambda path: _read(path, policy, judge_public, MAX_SIZE, lambda data: data.decode("ascii")),
        ),
    )


def read_password(path: str, policy: TrustPolicy) -> str:
    """The password of a file: its first line. Raises OSError as above."""
    return _read(path, policy, judge_secret, MAX_PASSWORD, _parse_password)


def _parse_password(data: bytes) -> str:
    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line or len(line) > MAX_PASSWORD:
        raise ValueError(f"expected a password of at most {MAX_PASSWORD} bytes on the first line")
    return line.decode()


def _maybe(path: str | None, read: Callable[[str], _T]) -> _T | None:
    return None if path is None else read(path)


def _read(
    path: str,
    policy: TrustPolicy,
    judge: Callable[[str, os.stat_result, TrustPolicy], None],
    most: int,
    parse: Callable[[bytes], _T],
) -> _T:
    try:
        descriptor = open_trusted(path, os.O_RDONLY, policy=policy)
        try:
            judge(path, os.fstat(descriptor), policy)
            data = read_at_most(descriptor, most + 1)
        finally:
            os.close(descriptor)
        return parse(data)
    except OSError as error:
        raise OSError(error.errno, f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise OSError(errno.EINVAL, f"{path}: {error}") from None
