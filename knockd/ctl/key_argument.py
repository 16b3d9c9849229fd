"""The public key that a subcommand is given: as a file, on standard input, or as the words of its line.

World: files and standard input.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from knockd.ctl.door_config import RefusedError
from knockd.ctl.terminal import is_terminal
from knockd_conf.key_line import KeyLine, is_kind, parse_key_line
from knockd_conf.text import garbles, printable

MAX_SIZE = 65_536
"""Bytes that are read: more than a line of any kind has."""

STDIN = "-"
_PRIVATE = ("PRIVATE KEY", "PuTTY-User-Key-File", "Private-Lines:", "-----BEGIN", "b3BlbnNzaC1rZXk")
"""The last one is how what OpenSSH writes begins in base64."""


def refuse_private(arguments: Sequence[str]) -> None:
    """Raises RefusedError where a private key was pasted, before a message shows a word of it."""
    if any(mark in argument for argument in arguments for mark in _PRIVATE):
        raise RefusedError(
            "expected a public key, got a private key on the command line, where other users can see it and"
            " the shell keeps it: use that key no more, make another one with 'ssh-keygen -t ed25519', and"
            " give the file that ends in .pub",
            os.EX_USAGE,
        )


def read_key_argument(words: Sequence[str]) -> KeyLine:
    """The key. Raises RefusedError, which shows nothing of what may be a private key."""
    if len(words) > 1 or " " in words[0] or is_kind(words[0]):
        return _parse(" ".join(words), "KEY")
    if words[0] == STDIN:
        return _parse(_read_stdin(), "standard input")
    return _parse(_read_file(words[0]), printable(words[0]))


def _parse(text: str, place: str) -> KeyLine:
    try:
        found = parse_key_line(text)
    except ValueError as error:
        raise RefusedError(f"{place}: {error}", os.EX_DATAERR) from None
    if any(map(garbles, found.comment)):
        raise RefusedError(f"{place}: expected a comment without control characters", os.EX_DATAERR)
    return found


def _read_stdin() -> str:
    if is_terminal(0):
        print("paste the line of the .pub file and press Enter", file=sys.stderr, flush=True)
        data = sys.stdin.buffer.readline(MAX_SIZE)
        while b"-----BEGIN" in data and b"-----END" not in data and (more := sys.stdin.buffer.readline()):
            data += more  # else the shell would be given the rest
        return _decode(data, "standard input")
    return _decode(sys.stdin.buffer.read(MAX_SIZE), "standard input")


def _read_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return _decode(file.read(MAX_SIZE), printable(path))
    except OSError as error:
        text = f"{printable(path)}: {printable(str(error.strerror))}"
        if isinstance(error, FileNotFoundError):
            text += "; expected FILE.pub, - for standard input, or the line of the key in quotes"
        raise RefusedError(text, os.EX_NOINPUT) from None


def _decode(data: bytes, place: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise RefusedError(f"{place}: expected text in UTF-8", os.EX_DATAERR) from None
