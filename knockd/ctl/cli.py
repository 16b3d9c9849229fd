"""The command knockctl: finds the subcommand, imports it, runs it.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

COMMANDS: Mapping[str, tuple[str, str]] = {
    "status": ("knockd.ctl.status", "how the daemon is, and who is in"),
    "open": ("knockd.ctl.open", "opens a door for an address"),
    "close": ("knockd.ctl.close", "closes a door, what is open for an address, or all"),
    "extend": ("knockd.ctl.extend", "gives an address that is in more time"),
    "forget": ("knockd.ctl.forget", "gives up on a door that could not be closed"),
    "reload": ("knockd.ctl.reload", "has the configuration read anew, and says what is wrong with it"),
    "test": ("knockd.ctl.test", "what a knock would run, and as whom; runs nothing"),
    "metrics": ("knockd.ctl.metrics", "figures for monitoring: OpenMetrics, node_exporter's textfile"),
    "doctor": ("knockd.ctl.doctor", "what locks people out, and what to do"),
    "keys": ("knockd.ctl.keys", "whose signed knocks open which doors, and when each last did"),
    "authorize": ("knockd.ctl.authorize", "lets an SSH key knock"),
    "revoke": ("knockd.ctl.revoke", "lets an SSH key knock no more"),
    "keygen": (
        "knockd.ctl.keygen",
        "makes a key of rotating sequences, of this host or of a fleet",
    ),
    "export": ("knockd.ctl.export", "what a client needs to know of a door, as knock:// address or QR"),
    "gen-sequences": ("knockd.ctl.gen_sequences", "makes random sequences for a one-time door"),
    "log": ("knockd.ctl.log", "what happened: openings, failed knocks, scans, failed commands"),
}
"""By its name: the module, whose ``run_command`` takes arguments and returns the status; what it does."""

INTERRUPTED = 130
"""What a shell reports for a command ended by SIGINT: 128 + 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``knockctl`` with the arguments after its name (default: the process's own).

    The exit status: 64 for no or an unknown subcommand, 74 where output could not be written, 130 after ^C,
    else that of the subcommand. A reader that goes away (``| head``) is no error.
    """
    for name in ("stdout", "stderr"):  # closed: what is written goes nowhere
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except SystemExit as end:  # argparse's, after --help
        return end.code if isinstance(end.code, int) else os.EX_OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return os.EX_OK
    except OSError as error:
        _drop_output()
        complain(f"could not write the output: {error.strerror}")
        return os.EX_IOERR
    return status


def complain(text: str) -> None:
    """Writes ``knockctl: ...`` to standard error."""
    print(f"knockctl: {text}", file=sys.stderr, flush=True)


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        status: int = import_module(COMMANDS[name][0]).run_command(arguments[1:])
        return status
    if name in {"-h", "--help", "help"}:
        print(_usage())
        return os.EX_OK
    if name in {"-V", "--version"}:
        from knockd import __version__

        print(f"knockctl {__version__}")
        return os.EX_OK
    from difflib import get_close_matches

    from knockd_conf.text import printable

    seen = f"got '{printable(name)}'" if name else "got none"
    for nearest in get_close_matches(name, COMMANDS, n=1):
        seen += f"; did you mean '{nearest}'?"
    if name.startswith("-"):
        seen += "; options come after it"
    complain(f"expected a subcommand ({', '.join(COMMANDS)}), {seen}\n{_usage()}")
    return os.EX_USAGE


def _usage() -> str:
    lines = [f"  {name:<13} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: knockctl SUBCOMMAND [OPTION...]",
            "",
            *lines,
            "",
            "knockctl SUBCOMMAND --help lists its options, knockctl --version the version.",
        ]
    )


def _drop_output() -> None:
    """Else the interpreter would fail on the unwritten rest when it ends."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.close(sink)
