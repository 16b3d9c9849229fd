"""The files of the fleet on disk: its key, the password for the store, certificates to check the store with.

Whoever reads them holds them from then on: the fleet child only, never the keeper.

World: files of the fleet.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from knockd.files.trusted import judge_public, judge_secret, open_trusted, read_at_most
from knockd_conf import knock_secret
from knockd_conf.classes import NamedTuple
from knockd_conf.knock_secret import FLEET, parse_secret
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
    password, ca = options.fleet_password, options.fleet_ca
    return Secrets(
        read_key(str(options.fleet_key), policy),
        None if password is None else read_password(password, policy),
        None if ca is None else read_certificates(ca, policy),
    )


def find_unusable(options: Options, policy: TrustPolicy) -> Iterator[tuple[str, OSError]]:
    """Yields the field of each file that cannot be used, with the reason."""
    readers = ("fleet_key", read_key), ("fleet_password", read_password), ("fleet_ca", read_certificates)
    for field, read in readers:
        path = getattr(options, field)
        if path is not None:
            try:
                read(path, policy)
            except OSError as error:
                yield field, error


def read_key(path: str, policy: TrustPolicy) -> bytes:
    """The key of a file. Raises OSError, whose ``strerror`` names it."""
    return _read(path, policy, judge_secret, knock_secret.MAX_SIZE, lambda data: parse_secret(data, FLEET))


def read_password(path: str, policy: TrustPolicy) -> str:
    """The password of a file: its first line. Raises OSError as above."""
    return _read(path, policy, judge_secret, MAX_PASSWORD, _parse_password)


def read_certificates(path: str, policy: TrustPolicy) -> str:
    """The certificates of a file, in PEM. Raises OSError as above."""
    return _read(path, policy, judge_public, MAX_SIZE, _parse_certificates)


def _parse_password(data: bytes) -> str:
    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line or len(line) > MAX_PASSWORD:
        raise ValueError(f"expected a password of at most {MAX_PASSWORD} bytes on the first line")
    try:
        return line.decode()
    except UnicodeDecodeError:  # its text shows a byte
        raise ValueError("expected a password in UTF-8 on the first line") from None


def _parse_certificates(data: bytes) -> str:
    if len(data) > MAX_SIZE:
        raise ValueError(f"expected at most {MAX_SIZE} bytes, got more")
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise ValueError("expected certificates in PEM, got none")
    return data.decode("ascii", "ignore")  # comments may hold names in any alphabet


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
