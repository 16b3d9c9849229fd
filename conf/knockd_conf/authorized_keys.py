"""The text of an authorized_keys file (sshd(8)) to keys, and what is wrong with it, by line.

A line is ``[OPTIONS] TYPE KEY [COMMENT]``; lines that begin with ``#`` are comments. Options are ``from=``
and ``expiry-time=`` as sshd(8) has them, and ``knock-doors=``. A line with a mistake lets nobody knock, the
others count, as they do for sshd. No message shows what may be a private key.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from knockd_conf.access import Networks
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import seen
from knockd_conf.expiry_time import Moment, parse_expiry
from knockd_conf.from_patterns import parse_from
from knockd_conf.key_line import EITHER, KeyLine, format_key_line, is_kind, read_key
from knockd_conf.ssh_keys import ED25519
from knockd_conf.text import MAX_DOOR_NAME, decoded, encoded, garbles, printable

MAX_SIZE: Final = 262_144
"""Largest file, in bytes; callers read at most one byte more and let ``parse_authorized_keys`` refuse it."""

MAX_KEYS: Final = 1_024
"""Over all files of a configuration."""

MAX_PROBLEMS: Final = 20
MAX_COMMENT: Final = 60
"""Characters of a comment that are kept."""

FROM: Final = "from"
EXPIRY: Final = "expiry-time"
DOORS: Final = "knock-doors"
EMPTY: Final = "expected a line with a key, got none: 'knockctl authorize FILE.pub' adds one"
"""The only problem of a file that has no line but comments."""

_OURS: Final = (FROM, EXPIRY, DOORS)
_EXPECTED: Final = f"{FROM}=, {EXPIRY}= or {DOORS}="

_OPTION: Final = re.compile(r'(?P<name>[A-Za-z0-9@._-]+)(?P<value>="(?P<text>(?:\\"|[^"])*+)")?')
_BLOCK: Final = re.compile(r"-{4,5} ?BEGIN ")
_END: Final = re.compile(r"-{4,5} ?END ")
_SHOWN: Final = re.compile(r"[a-z0-9@.-]{1,32}")
"""A word that is no piece of base64, but with a chance of one in thousands."""

_SESSIONS: Final = frozenset(
    {
        *(
            "agent-forwarding",
            "command",
            "environment",
            "no-agent-forwarding",
            "no-port-forwarding",
            "no-pty",
        ),
        *("no-user-rc", "no-x11-forwarding", "permitlisten", "permitopen", "port-forwarding", "principals"),
        *("pty", "restrict", "tunnel", "user-rc", "x11-forwarding"),
    }
)
"""Options of sshd(8) that say what a session may do."""

_REFUSED: Final = {
    "cert-authority": "no certificate is taken: give each key a line of its own",
    "no-touch-required": "a hardware key has to be touched for each knock: leave it out",
    "verify-required": "whether a PIN was asked for is not looked at: leave it out",
}


class AuthorizedKey(NamedTuple):
    """One key that may knock.

    ``public``: the 32 bytes of the Ed25519 key. ``comment`` is printable, at most MAX_COMMENT characters.
    ``application``: of a hardware key (``ssh:``), None for others. ``allow`` and ``deny`` are those of
    ``from=`` (empty allow: everybody), ``expires`` the time of ``expiry-time=`` in seconds since the epoch,
    the last at which it counts, None: never. ``doors`` are the names of ``knock-doors=``, None: all.
    ``fingerprint`` is OpenSSH's, ``SHA256:...``.
    """

    public: bytes
    comment: str
    fingerprint: str
    application: str | None = None
    allow: Networks = ()
    deny: Networks = ()
    expires: float | None = None
    doors: tuple[str, ...] | None = None
    line: int = 0


class AuthorizedFile(NamedTuple):
    """The keys of a file's good lines, and what is wrong with the others.

    Each problem is one sentence; it begins with ``line N: `` unless it is about the whole file, of which
    nothing counts then.
    """

    keys: tuple[AuthorizedKey, ...]
    problems: tuple[str, ...]


def parse_authorized_keys(data: bytes, local_time: Callable[[Moment], float]) -> AuthorizedFile:
    """Everything that the bytes of a file say; never raises.

    ``local_time`` has the seconds since the epoch of a time that is this host's.
    """
    if len(data) > MAX_SIZE:
        return AuthorizedFile((), (f"expected at most {MAX_SIZE} bytes, got more",))
    if b"\0" in data:
        message = "expected text with one byte a letter, got zero bytes (UTF-16?): save it as UTF-8"
        return AuthorizedFile((), (message,))
    keys: dict[bytes, AuthorizedKey] = {}
    problems: list[str] = []
    for number, line in _find_lines(data.removeprefix(b"\xef\xbb\xbf")):
        try:
            key = _parse_line(line, number, local_time)
            if (other := keys.get(key.public)) is not None:
                raise ValueError(f"expected each key once, this one is in line {other.line} too")
        except ValueError as error:
            problems.append(f"line {number}: {error}")
        else:
            keys[key.public] = key
    if not keys and not problems:
        problems.append(EMPTY)
    if len(keys) > MAX_KEYS:
        return AuthorizedFile((), (f"expected at most {MAX_KEYS} keys, got {len(keys)}",))
    left = len(problems) - MAX_PROBLEMS
    more = (f"and {left} more",) if left > 0 else ()
    return AuthorizedFile(tuple(keys.values()), (*problems[:MAX_PROBLEMS], *more))


def format_authorized(key: KeyLine, options: Sequence[tuple[str, str]] = ()) -> str:
    """The line of a key, without a newline; ``options`` are pairs of FROM, EXPIRY or DOORS and the value.

    Raises ValueError for a value that no line can have.
    """
    for name, value in options:
        if value.endswith("\\"):  # it would take the quote behind it for one of its own
            raise ValueError(f"expected a value of {name}= that ends with no backslash, got {seen(value)}")
    written = ",".join(f'{name}="{value.replace(chr(34), chr(92) + chr(34))}"' for name, value in options)
    return f"{written} {format_key_line(key)}".lstrip()


def _find_lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yields the lines that are to have a key; of a private key or another format its first line alone."""
    end: re.Pattern[str] | None = None
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = decoded(raw).strip(" \t\r")
        if end is not None:
            end = None if end.match(line) else end
        elif line and not line.startswith("#"):
            yield number, line
            if _BLOCK.match(line):
                end = _END
            elif line.startswith("PuTTY-User-Key-File"):
                return


