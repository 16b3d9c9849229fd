"""``ssh-keygen -Y sign``: signs with a private key's file, and asks on the terminal for its passphrase.

World: other programs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO, Final

from knockd.client.signature import Signature
from knockd.client.sshsig import MAX_SIZE, parse_sshsig
from knockd.client.status import NO_PERMISSION, UNAVAILABLE, Refused
from knockd_conf.signed_packet import NAMESPACE
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.text import printable

PROGRAM: Final = "ssh-keygen"
TERMINAL: Final = "/dev/tty"


def sign_with_file(path: str, key: PublicKey, message: bytes) -> Signature:
    """The signature of a message by the key in a file. Raises Refused.

    The message is in a file of its own: standard input is where a passphrase may be asked for.
    """
    with tempfile.TemporaryDirectory(prefix="knock-") as folder:
        about = os.path.join(folder, "knock")
        with open(about, "wb") as file:
            file.write(message)
        _run(path, about)
        try:
            with open(f"{about}.sig", "rb") as file:
                text = file.read(MAX_SIZE + 1)
        except OSError as error:
            raise Refused(
                UNAVAILABLE, f"{PROGRAM}: expected a signature, got none: {error.strerror}"
            ) from None
    try:
        return parse_sshsig(text, key)
    except ValueError as error:
        raise Refused(UNAVAILABLE, f"{PROGRAM}: {error}") from None


def _run(path: str, about: str) -> None:
    command = (PROGRAM, "-q", "-Y", "sign", "-n", NAMESPACE, "-f", path, about)
    place = printable(path)
    try:
        with ExitStack() as opened:
            # What it says of itself stands on standard error, as our own messages do.
            status = subprocess.run(
                command, stdin=_keyboard(opened), stdout=subprocess.DEVNULL, check=False
            ).returncode
    except OSError as error:
        advice = f"install OpenSSH's client, or give the key to an ssh-agent: ssh-add {place}"
        raise Refused(UNAVAILABLE, f"{PROGRAM}: {error.strerror}; {advice}") from None
    if status:
        raise Refused(NO_PERMISSION, f"{PROGRAM} has not signed with {place}: it ended with status {status}")


def _keyboard(opened: ExitStack) -> IO[bytes] | int | None:
    """What the program may read a passphrase of: never what somebody has piped to us, or to our command."""
    if sys.stdin is not None and sys.stdin.isatty():
        return None
    try:
        return opened.enter_context(open(TERMINAL, "rb", buffering=0))
    except OSError:
        return subprocess.DEVNULL
