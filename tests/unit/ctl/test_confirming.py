"""A question at the terminal before something changes."""

from __future__ import annotations

import os
import sys

import pytest

from knockd.ctl import confirming
from knockd.ctl.confirming import insist_on_yes
from knockd.ctl.door_config import RefusedError
from tests.support.lab.terminals import Terminal

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
ASK = (
    "from knockd.ctl.confirming import ask_yes_no; import sys; "
    "sys.stdin.close(); sys.exit({True: 10, False: 11, None: 12}[ask_yes_no('Let it in?')])"
)


@pytest.mark.parametrize(
    ("typed", "status"),
    [("y\n", 10), ("Yes\n", 10), ("n\n", 11), ("\n", 11), ("yet\n", 11), ("\x04", 11)],
)
def test_answers(typed: str, status: int) -> None:
    """Only yes is yes; the terminal is asked, whatever standard input is."""
    with Terminal([sys.executable, "-c", ASK], ENVIRONMENT) as terminal:
        terminal.wait_for("Let it in? [y/N] ")
        terminal.write(typed)
        assert status == terminal.wait_for_end()


def test_no_terminal() -> None:
    """A process without a terminal is told so."""
    import subprocess

    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, env=ENVIRONMENT, start_new_session=True, check=False)
    assert 12 == done.returncode


@pytest.mark.parametrize(
    ("answer", "text", "status"),
    [
        (None, "nothing was added: expected a terminal to ask at, got none; --yes asks nothing", 64),
        (False, "nothing was added", 1),
    ],
)
def test_without_a_yes(monkeypatch: pytest.MonkeyPatch, answer: bool | None, text: str, status: int) -> None:
    """Nothing is done without a yes."""
    monkeypatch.setattr(confirming, "ask_yes_no", lambda _: answer)
    with pytest.raises(RefusedError) as refused:
        insist_on_yes("Let it in?", "nothing was added")
    assert (text, status) == (str(refused.value), refused.value.status)


def test_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a yes it goes on."""
    monkeypatch.setattr(confirming, "ask_yes_no", lambda _: True)
    insist_on_yes("Let it in?", "nothing was added")
