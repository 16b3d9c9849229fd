"""``ssh-keygen -Y sign``: signs with a private key's file, and asks on the terminal for its passphrase.

World: other programs.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Final

from knockd.client.signature import Signature
from knockd.client.sshsig import MAX_SIZE, parse_sshsig
from knockd.client.status import NO_PERMISSION, UNAVAILABLE, Refused
from knockd_conf.signed_packet import NAMESPACE
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.text import printable

PROGRAM: Final = "ssh-keygen"


def sign_with_file(path: str, key: PublicKey, message: bytes) -> Signature:
    """The signature of a message by the key in a file. Raises Refused.

    The message is in a file of its own: with standard input left alone, the program asks for a passphrase
    whether it has a terminal or a window to do so.
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
        # What it says of itself stands on standard error, as our own messages do.
        status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        advice = f"install OpenSSH's client, or give the key to an ssh-agent: ssh-add {place}"
        raise Refused(UNAVAILABLE, f"{PROGRAM}: {error.strerror}; {advice}") from None
    if status:
        raise Refused(NO_PERMISSION, f"{PROGRAM} has not signed with {place}: it ended with status {status}")