def _parse_line(line: str, number: int, local_time: Callable[[Moment], float]) -> AuthorizedKey:
    _refuse_formats(line)
    options, rest = "", line
    if not is_kind(_first_word(line)):
        at = _end_of_options(line)
        options, rest = line[:at], line[at:].lstrip(" \t")
    words = re.split(r"[ \t]+", rest, maxsplit=2)
    if not is_kind(words[0]):
        raise ValueError(_explain_type(options, words[0]))
    found = _parse_options(options)
    if len(words) < 2:
        raise ValueError(f"expected a key behind {_quote(words[0])}, got none")
    key = read_key(words[0], words[1])
    allow, deny = parse_from(found[FROM]) if FROM in found else ((), ())
    return AuthorizedKey(
        key.public,
        printable(words[2])[:MAX_COMMENT] if len(words) > 2 else "",
        key.fingerprint,
        key.application,
        allow,
        deny,
        parse_expiry(found[EXPIRY], local_time) if EXPIRY in found else None,
        _parse_doors(found[DOORS]) if DOORS in found else None,
        number,
    )


def _refuse_formats(line: str) -> None:
    """Raises ValueError where a key begins that is no line of OpenSSH's."""
    if "PRIVATE KEY-----" in line and _BLOCK.match(line):
        raise ValueError(
            "expected a public key, got a private key: take it out of this file, put in the line of the file"
            " that ends in .pub, and use the private key no more"
        )
    if line.startswith("PuTTY-User-Key-File"):
        raise ValueError(
            "expected a public key, got a private key of PuTTY: PuTTYgen shows the line to put here"
        )
    if _BLOCK.match(line):
        raise ValueError("expected a key on one line: 'ssh-keygen -i -f FILE' converts this format")


def _first_word(text: str) -> str:
    return re.split(r"[ \t]", text, maxsplit=1)[0]


def _end_of_options(text: str) -> int:
    """Where the options end: at the first blank outside quotes."""
    quoted = False
    at = 0
    while at < len(text) and (quoted or text[at] not in " \t"):
        if text.startswith('\\"', at):
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    if quoted:
        raise ValueError("expected a closing quote in the options")
    return at


def _explain_type(options: str, word: str) -> str:
    """What is wrong with a line in which no type of a key is found where one has to be."""
    if _first_word(options).startswith("AAAA"):
        return f"expected {ED25519} in front of the key, got a key without its type"
    names = [found["name"].lower() for found in _OPTION.finditer(options)]
    known = any(name in (*_OURS, *_SESSIONS, *_REFUSED) for name in names)
    if known and not word:
        return "expected a key behind the options, got none"
    if known:
        return f"expected {EITHER} behind the options, got {_quote(word)}"
    return f"expected [OPTIONS] {EITHER} KEY [COMMENT], got {_quote(options)}"


def _quote(word: str) -> str:
    return seen(word) if _SHOWN.fullmatch(word) or is_kind(word) else "something else"


def _parse_options(text: str) -> dict[str, str]:
    """Values by the name of the option."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None:
            raise ValueError(f"expected options divided by commas ({_EXPECTED}), got something else")
        name, value = match["name"].lower(), match["text"]
        at = match.end()
        if name not in _OURS:
            raise ValueError(_explain_option(name, match["name"]))
        if value is None:
            raise ValueError(f'expected {name}="..." with the quotes')
        if name in found:
            raise ValueError(f"expected {name}= once, got it twice")
        found[name] = value.replace('\\"', '"')
        if at < len(text):
            if text[at] != ",":
                raise ValueError(f"expected a comma and another option, or a blank, behind {name}=")
            at += 1  # nothing may follow, as for sshd
    return found


def _explain_option(name: str, written: str) -> str:
    if name in _SESSIONS:
        return f"expected {_EXPECTED}, got {written}: it is about SSH sessions, leave it out here"
    if name in _REFUSED:
        return f"expected {_EXPECTED}, got {written}: {_REFUSED[name]}"
    return f"expected {_EXPECTED}, got {_quote(written)}"


def _parse_doors(text: str) -> tuple[str, ...]:
    names = text.split(",")
    for name in names:
        if name != name.strip() or not name or len(encoded(name)) > MAX_DOOR_NAME or any(map(garbles, name)):
            raise ValueError(f'expected {DOORS}="DOOR,DOOR", names without blanks around, got {seen(text)}')
    return tuple(dict.fromkeys(names))
