"""Has the daemon that runs take files of keys that have changed, and says whether it has.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from knockd.control.client import CallError, Control, ControlError
from knockd.ctl.asking import PATIENCE
from knockd.ctl.complaints import explain_refusal, list_problems
from knockd.ctl.fields import Fields, UnknownReply
from knockd_conf.text import printable

WAIT = 5.0
"""Seconds in which the daemon has read the files after a reload; if not, it is said how to look later."""

_PAUSE = 0.05

Keys = Collection[tuple[str, str]]
"""Files and fingerprints."""


def load_keys(socket: str, config_path: str, is_loaded: Callable[[Keys], bool]) -> Iterator[str]:
    """Has the daemon reload, and waits until ``is_loaded`` says yes of its keys; yields lines to print.

    One that runs with another configuration is left alone.
    """
    try:
        with Control(socket, PATIENCE) as control:
            running = Fields(control.call("Status")).text("config")
            if not names_config(running, config_path):
                yield f"The daemon that runs has another configuration, {running}: it was not asked."
                return
            control.call("Reload")
            yield _wait(control, is_loaded)
    except CallError as error:
        yield from _explain_refusal(error)
    except ControlError as error:
        if error.status == os.EX_UNAVAILABLE:
            yield "No daemon runs here: the next one that starts reads it."
        else:
            yield f"The daemon was not asked to reload: {printable(error.text)}"
            yield "If one runs, it reads its files of keys every minute."
    except UnknownReply:
        yield "The daemon is of another version: systemctl restart knockd starts the one that is installed."


def names_config(running: str, path: str) -> bool:
    """Whether a daemon's configuration is the file ``path``."""
    return running == printable(os.path.abspath(path))


def list_keys(control: Control) -> list[Any]:
    """Every key that a daemon knows, by its interface. Raises CallError, ControlError, UnknownReply."""
    found: list[Any] = []
    while True:
        reply = Fields(control.call("Keys", skip=len(found) or None))
        more = reply.items("keys", lambda one: one)
        found += more
        if not more or len(found) >= reply.count("keys_total"):
            return found


def _wait(control: Control, is_loaded: Callable[[Keys], bool]) -> str:
    deadline = time.monotonic() + WAIT
    while True:
        known = [(one.text("path"), one.text("fingerprint")) for one in map(Fields, list_keys(control))]
        if is_loaded(known):
            return "The daemon has reloaded: this holds from now on."
        if time.monotonic() >= deadline:
            return "The daemon has reloaded, and reads its keys still: knockctl keys says when it has."
        time.sleep(_PAUSE)


def _explain_refusal(error: CallError) -> Iterator[str]:
    if error.name == "ConfigRefused":
        yield "The daemon keeps the configuration that it has, for the new one is bad:"
        for problem in list_problems(error.parameters):
            yield f"  {printable(problem)}"
    else:
        said = explain_refusal(error.name, error.parameters, "reload")
        yield f"The daemon has not reloaded: {printable(said.text)}"
    yield "It reads its files of keys every minute all the same."
