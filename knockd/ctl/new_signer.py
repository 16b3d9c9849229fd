"""The lines that let a key knock at some doors, and why a daemon would not take them.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.ctl.complaints import EX_CANTCREAT, EX_DATAERR, NOT_DONE
from knockd.ctl.door_config import RefusedError, insist_on_door
from knockd.ctl.key_lines import NotChangedError, Zone, explain_known, read_line
from knockd.ctl.signers import SignerFile, list_holdings
from knockd_conf.authorized_keys import DOORS, MAX_KEYS, AuthorizedKey, format_authorized
from knockd_conf.classes import NamedTuple
from knockd_conf.key_line import KeyLine
from knockd_conf.model import Config
from knockd_conf.text import printable


class Entry(NamedTuple):
    """A line for a file, and the key that a daemon will read in it."""

    file: SignerFile
    line: str
    key: AuthorizedKey


def choose_doors(config: Config, given: Sequence[str] | None, subcommand: str) -> list[str] | None:
    """The names of doors out of texts that have some, divided by commas; None: every door is meant.

    Raises RefusedError.
    """
    if not any(door.is_signed for door in config.doors):
        raise RefusedError(
            f"no door of {printable(config.path)} has a Signed_Port: knockctl keygen --host says what to add",
            NOT_DONE,
        )
    if given is None:
        return None
    known = {door.name for door in config.doors}
    names = [name for text in given for name in ([text] if text in known else text.split(","))]
    for name in names:
        if not insist_on_door(name, config.doors, subcommand).is_signed:
            raise RefusedError(f"no signed knock opens {printable(name)}: it has no Signed_Port", NOT_DONE)
    return list(dict.fromkeys(names))


def make_entries(
    files: Sequence[SignerFile],
    key: KeyLine,
    options: Sequence[tuple[str, str]],
    doors: Sequence[str] | None,
    zone: Zone,
) -> list[Entry]:
    """The entries of a key, one for each file of the doors. Raises RefusedError for what no daemon takes."""
    entries = []
    for file in files:
        names = [name for name in file.doors if doors is None or name in doors]
        if names:
            more = [] if doors is None else [(DOORS, ",".join(names))]
            try:
                line = format_authorized(key, [*options, *more])
                found = read_line(line, zone)
            except (NotChangedError, ValueError) as error:
                raise RefusedError(str(error), EX_DATAERR) from None
            if found.doors != (None if doors is None else tuple(names)):
                raise RefusedError(
                    f"{DOORS}= has no way to name {' and '.join(map(printable, names))}: give the door a name"
                    " without commas",
                    NOT_DONE,
                )
            entries.append(Entry(file, line, found))
    for problem in _find_obstacles(entries, files):
        raise problem
    return entries


def _find_obstacles(entries: Sequence[Entry], files: Sequence[SignerFile]) -> Iterator[RefusedError]:
    for file, _, key in entries:
        place = printable(file.path)
        if file.error and not file.missing:
            yield RefusedError(f"{place}: {file.error}", EX_CANTCREAT)
        for known in file.keys:
            if known.public == key.public:
                yield RefusedError(f"{place}: {explain_known(known)}", NOT_DONE)
    if len(list(list_holdings(files))) + len(entries) > MAX_KEYS:
        yield RefusedError(f"expected at most {MAX_KEYS} keys in all files: revoke some first", NOT_DONE)
