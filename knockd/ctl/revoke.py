"""``knockctl revoke``: takes an SSH key out of the files of keys that may knock.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from difflib import get_close_matches

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.confirming import insist_on_yes
from knockd.ctl.door_config import RefusedError, add_config, insist_on_config
from knockd.ctl.key_change import change_keys
from knockd.ctl.key_lines import describe_key, name_key, remove_key
from knockd.ctl.loading import Keys, load_keys
from knockd.ctl.options import add_socket, read_socket
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.signers import Holding, SignerFile, find_holdings, list_holdings, read_signers
from knockd.ctl.terminal import complain, prepare_output
from knockd.review.clock import Clock
from knockd.signed.local_time import local_seconds
from knockd_conf.text import printable

SUBCOMMAND = "revoke"


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl revoke`` with the arguments after its name; the exit status.

    1: there is no such key, or more than one; 64 usage; 73 the file of keys cannot be written; 77 only root
    may read the configuration; 78 that is bad.
    """
    prepare_output()
    try:
        found = _parser().parse_args(list(arguments))
        _revoke(found)
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl revoke --help'", SUBCOMMAND)
        return os.EX_USAGE
    except RefusedError as error:
        complain(printable(str(error)), SUBCOMMAND)
        return error.status
    return os.EX_OK


def _revoke(found: argparse.Namespace) -> None:
    socket = read_socket(found)
    files = read_signers(insist_on_config(found.config))
    holdings = choose_holdings(files, found.who)
    for holding in holdings:
        _show(holding)
    if not found.yes:
        insist_on_yes("Let this key knock no more?", "nothing was removed")
    for holding in holdings:
        _remove(holding)
    key = holdings[0].key
    paths = {holding.file.path for holding in holdings}
    print(f"{name_key(key)} is not in {printable(' and '.join(sorted(paths)))} any more.")
    gone = {(path, key.fingerprint) for path in paths}

    def is_loaded(known: Keys) -> bool:
        return gone.isdisjoint(known)

    for line in load_keys(socket, found.config, is_loaded):
        print(line)
    print("What it has opened stays open until its time is over: knockctl status, knockctl close.")


def choose_holdings(files: Sequence[SignerFile], who: str) -> list[Holding]:
    """Where the one key is that is meant. Raises RefusedError: none is, or several are."""
    holdings = find_holdings(files, who)
    if not holdings:
        unread = [f"{file.path}: {file.error}" for file in files if file.error and not file.missing]
        if unread:
            raise RefusedError(unread[0], os.EX_NOINPUT)
        known = [one.key.comment for one in list_holdings(files)]
        near = get_close_matches(who, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "knockctl keys lists them"
        raise RefusedError(f"no key has the fingerprint or the comment '{who}'; {hint}", NOT_DONE)
    fingerprints = list(dict.fromkeys(one.key.fingerprint for one in holdings))
    if len(fingerprints) > 1:
        raise RefusedError(
            f"{len(fingerprints)} keys are called '{who}': name one of {', '.join(fingerprints)}", NOT_DONE
        )
    return holdings


def _show(holding: Holding) -> None:
    for title, text in describe_key(holding.key, holding.file.find_doors(holding.key), Clock()):
        print(f"{title:<6} {printable(text)}")
    print(f"{'file':<6} {printable(holding.file.path)}:{holding.key.line}")


def _remove(holding: Holding) -> None:
    change_keys(holding.file.path, lambda old: remove_key(old, holding.key.public, local_seconds))


def _parser() -> Parser:
    parser = Parser(
        prog="knockctl revoke",
        usage="knockctl revoke [OPTION...] FINGERPRINT|COMMENT",
        description="Takes an SSH key out of every Authorized_Keys of the configuration, once it was shown"
        " and you have said yes, and has the daemon read them: it knocks no more from then on.",
        epilog="See knockctl(1), and Signed knocks in knockd.conf(5).",
    )
    add = parser.add_argument
    add("who", metavar="FINGERPRINT|COMMENT", help="the key, as knockctl keys shows it")
    add("-y", "--yes", action="store_true", help="ask nothing")
    add_config(parser)
    add_socket(parser)
    return parser
