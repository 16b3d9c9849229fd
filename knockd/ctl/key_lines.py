"""Lines of authorized_keys files: one more in a text, one less, and how a key is told to people.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from knockd.review.clock import Clock
from knockd_conf.authorized_keys import AuthorizedKey, parse_authorized_keys
from knockd_conf.expiry_time import Moment
from knockd_conf.ssh_keys import ED25519, HARDWARE
from knockd_conf.text import encoded

Zone = Callable[[Moment], float]
"""The seconds since the epoch of a time that is this host's."""

NAMELESS = "a key without a comment"


class NotChangedError(Exception):
    """Why a file stays as it is; its text says so."""


def read_line(line: str, zone: Zone) -> AuthorizedKey:
    """The key of one line. Raises NotChangedError with what a daemon would say of it."""
    found = parse_authorized_keys(encoded(line), zone)
    if len(found.keys) != 1 or found.problems:
        raise NotChangedError(found.problems[0].removeprefix("line 1: "))
    return found.keys[0]


def add_line(old: bytes, line: str, zone: Zone) -> bytes:
    """The text of a file with a line more, whose key then counts. Raises NotChangedError."""
    key = read_line(line, zone)
    for one in parse_authorized_keys(old, zone).keys:
        if one.public == key.public:
            raise NotChangedError(explain_known(one))
    end = b"" if not old or old.endswith(b"\n") else b"\n"
    new = old + end + encoded(line) + b"\n"
    found = parse_authorized_keys(new, zone)
    if key not in [one._replace(line=key.line) for one in found.keys]:
        raise NotChangedError(f"{found.problems[0]}: mend it first")
    return new


def explain_known(key: AuthorizedKey) -> str:
    """What to say where a key is in a file already."""
    return (
        f"line {key.line} has this key already, of {name_key(key)}; to change what it may, remove it first:"
        f" knockctl revoke {key.fingerprint}"
    )


def remove_key(old: bytes, public: bytes, zone: Zone) -> bytes:
    """The text of a file without any line of a key; all else stays. Raises NotChangedError: there is none."""
    new = old
    while (line := _find_line(new, public, zone)) is not None:  # behind it a second one would count
        lines = new.split(b"\n")
        del lines[line - 1]
        new = b"\n".join(lines)
    if new == old:
        raise NotChangedError("the key is not in it any more")
    return new


def name_key(key: AuthorizedKey) -> str:
    """Whose key it is: its comment."""
    return key.comment or NAMELESS


def describe_key(key: AuthorizedKey, doors: Sequence[str], clock: Clock) -> Iterator[tuple[str, str]]:
    """Yields what a key may, as titles and texts; ``doors`` are those that it opens, as text."""
    yield "key", f"{kind_of(key)} {key.fingerprint}"
    yield "whose", name_key(key)
    yield "opens", ", ".join(doors) or "nothing"
    if key.doors is None:
        yield "", "(every door with this file, also those that come)"
    yield "until", "for ever" if key.expires is None else clock.show_time(key.expires)
    yield "from", show_origin(key) or "anywhere"


def show_origin(key: AuthorizedKey) -> str:
    """From where a key may knock; empty: from anywhere."""
    return ", ".join([*map(str, key.allow), *(f"not {one}" for one in key.deny)])


def kind_of(key: AuthorizedKey) -> str:
    """OpenSSH's name of its type."""
    return ED25519 if key.application is None else HARDWARE


def _find_line(data: bytes, public: bytes, zone: Zone) -> int | None:
    keys = parse_authorized_keys(data, zone).keys
    return next((key.line for key in keys if key.public == public), None)
